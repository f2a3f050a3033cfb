"""What the tests of picks, packages and returns say often."""

from typing import Any

from bvinv.core import command_log, dates
from bvinv.core.db import Database
from bvinv.core.fulfilment import packing, picking, returns, shipping
from tests import books

DAY = 24 * books.HOUR


def start(database: Database, number: str = "SO-1") -> Any:
    return books.act(database, lambda s: picking.start(s, reservation_id=number))


def pick(database: Database, said: str = "", number: str = "SO-1", bin: str | None = None) -> Any:
    """Pick `HX-1=2 HX-2=1`, or everything."""
    parts = [(line.ref, line.quantity) for line in books.lines(said)]
    return books.act(
        database,
        lambda s: picking.pick(
            s, reservation_id=number, lines=parts, bin=bin, everything=not parts
        ),
    )


def short(database: Database, ref: str, number: str = "SO-1", **more: Any) -> Any:
    return books.act(database, lambda s: picking.short(s, reservation_id=number, ref=ref, **more))


def bring_back(database: Database, number: str = "SO-1") -> Any:
    return books.act(database, lambda s: picking.cancel(s, reservation_id=number))


def pack(
    database: Database, label: str = "P-1", said: str = "", number: str = "SO-1", **more: Any
) -> Any:
    parts = [(line.ref, line.quantity) for line in books.lines(said)]
    return books.act(
        database,
        lambda s: packing.pack(s, reservation_id=number, label=label, lines=parts, **more),
    )


def unpack(database: Database, label: str = "P-1", number: str = "SO-1") -> Any:
    return books.act(database, lambda s: packing.unpack(s, reservation_id=number, label=label))


def ship(database: Database, number: str = "SO-1", **more: Any) -> Any:
    return books.act(database, lambda s: shipping.ship(s, reservation_id=number, **more))


def unship(database: Database, number: str = "SO-1", **more: Any) -> Any:
    return books.act(database, lambda s: shipping.unship(s, reservation_id=number, **more))


def ready(database: Database, said: str, number: str = "SO-1", **more: Any) -> None:
    """Reserve, pick and pack."""
    books.reserve(database, number, said, **more)
    start(database, number)
    pick(database, "", number)
    pack(database, "P-1", "", number)


def come_back(database: Database, ref: str, quantity: int, **more: Any) -> Any:
    more = {"warehouse": "MAIN", "reason": "unwanted"} | more
    return books.act(database, lambda s: returns.receive(s, ref=ref, quantity=quantity, **more))


def decide(database: Database, number: str = "RT-1", **more: Any) -> Any:
    return books.act(database, lambda s: returns.decide(s, number=number, **more))


def stops(row: Any) -> list[tuple[str, str, int, int, int]]:
    """Return bin, SKU, quantity, picked, short of each line."""
    return [(one.bin, one.sku, one.quantity, one.picked, one.short) for one in row.lines]


def add_lots(database, days, clock):
    """Bring 4 of HX-3 in each of these lots, with so many days to their last; two days pass."""
    with database.write(command_log.command("lots", actor="tester")) as session:
        session.wire.exec_driver_sql("UPDATE product SET tracks_lots = 1 WHERE sku = 'HX-3'")
    for lot, left in days.items():
        last = dates.of(clock.at + left * DAY)
        books.receive(database, "HX-3", 4, "MAIN", bin="C-1", lot=lot, expires_on=last)
    clock.advance(2 * DAY)
