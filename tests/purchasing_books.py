"""What the tests of purchasing say often: suppliers, orders, receipts."""

from typing import Any

from bvinv.core import items, levels, warehouses
from bvinv.core.db import Database, Session
from bvinv.core.ledger import posting
from bvinv.core.models.order import OrderRow
from bvinv.core.models.receipt import ReceiptRow, ReceivedRow
from bvinv.core.purchasing import (
    order_rows,
    orders,
    receipt_rows,
    receipts,
    supplier_terms,
    suppliers,
)
from tests.books import act, ask, fetch

FIELDS = {"name": "Harbour", "currency": "GBP", "lead_time_days": "3"}


def parsed(said: str) -> list[tuple[str, int]]:
    """Return the lines of `HX-1=3 HX-2=1`."""
    return [(ref, int(pieces)) for ref, _, pieces in (one.partition("=") for one in said.split())]


def add_supplier(database: Database, code: str = "HARBOUR", **fields: str) -> Any:
    return act(database, lambda s: suppliers.add(s, name_code=code, fields=FIELDS | fields))


def terms(database: Database, ref: str, supplier: str = "HARBOUR", **fields: str) -> Any:
    def action(session: Session) -> list[Any]:
        return supplier_terms.put(session, suppliers.find(session, supplier), [(ref, fields)])

    return act(database, action)[0]


def draft(
    database: Database,
    said: str,
    *,
    supplier: str = "HARBOUR",
    warehouse: str = "MAIN",
    **more: Any,
) -> OrderRow:
    return act(
        database,
        lambda s: orders.create(
            s, supplier=supplier, warehouse=warehouse, lines=parsed(said), **more
        ),
    )


def place(database: Database, order: str, percent: int | None = None) -> OrderRow:
    return act(database, lambda s: orders.place(s, order=order, over_receipt_percent=percent))


def order(database: Database, said: str, *, percent: int | None = None, **more: Any) -> str:
    """Place an order; return its number."""
    return place(database, draft(database, said, **more).order, percent).order


def cancel(database: Database, number: str) -> OrderRow:
    return act(database, lambda s: orders.cancel(s, order=number))


def change(database: Database, number: str, said: str = "", **more: Any) -> OrderRow:
    return act(database, lambda s: orders.update(s, order=number, lines=parsed(said), **more))


def deliver(database: Database, number: str, said: str = "", **more: Any) -> ReceiptRow:
    """Receive these lines of an order, all that is outstanding if none is named."""
    return act(
        database,
        lambda s: receipts.receive_order(
            s, order=number, lines=parsed(said), everything=not said, **more
        ),
    )


def shown(database: Database, number: str, **more: Any) -> OrderRow:
    return ask(database, lambda s: order_rows.show(s, order=number, **more))


def parts(row: OrderRow) -> list[tuple[str, int, int, int, str]]:
    """Return SKU, ordered, received, outstanding and state of each line."""
    return [(one.sku, one.ordered, one.received, one.outstanding, one.state) for one in row.lines]


def receipt(database: Database, number: str) -> ReceiptRow:
    return ask(database, lambda s: receipt_rows.show(s, receipt=number))


def open_receipt(database: Database, **more: Any) -> int:
    return act_value(database, lambda s: receipts.open_receipt(s, **more))


def scan(database: Database, receipt_id: int, ref: str, quantity: int = 1, **more: Any) -> Any:
    row: ReceivedRow = act(
        database,
        lambda s: receipts.add(s, receipt_id=receipt_id, ref=ref, quantity=quantity, **more),
    )
    return row


def act_value(database: Database, action: Any) -> Any:
    """Run an action that returns no row; return what it returned."""
    kept: list[Any] = []

    def once(session: Session) -> list[Any]:
        kept[:] = [action(session)]
        return []

    act(database, once)
    return kept[0]


def take_back(database: Database, ref: str, warehouse: str, *steps: int) -> None:
    """Reverse these movements of a level as `undo` does, with the bookkeeping of receipts."""

    def action(session: Session) -> list[Any]:
        item, site = items.one(session, ref), warehouses.site(session, warehouse)
        [number] = [
            row[0]
            for row in session.wire.exec_driver_sql(
                f"SELECT id FROM stock_level WHERE product_id = {item.id} "
                f"AND warehouse_id = {site.id}"
            )
        ]
        listed = ", ".join(map(str, steps))
        moved = list(
            session.wire.exec_driver_sql(
                f"SELECT * FROM movement WHERE level_id = {number} AND level_seq IN ({listed})"
            )
        )
        receipts.lock_movements(session, moved)
        [level] = levels.lock(session, {item.id}, {site.id}).values()
        levels.load_places(session, [level])
        with posting(session) as current:
            for one in moved:
                [origin] = [p for p in level.places if (p.code, p.lot) == (one.to_bin, one.lot)]
                current.post(
                    level,
                    one.kind,
                    one.quantity,
                    origin=origin,
                    target=receipts.SUPPLIER,
                    document=one.document,
                    reverses=one.level_seq,
                )
            receipts.undo(session, current, moved)
            current.tell("movement.undone", item.sku, {})
        return []

    act(database, action)


def statuses(database: Database) -> list[tuple[int, str]]:
    """Return the id and the status of each order."""
    return fetch(database, "SELECT id, status FROM purchase_order ORDER BY id")
