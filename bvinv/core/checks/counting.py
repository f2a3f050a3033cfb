"""Faults of counts."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {}
