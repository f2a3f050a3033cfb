"""Scan mode: a session of scanned lines, each one a transaction of its own."""
