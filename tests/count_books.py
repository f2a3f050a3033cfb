"""What the tests of counting say often."""

from typing import Any

from bvinv.core.counts import counting
from bvinv.core.db import Database
from bvinv.core.models.count import CountedRow, CountRow
from tests.books import act, ask, fetch


def open_count(database: Database, warehouse: str = "MAIN", **more: Any) -> str:
    """Open a count; return its number."""
    return act(database, lambda s: counting.open(s, warehouse=warehouse, **more)).count


def count(
    database: Database,
    number: str,
    ref: str,
    quantity: int,
    bin: str = "SHELF",
    *,
    actor: str = "tester",
    **more: Any,
) -> CountedRow:
    return act(
        database,
        lambda s: counting.add(s, count=number, ref=ref, bin=bin, quantity=quantity, **more),
        actor=actor,
    )


def post(database: Database, number: str, **more: Any) -> CountRow:
    return act(database, lambda s: counting.post(s, count=number, **more))


def show(database: Database, number: str) -> CountRow:
    return ask(database, lambda s: counting.show(s, count=number))


def posted(database: Database) -> list[tuple[Any, ...]]:
    """Return ends, quantity, reason and document of each movement that a count posted."""
    return fetch(
        database,
        "SELECT from_bin, to_bin, quantity, reason, document FROM movement "
        "WHERE kind = 'count' ORDER BY id",
    )
