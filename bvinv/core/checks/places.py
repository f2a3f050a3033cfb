"""Faults of bins, lots and reasons."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {}
