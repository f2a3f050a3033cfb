"""The channels that reservations come from."""
