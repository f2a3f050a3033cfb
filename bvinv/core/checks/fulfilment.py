"""Faults of picks, packages and returns."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {}
