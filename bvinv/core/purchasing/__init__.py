"""Goods bought: suppliers, what they ask, orders, and what came in."""
