"""Faults of transfers."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {}
