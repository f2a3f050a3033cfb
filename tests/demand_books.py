"""What the tests of demand say often."""

import io
from typing import Any

import numpy as np

from bvinv.core import command_log, instants
from bvinv.core.db import Database, Sql
from bvinv.core.models.demand import CalendarRow
from bvinv.core.models.import_ import ImportRow
from bvinv.core.replenishment import calendar, demand, history
from bvinv.core.replenishment.demand import Panel
from tests import books

# Rows of HX-3 at MAIN in the stocked database.
_HX_3 = {"product_id": 3, "warehouse_id": 1}
_POINTS = {"reorder_point": 4, "order_up_to": 9}
FORECAST_RUN = {
    "id": 1,
    "as_of_on": 20260228,
    "period": "week",
    "version": "1",
    "settings": "{}",
    "levels": 1,
    "command_id": 1,
    "recorded_at": 0,
}
FORECAST_LEVEL = {
    **_HX_3,
    **_POINTS,
    "run_id": 1,
    "lead_time_days": 7,
    "review_days": 7,
    "periods": 2,
    "service_level": 9500,
    "service_kind": "cycle",
    "mean": 2000,
    "deviation": 1000,
    "level": 4000,
    "safety_stock": 2,
    "method": "ensemble",
    "abc": "A",
    "xyz": "X",
    "quadrant": "smooth",
    "inputs": "{}",
}
FORECAST_OVERRIDE = {
    **_HX_3,
    **_POINTS,
    "reason": "fair",
    "until_on": 20260331,
    "command_id": 1,
    "created_at": 0,
}
REORDER_SUGGESTION = {
    **_HX_3,
    **_POINTS,
    "status": "closed",
    "quantity": 5,
    "available": 0,
    "inventory_position": 0,
    "reason": "below",
    "inputs": "{}",
    "command_id": 1,
    "created_at": 0,
    "updated_at": 0,
}


def put(database: Database, table: str, values: dict[str, Any]) -> None:
    """Insert a row as another module would."""
    with database.write(command_log.command("put", actor="tester")) as session:
        session.send(Sql.insert(table, *values), [values])


def at(clock: books.Clock, said: str) -> None:
    """Let it be 2026-03-07T12:00Z, or noon of a bare day."""
    clock.at = instants.parse(said if "T" in said else f"{said}T12:00:00Z")


def sell(database: Database, number: str, said: str) -> None:
    books.reserve(database, number, said)
    books.commit(database, number)


def sold_before(database: Database, *lines: str, **more: Any) -> ImportRow:
    """Import these lines of sku,date,quantity, at the warehouse of first priority."""
    return bring(database, "\n".join(["sku,date,quantity", *lines]), **more)


def bring(database: Database, content: str, **more: Any) -> ImportRow:
    more.setdefault("name", "sales.csv")
    source = io.BytesIO(content.encode())
    return history.import_demand(database, source, actor="tester", **more)


def entry(database: Database, begins_on: int, ends_on: int, **more: Any) -> CalendarRow:
    more.setdefault("name", "fair")
    return books.act(
        database, lambda s: calendar.add(s, begins_on=begins_on, ends_on=ends_on, **more)
    )


def panel(database: Database, **more: Any) -> Panel:
    """Return four weeks and two to come, unless told otherwise."""
    terms = {"length": 4, "ahead": 2} | more
    return books.ask(database, lambda s: demand.panel(s, **terms))


def row(found: Panel, sku: str, warehouse: str = "MAIN", what: str = "demand") -> list[Any]:
    """Return the row of a product in a warehouse, None for what is missing."""
    place = [*zip(found.skus, found.warehouses, strict=True)].index((sku, warehouse))
    return [None if np.isnan(x) else round(float(x), 4) for x in getattr(found, what)[place]]
