"""Counting, at the terminal."""
