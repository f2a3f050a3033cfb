"""Shortfalls: what was promised and is not there is suggested to be ordered at once."""

from collections.abc import Mapping

from bvinv.core.db import Session
from bvinv.core.models.log import Command
from bvinv.core.replenishment import needs, suggestions


def suggest(session: Session, short: Mapping[int, Command]) -> None:
    """Suggest what these levels need whose available is below zero; each with the command that
    made it short. Called when the movements are written, in the same transaction."""
    found = [need for need in needs.of(session, levels=short) if need.at.available < 0]
    suggestions.suggest(session, found, commands=short)
