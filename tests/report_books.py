"""What the tests of reports on stock say often."""

from typing import Any

from bvinv.core import catalog, command_log, items, warehouses
from bvinv.core.db import Database, Session, Sql
from tests import books

DAY = 24 * books.HOUR

_RUN = Sql.insert(
    "forecast_run",
    *("as_of_on", "period", "version", "settings", "levels", "command_id", "recorded_at"),
    after="RETURNING id",
)
_LEVEL: dict[str, Any] = {
    **{"supplier_id": None, "lead_time_days": 7, "review_days": 7, "periods": 2},
    **{"service_level": 9500, "service_kind": "cycle", "mean": 0, "deviation": 0, "level": 0},
    **{"reorder_point": 0, "safety_stock": 0, "order_up_to": 0, "method": "E", "abc": "A"},
    **{"xyz": "Y", "quadrant": "erratic", "inputs": "{}"},
}
_PUT = Sql.insert("forecast_level", "product_id", "warehouse_id", "run_id", *_LEVEL)


def priced(database: Database, said: str, **more: str) -> None:
    """Add the products of `HX-7=10.00 HX-8=`, in pounds unless told otherwise."""

    def action(session: Session) -> list[Any]:
        return [
            catalog.add(
                session,
                fields={"sku": sku, "title": f"Book {sku}"}
                | ({"price": price, "currency": "GBP"} | more if price else {}),
            )
            for sku, _, price in (one.partition("=") for one in said.split())
        ]

    books.act(database, action)


def night(database: Database, ref: str, warehouse: str = "MAIN", **more: Any) -> None:
    """Store what a night says of one level."""

    def action(session: Session) -> list[Any]:
        command_log.record(session, session.command)
        run = {"as_of_on": 20260228, "period": "week", "version": "1", "settings": "{}"}
        run |= {"levels": 1, "command_id": session.command.id, "recorded_at": session.now}
        [number] = session.insert(_RUN, [run])
        pair = {
            "product_id": items.one(session, ref).id,
            "warehouse_id": warehouses.site(session, warehouse).id,
        }
        session.send(_PUT, [_LEVEL | more | pair | {"run_id": number}])
        return []

    books.act(database, action)
