"""What the tests say often: do, ask, count, compare, damage."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg

from bvinv.core import (
    adjustments,
    catalog,
    command_log,
    engines,
    promises,
    reservation_rows,
    reservations,
    stock,
    verification,
    warehouses,
)
from bvinv.core import bins as places
from bvinv.core import put_away as put_aways
from bvinv.core.db import Database, Session
from bvinv.core.models.reservation import ReservationRow
from bvinv.core.models.stock import LevelRow
from bvinv.core.purchasing import receiving
from bvinv.core.reservations import Line, Request

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_772_355_600 * SECOND  # 2026-03-01T09:00:00Z
TABLES = (
    "category",
    "product",
    "barcode",
    "warehouse",
    "bin",
    "stock_level",
    "bin_level",
    "movement",
    "reservation",
    "reservation_line",
    "command_log",
    "event",
    "price_change",
    "image_check",
    "import_run",
    "import_reject",
    "import_mapping",
    "channel",
    "lot",
    "supplier",
    "supplier_term",
    "purchase_order",
    "purchase_order_line",
    "receipt",
    "receipt_line",
    "transfer",
    "transfer_line",
    "pick",
    "pick_line",
    "package",
    "package_line",
    "customer_return",
    "stock_count",
    "stock_count_line",
    "scan_session",
    "scan",
    "unknown_barcode",
    "api_key",
    "webhook",
    "webhook_delivery",
    "job_lease",
    "demand_day",
    "calendar_entry",
    "service_target",
    "forecast_override",
    "forecast_run",
    "forecast_level",
    "reorder_suggestion",
    "reason",
)
# How far imports have come is kept in these; it is no part of what they did.
RUNS = ("import_run", "import_reject")
# The PostgreSQL schemas that a test touched with other means than bvinv's.
SPOILT: set[str] = set()
# The books on PostgreSQL that were found sound, and when; see `assert_sound`.
SOUND: set[tuple[str, int]] = set()
# What `damage` took from PostgreSQL schemas: the statements that bring it back to empty tables.
TAKEN: dict[str, list[str]] = {}


class Clock:
    """A clock that stands until somebody moves it."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def advance(self, microseconds: int) -> None:
        self.at += microseconds


def act(database: Database, action: Callable[[Session], Any], *, actor: str = "tester") -> Any:
    """Run the action as a fresh command; return what it returned."""
    kept: list[Any] = []

    def once(session: Session) -> Any:
        kept[:] = [action(session)]
        return kept[0]

    command_log.execute(database, once, command_log.command("test", actor=actor))
    return kept[0]


def ask(database: Database, question: Callable[[Session], Any]) -> Any:
    """Return the answer to a question that changes nothing."""
    with database.read() as session:
        return question(session)


def lines(said: str) -> list[Line]:
    """Return the lines of `HX-1=3 HX-2=1@NORTH`."""
    found = []
    for one in said.split():
        ref, _, rest = one.partition("=")
        quantity, _, warehouse = rest.partition("@")
        found.append(Line(ref, int(quantity), warehouse or None))
    return found


def reserve(database: Database, reservation_id: str, said: str, **terms: Any) -> ReservationRow:
    request = Request(reservation_id, lines(said), **terms)
    return act(database, lambda session: reservations.create(session, request))


def commit(
    database: Database, reservation_id: str, said: str = "", *, close: bool = False
) -> ReservationRow:
    parts = [(line.ref, line.quantity) for line in lines(said)]
    return act(
        database,
        lambda s: promises.commit(s, reservation_id=reservation_id, lines=parts, close=close),
    )


def release(database: Database, reservation_id: str) -> ReservationRow:
    return act(database, lambda s: promises.release(s, reservation_id=reservation_id))


def extend(database: Database, reservation_id: str, ttl: int) -> ReservationRow:
    return act(database, lambda s: promises.extend(s, reservation_id=reservation_id, ttl=ttl))


def expire(database: Database, batch: int = 500) -> tuple[int, int]:
    """Sweep; return how many reservations and pieces that was."""
    row = act(database, lambda session: promises.expire(session, batch=batch))
    return row.expired, row.pieces


def receive(database: Database, ref: str, quantity: int, warehouse: str, **more: Any) -> LevelRow:
    return act(
        database,
        lambda s: receiving.receive(s, ref=ref, quantity=quantity, warehouse=warehouse, **more),
    )


def adjust(
    database: Database, ref: str, warehouse: str, change: int | None = None, **more: Any
) -> LevelRow:
    more.setdefault("reason", "miscount")
    return act(
        database,
        lambda s: adjustments.adjust(s, ref=ref, warehouse=warehouse, change=change, **more),
    )


def put_away(
    database: Database, ref: str, quantity: int, warehouse: str, target: str, **more: Any
) -> LevelRow:
    return act(
        database,
        lambda s: put_aways.put_away(
            s, ref=ref, quantity=quantity, warehouse=warehouse, target=target, **more
        ),
    )


def show(database: Database, reservation_id: str) -> ReservationRow:
    return ask(database, lambda s: reservation_rows.show(s, reservation_id=reservation_id))


def level(database: Database, ref: str, warehouse: str, as_of: int | None = None) -> LevelRow:
    [row] = ask(database, lambda s: stock.show(s, ref=ref, warehouse=warehouse, as_of=as_of))
    return row


def counts(database: Database, ref: str, warehouse: str) -> tuple[int, int, int, int]:
    """Return on hand, reserved, available, backordered."""
    row = level(database, ref, warehouse)
    return row.on_hand, row.reserved, row.available, row.backordered or 0


def parts(row: ReservationRow) -> list[tuple[str, str, int, int, int, int]]:
    """Return SKU, warehouse, held, backordered, committed, released of each line."""
    return [
        (one.sku, one.warehouse, one.held, one.backordered, one.committed, one.released)
        for one in row.lines
    ]


def bins(database: Database, warehouse: str) -> dict[str, int]:
    """Return what lies in each bin of a warehouse, empty ones left out."""
    rows = ask(database, lambda s: places.bins(s, warehouse=warehouse))
    return {row.bin: row.quantity for row in rows if row.quantity}


def kinds(database: Database, ref: str) -> list[tuple[str, int, int, int]]:
    """Return kind, quantity, and the results on hand and reserved of each movement, in order."""
    return fetch(
        database,
        "SELECT kind, quantity, m.on_hand, m.reserved FROM movement AS m "
        "JOIN stock_level AS l ON l.id = m.level_id JOIN product AS p ON p.id = l.product_id "
        f"WHERE p.sku = '{ref}' ORDER BY m.id",
    )


def events(database: Database) -> list[tuple[str, str]]:
    """Return type and subject of each event, in order."""
    return fetch(database, "SELECT type, subject FROM event ORDER BY id")


def fetch(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, outside of everything that is tested."""
    with database.read() as session:
        return [tuple(row) for row in session.wire.exec_driver_sql(statement)]


def settled(database: Database) -> Database:
    """Return the database when a reader's position lies behind all that is written.

    On PostgreSQL that takes until whatever runs on the server, for other tests too, has ended.
    """
    end = time.monotonic() + 20
    while database.url:
        with database.read() as session:
            position = session.position("event")
            [(newest,)] = session.wire.exec_driver_sql("SELECT coalesce(max(xid), 0) FROM event")
        if newest < position or time.monotonic() > end:
            break
        time.sleep(0.02)
    return database


def snapshot(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table but of `RUNS`, to compare before with after."""
    tables = [table for table in TABLES if table not in RUNS]
    with database.read() as session:
        wire = session.wire.connection.driver_connection
        found = {table: wire.execute(f"SELECT * FROM {table}") for table in tables}
        return {table: sorted(rows, key=repr) for table, rows in found.items()}


def verify(database: Database) -> verification.VerificationRow:
    return ask(database, verification.verify)


def assert_sound(database: Database) -> None:
    """See that the books are sound. PostgreSQL needs 70 statements for that, most of them for books
    that a refusal left as many refusals before have left them: what was found sound once, to the
    last byte and at that moment, is not looked at again."""
    content = None
    if database.url:
        rows = " UNION ALL ".join(
            f"SELECT '{one}' || t::text AS said FROM {one} t" for one in TABLES
        )
        hashed = f"SELECT md5(string_agg(said, ' ' ORDER BY said)) FROM ({rows}) AS everything"
        content = (fetch(database, hashed)[0][0], database.clock())
    if content not in SOUND:
        assert verify(database).findings == []
        if content:
            SOUND.add(content)


def findings(database: Database) -> list[str]:
    """Return what verification says, each as `SKU@WAREHOUSE#movement detail`."""
    return [
        f"{one.subject or f'{one.sku}@{one.warehouse}'}#{one.movement} {one.detail}"
        for one in verify(database).findings
    ]


def raw(database: Database) -> Any:
    """Return a connection of the driver itself, with none of bvinv's settings; autocommits."""
    if database.path:
        return engines.sqlite_driver().connect(database.path, isolation_level=None, timeout=0)
    SPOILT.add(url(database))
    return psycopg.connect(url(database), autocommit=True)


def url(database: Database) -> str:
    """Return the driver's URL of a PostgreSQL database."""
    return str(database.url).replace("+psycopg", "")


def damage(database: Database, *statements: str) -> None:
    """Do what no command would: triggers off, foreign keys off, CHECKs off. The test that does
    this is not asked for sound books at its end."""
    database.__dict__["damaged"] = True
    if database.path:
        with closing(raw(database)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = 1")
            for verb in ("update", "delete", "replace"):
                connection.execute(f"DROP TRIGGER IF EXISTS movement_refuses_{verb}")
            for statement in statements:
                connection.execute(statement)
        return
    if any(statement.startswith("DROP ") for statement in statements):
        SPOILT.add(url(database))
    with psycopg.connect(url(database), autocommit=True) as wire:
        wire.execute("SET session_replication_role = replica")
        for statement in statements:
            while not _is_done(wire, statement, TAKEN.setdefault(url(database), [])):
                pass


def _is_done(wire: psycopg.Connection, statement: str, taken: list[str]) -> bool:
    """Execute a statement, or drop the CHECK that refuses it and note how to bring it back."""
    try:
        wire.execute(statement.encode())
    except psycopg.errors.CheckViolation as error:
        table, name = error.diag.table_name, error.diag.constraint_name
        [[check]] = wire.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conname = %s AND conrelid = %s::regclass",
            [name, table],
        )
        taken.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {check}')
        wire.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
        return False
    return True


def add_products(database: Database, *skus: str) -> None:
    def action(session: Session) -> list[Any]:
        return [catalog.add(session, fields={"sku": sku, "title": f"Book {sku}"}) for sku in skus]

    act(database, action)


def add_warehouses(database: Database, *codes: str) -> None:
    """Add warehouses, the first with priority 1, the next with 2."""

    def action(session: Session) -> list[Any]:
        return [
            warehouses.add(session, name_code=code, name=code.title(), priority=place)
            for place, code in enumerate(codes, start=1)
        ]

    act(database, action)


def add_bin(
    database: Database, warehouse: str, name: str, kind: str = "storage", **more: Any
) -> None:
    act(
        database,
        lambda s: warehouses.add_bin(s, warehouse=warehouse, name=name, kind=kind, **more),
    )
