"""What tests of lots, bins and channels say often."""

from bvinv.core import catalog, channels, stock, warehouses
from bvinv.core.db import Database, Session
from bvinv.core.ledger import Place
from bvinv.core.models.stock import LevelRow
from tests import books

DAY = 24 * books.HOUR


def update(database: Database, sku: str, **fields: str) -> None:
    books.act(database, lambda s: catalog.change(s, ref=sku, fields=fields))


def track_lots(database: Database, *skus: str) -> None:
    for sku in skus:
        update(database, sku, tracks_lots="true")


def find_lot(
    database: Database, sku: str, quantity: int, lot: str, expires_on: int | None, **more: str
) -> LevelRow:
    """Put pieces of a lot into MAIN, on the shelf unless a bin is named."""
    return books.adjust(
        database,
        sku,
        more.pop("warehouse", "MAIN"),
        quantity,
        reason="found",
        lot=lot,
        expires_on=expires_on,
        **more,
    )


def add_channels(database: Database, **low: bool) -> None:
    """Add channels by their codes; true for low priority."""

    def action(session: Session) -> list[object]:
        return [
            channels.add(session, channel=code, name=code.title(), low_priority=is_low)
            for code, is_low in low.items()
        ]

    books.act(database, action)


def protect(database: Database, sku: str, safety_stock: int, warehouse: str = "MAIN") -> None:
    """Keep so many pieces from channels of low priority."""
    update(database, sku, protects_safety_stock="true")
    settings: dict[str, int | None] = {"safety_stock": safety_stock}
    books.act(
        database,
        lambda s: stock.configure(s, ref=sku, warehouse=warehouse, settings=settings),
    )


def place(session: Session, warehouse: str, name: str) -> Place:
    return warehouses.place(session, warehouses.site(session, warehouse), name)


def lots(database: Database, sku: str) -> list[tuple[str, str, int, bool]]:
    """Return warehouse, lot, pieces and whether it has expired."""
    rows = books.ask(database, lambda s: stock.lots_of(s, ref=sku))
    return [(row.warehouse, row.lot, row.quantity, row.expired) for row in rows]
