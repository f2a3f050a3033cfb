"""`bvinv forecast`: demand to come, what to order, and why."""

from bvinv.commands.forecast import (
    calendar,
    demand,
    history,
    nights,
    reorder,
    reports,
    service,
)
from bvinv.commands.forecast.group import app

__all__ = ["app", "calendar", "demand", "history", "nights", "reorder", "reports", "service"]
