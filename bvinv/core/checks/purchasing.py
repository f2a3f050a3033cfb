"""Faults of purchase orders and receipts."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {}
