"""Reserving: through the core, with the same statements on the bare driver, and in groups."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from bvinv.core import command_log, reservations
from bvinv.core.db import Database, Session, Sql
from bvinv.core.reservations import Line, Request
from tests.bench.measure import (
    ACTOR,
    Options,
    Result,
    act,
    interleaved,
    rate,
    raw_connection,
    seconds,
    stocked_database,
)

TURN = 400  # reserves a measurement, of `reserve`
MANY = 1000  # reserves a measurement, of `group`
GROUP = 32
PRODUCTS = 50  # that the callers of `group` want, in turn
RECORDED = "RECORDED"  # the reservation whose statements are the floor


class Sent(NamedTuple):
    """One statement as the core sent it; `many` if it was sent with rows of values."""

    sql: Sql
    rows: list[dict[str, Any]]
    many: bool


Prepared = tuple[str, list[Any], bool]  # what the driver takes: statement, rows of values, many


def measure(options: Options) -> list[Result]:
    """Reserve one unit in a transaction of its own, through the core and on the bare driver."""
    database = stocked_database(options.folder / "core.db")
    floor = _Floor(options.folder / "floor.db")
    ids = count(1)

    def core_once() -> float:
        return seconds(lambda: _reserve_alone(database, ids, TURN))

    interleaved(1, lambda: floor.turn(50), core_once)
    least, took = interleaved(options.repeat, lambda: floor.turn(TURN), core_once)
    database.close()
    floor.close()
    return [
        Result(
            "reserve one unit",
            f"the same {floor.statements} statements: {rate(TURN, least)}",
            rate(TURN, took),
            f"{least / took:.2f} of its rate",
            "≥ 0.4",
            least / took >= 0.4,
            f"{took / TURN * 1e6:,.0f} µs each",
        )
    ]


def measure_group(options: Options) -> list[Result]:
    """Reserve one unit of one product after the other, in groups and one by one."""
    alone = stocked_database(options.folder / "alone.db", products=PRODUCTS)
    together = stocked_database(options.folder / "together.db", products=PRODUCTS)
    ids = count(1)

    def one_by_one() -> float:
        return seconds(lambda: _reserve_alone(alone, ids, MANY, PRODUCTS))

    def in_groups() -> float:
        return seconds(lambda: _reserve_in_groups(together, ids))

    interleaved(1, one_by_one, in_groups)
    least, took = interleaved(options.repeat, one_by_one, in_groups)
    alone.close()
    together.close()
    return [
        Result(
            f"reserve {MANY:,} in groups of {GROUP}",
            f"one by one: {rate(MANY, least)}",
            rate(MANY, took),
            f"{least / took:.1f}x its rate",
            "≥ 4x",
            least / took >= 4,
            f"{PRODUCTS} SKUs in turn",
        )
    ]


def _reserve(database: Database, reservation_id: str, sku: str = "SKU-1") -> None:
    request = Request(reservation_id, [Line(sku, 1)])
    act(database, lambda session: reservations.create(session, request))


def _reserve_alone(database: Database, ids: Iterator[int], times: int, products: int = 1) -> None:
    for place in range(times):
        _reserve(database, f"SO-{next(ids)}", f"SKU-{place % products + 1}")


def _reserve_in_groups(database: Database, ids: Iterator[int]) -> None:
    for start in range(0, MANY, GROUP):
        requests = [
            Request(
                f"SO-{next(ids)}",
                [Line(f"SKU-{place % PRODUCTS + 1}", 1)],
                command=command_log.command("bench", actor=ACTOR),
            )
            for place in range(start, min(start + GROUP, MANY))
        ]

        def group(session: Session, requests: Sequence[Request] = requests) -> list[Any]:
            return reservations.create_many(session, requests)

        answers = database.run(group, command_log.command("bench", actor=ACTOR))
        assert not any(isinstance(answer, Exception) for answer in answers)


@contextmanager
def _recording() -> Iterator[list[Sent]]:
    """Note every statement that sessions send to the driver until the block ends."""
    sent: list[Sent] = []
    real_one, real_many = Session._send, Session.send

    def one(session: Session, sql: Sql, values: dict[str, Any]) -> Any:
        answer = real_one(session, sql, values)
        sent.append(Sent(sql, [dict(values)], many=False))  # its lists are JSON by now
        return answer

    def many(session: Session, sql: Sql, rows: Sequence[dict[str, Any]]) -> int:
        if rows:
            sent.append(Sent(sql, [dict(row) for row in rows], many=True))
        return real_many(session, sql, rows)

    with patch.object(Session, "_send", one), patch.object(Session, "send", many):
        yield sent


class _Floor:
    """One reserve's statements, sent again and again to the bare driver with fresh ids.

    The values are put together before the clock starts: what is measured is SQLite alone.
    """

    def __init__(self, path: Path) -> None:
        database = stocked_database(path)
        _reserve(database, "FIRST")
        with _recording() as sent:
            _reserve(database, RECORDED)
        database.close()
        self._sent = sent
        self._connection = raw_connection(path)
        [self._first_command] = self._connection.execute(
            "SELECT max(id) FROM command_log"
        ).fetchone()
        self._done = 0
        self.statements = len(sent) + 2

    def turn(self, times: int) -> float:
        """Reserve so many times, one transaction each; return the seconds that took."""
        prepared = [self._again(self._done + place) for place in range(1, times + 1)]
        self._done += times
        took = seconds(lambda: self._send(prepared))
        [found] = self._connection.execute("SELECT count(*) FROM reservation").fetchone()
        assert found == self._done + 2
        return took

    def close(self) -> None:
        self._connection.close()

    def _send(self, prepared: Sequence[Sequence[Prepared]]) -> None:
        connection = self._connection
        for statements in prepared:
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows, many in statements:
                if many:
                    connection.cursor().executemany(statement, rows)
                else:
                    connection.execute(statement, rows[0]).fetchall()
            connection.execute("COMMIT")

    def _again(self, turn: int) -> list[Prepared]:
        """Return the recorded statements, the ids and the chain's places moved on by a turn."""

        def moved(name: str, value: Any) -> Any:
            if name == "command_id":
                return self._first_command + turn
            if name in ("level_seq", "old_seq", "new_seq"):
                return value + turn
            return value.replace(RECORDED, f"SO-{turn}") if isinstance(value, str) else value

        def values(sql: Sql, row: dict[str, Any]) -> Any:
            return sql.values({name: moved(name, value) for name, value in row.items()})

        return [
            (one.sql.on_sqlite, [values(one.sql, row) for row in one.rows], one.many)
            for one in self._sent
        ]
