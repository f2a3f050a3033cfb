"""What to order: demand from the ledger, levels from its forecast, orders from the levels."""
