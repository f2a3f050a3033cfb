"""Faults of scan sessions."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {}
