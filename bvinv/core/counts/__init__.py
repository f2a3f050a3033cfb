"""Counting: sessions, what was counted where, and what follows from it."""
