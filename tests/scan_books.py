"""What tests of scanning say often: open a session, scan lines, look at what became of them."""

from typing import Any

from bvinv.core import catalog, command_log
from bvinv.core.counts import counting
from bvinv.core.db import Database
from bvinv.core.models.scan import ScanRow, SessionRow
from bvinv.core.scanning import lines, sessions
from bvinv.core.scanning.desk import Desk
from bvinv.core.transfers import transfers
from tests import books

EAN = "9780141439518"  # of HX-1
CASE = "15012345678907"  # 12 of HX-1


def command(actor: str = "tester") -> Any:
    return command_log.command("receive --scan", actor=actor)


def begin(database: Database, mode: str = "receive", warehouse: str = "MAIN", **more: Any) -> Desk:
    actor = more.pop("actor", "tester")
    return database.run(
        lambda session: sessions.begin(session, mode=mode, warehouse=warehouse, **more),
        command(actor),
    )


def scan(database: Database, desk: Desk, line: str) -> ScanRow:
    """Scan one line; the desk is what it is afterwards."""
    after, row = lines.answer(database, desk, line, lambda: command(desk.actor))
    for name in Desk.__slots__:
        setattr(desk, name, getattr(after, name))
    return row


def outcomes(database: Database, desk: Desk, said: str) -> list[str]:
    """Scan these words, one a line; return `outcome quantity` of each."""
    rows = [scan(database, desk, line) for line in said.split("|")]
    return [f"{row.outcome} {row.quantity}" for row in rows]


def resume(database: Database, mode: str = "receive", **more: Any) -> Desk | None:
    more.setdefault("actor", "tester")
    more.setdefault("warehouse", "MAIN")
    return books.ask(database, lambda session: sessions.find_open(session, mode=mode, **more))


def close(database: Database, desk: Desk) -> SessionRow:
    return database.run(lambda session: sessions.close(session, desk), command(desk.actor))


def name(database: Database, ref: str, **fields: str) -> None:
    books.act(database, lambda session: catalog.change(session, ref=ref, fields=fields))


def shop(database: Database) -> Database:
    """Make MAIN with A-01 and A-02, and NORTH; HX-1 has an ISBN and a case, HX-2 and HX-3 none."""
    books.add_warehouses(database, "MAIN", "NORTH")
    for code in ("A-01", "A-02"):
        books.add_bin(database, "MAIN", code)
    books.add_products(database, "HX-1", "HX-2", "HX-3")
    name(database, "HX-1", isbn=EAN, barcode=f"{CASE}=12")
    return database


def open_count(database: Database, **more: Any) -> str:
    row = books.act(database, lambda session: counting.open(session, warehouse="MAIN", **more))
    return str(row.count)


def draft(database: Database, *wanted: tuple[str, int]) -> str:
    row = books.act(
        database,
        lambda session: transfers.create(session, lines=wanted, origin="MAIN", target="NORTH"),
    )
    return str(row.transfer)
