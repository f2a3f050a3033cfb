"""Forecasts of demand: arithmetic on arrays, without a session, a clock or a file."""
