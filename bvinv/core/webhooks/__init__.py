"""Webhooks: who is told what happened, and how it gets there."""
