"""What the tests of reordering say often."""

from typing import Any

from bvinv.core import command_log, items, stock, warehouses
from bvinv.core.db import Database, Session, Sql
from bvinv.core.models.reorder import ReorderRow, WhyRow
from bvinv.core.replenishment import explain, overrides, reorder, suggestions
from bvinv.core.replenishment.reorder import Ordered
from tests.books import act, ask, events, fetch
from tests.purchasing_books import act_value

TODAY = 20260301  # of the tests' clock
_RUN = Sql.insert(
    "forecast_run",
    *("as_of_on", "period", "version", "settings", "levels", "command_id", "recorded_at"),
    after="RETURNING id",
)
_COLUMNS = (
    *("product_id", "warehouse_id", "run_id", "lead_time_days", "review_days", "periods"),
    *("service_level", "service_kind", "mean", "deviation", "level", "reorder_point"),
    *("safety_stock", "order_up_to", "method", "abc", "xyz", "quadrant", "inputs"),
)
_LEVEL = Sql.insert(
    "forecast_level",
    *_COLUMNS,
    after="ON CONFLICT (product_id, warehouse_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:]),
)


def keep(
    database: Database, ref: str, point: int | None, warehouse: str = "MAIN", **more: Any
) -> None:
    """Type a reorder point, and with `max_stock` a maximum."""
    settings = {"reorder_point": point} | more
    act(
        database,
        lambda s: stock.configure(s, ref=ref, warehouse=warehouse, settings=settings),
    )


def forecast(
    database: Database,
    ref: str,
    point: int,
    up_to: int,
    warehouse: str = "MAIN",
    *,
    as_of: int = 20260228,
    mean: int = 7_000,
    deviation: int = 2_000,
    periods: int = 1,
    inputs: str = "{}",
) -> None:
    """Store what a night would say of a product; mean and deviation in thousandths of a piece."""

    def action(session: Session) -> int:
        command_log.record(session, session.command)
        run = {"as_of_on": as_of, "period": "week", "version": "1", "settings": "{}", "levels": 1}
        run |= {"command_id": session.command.id, "recorded_at": session.now}
        [number] = session.insert(_RUN, [run])
        pair = items.one(session, ref).id, warehouses.site(session, warehouse).id
        numbers = (mean, deviation, point * 1000, point, 1, up_to)
        row = (
            *pair,
            number,
            5,
            2,
            periods,
            9500,
            "cycle",
            *numbers,
            "combined",
            "A",
            "X",
            "smooth",
        )
        session.send(_LEVEL, [dict(zip(_COLUMNS, (*row, inputs), strict=True))])
        return int(number)

    act_value(database, action)


def override(database: Database, ref: str, point: int, until_on: int = TODAY, **more: Any) -> None:
    said = {"warehouse": "MAIN", "reason": "a school asked", "until_on": until_on} | more
    act(database, lambda s: overrides.put(s, ref=ref, reorder_point=point, **said))


def report(database: Database, **more: Any) -> list[ReorderRow]:
    rows, _ = ask(database, lambda s: reorder.page(s, **more))
    return rows


def needed(database: Database, **more: Any) -> list[tuple[str, str, int, int, int]]:
    """Return SKU, warehouse, position, reorder point and quantity of each line."""
    return [
        (
            row.sku,
            row.warehouse,
            row.inventory_position,
            row.reorder_point,
            row.suggested_quantity,
        )
        for row in report(database, **more)
    ]


def order(database: Database, **more: Any) -> Ordered:
    return act_value(database, lambda s: reorder.order(s, **more))


def documents(done: Ordered) -> list[tuple[str, int, str | None]]:
    """Return SKU, quantity and draft of each line."""
    return [(row.sku, row.suggested_quantity, row.order or row.transfer) for row in done.rows]


def refresh(database: Database) -> int:
    return act_value(database, suggestions.refresh)


def suggested(database: Database) -> list[tuple[Any, ...]]:
    """Return SKU, status and quantity of each suggestion, in the order in which they were made."""
    return fetch(
        database,
        "SELECT p.sku, s.status, s.quantity FROM reorder_suggestion AS s "
        "JOIN product AS p ON p.id = s.product_id ORDER BY s.id",
    )


def told(database: Database) -> list[tuple[str, str]]:
    """Return type and subject of the events about reordering."""
    return [one for one in events(database) if one[0].startswith("reorder.")]


def why(database: Database, ref: str, warehouse: str = "MAIN") -> WhyRow:
    [row] = ask(database, lambda s: explain.why(s, ref=ref, warehouse=warehouse))
    return row
