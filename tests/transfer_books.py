"""What tests of transfers and of undo say often."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import undo
from bvinv.core.db import Database
from bvinv.core.models.stock import MovementRow
from bvinv.core.models.transfer import TransferRow, UndoneRow
from bvinv.core.transfers import transfers
from tests import books


def pairs(said: str) -> list[tuple[str, int]]:
    """Return the lines of `HX-1=3 HX-2=1`."""
    return [(line.ref, line.quantity) for line in books.lines(said)]


def draft(
    database: Database, said: str, origin: str = "MAIN", target: str = "NORTH", **more: Any
) -> str:
    """Draft a transfer; return its number."""
    row = books.act(
        database,
        lambda s: transfers.create(s, lines=pairs(said), origin=origin, target=target, **more),
    )
    return str(row.transfer)


def ship(database: Database, transfer: str) -> TransferRow:
    return books.act(database, lambda s: transfers.ship(s, transfer=transfer))


def send(database: Database, said: str, origin: str = "MAIN", target: str = "NORTH") -> str:
    """Draft and ship a transfer; return its number."""
    return ship(database, draft(database, said, origin, target)).transfer


def arrive(database: Database, transfer: str, said: str = "", **more: Any) -> TransferRow:
    return books.act(
        database, lambda s: transfers.receive(s, transfer=transfer, lines=pairs(said), **more)
    )


def close(
    database: Database, transfer: str, lost: str = "", returned: str = "", **more: Any
) -> TransferRow:
    return books.act(
        database,
        lambda s: transfers.close(
            s, transfer=transfer, lost=pairs(lost), returned=pairs(returned), **more
        ),
    )


def cancel(database: Database, transfer: str) -> TransferRow:
    return books.act(database, lambda s: transfers.cancel(s, transfer=transfer))


def show(database: Database, transfer: str, as_of: int | None = None) -> TransferRow:
    return books.ask(database, lambda s: transfers.show(s, transfer=transfer, as_of=as_of))


def parts(row: TransferRow) -> Sequence[tuple[str, str, int, int, int, int, int, int]]:
    """Return SKU, lot, and asked, shipped, received, lost, returned, in transit of each line."""
    return [
        (
            one.sku,
            one.lot,
            one.quantity,
            one.shipped,
            one.received,
            one.lost,
            one.returned,
            one.in_transit,
        )
        for one in row.lines
    ]


def stands(database: Database, ref: str) -> list[tuple[str, int, int]]:
    """Return warehouse, on hand and in transit of each level of a product."""
    rows = books.ask(database, lambda s: books.stock.show(s, ref=ref))
    return [(row.warehouse, row.on_hand, row.in_transit) for row in rows]


def newest(database: Database, kind: str) -> int:
    """Return the id of the newest movement of a kind that is no reversal."""
    [(found,)] = books.fetch(
        database, f"SELECT max(id) FROM movement WHERE kind = '{kind}' AND reverses = 0"
    )
    return int(found)


def undo_movement(database: Database, movement_id: int) -> MovementRow:
    return books.act(database, lambda s: undo.movement(s, movement_id=movement_id))


def undo_document(database: Database, number: str) -> UndoneRow:
    return books.act(database, lambda s: undo.document(s, number=number))
