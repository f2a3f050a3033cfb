"""The reasons that adjustments may give."""
