"""Rows from one database to another, and to a file."""
