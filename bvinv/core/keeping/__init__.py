"""Copies for the day when the machine is gone, and a look at how the database fares."""
