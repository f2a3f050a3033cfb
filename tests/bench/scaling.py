"""`stock show` in a small database and in a large one: it should not notice."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bvinv.core import history, stock
from bvinv.core.db import Database
from tests.bench import large
from tests.bench.measure import (
    ACTOR,
    WAREHOUSE,
    Options,
    Result,
    child_environment,
    fresh_database,
    interleaved,
    milliseconds,
    program,
    progress,
    raw_connection,
    run,
    seconds,
)

LOOKUPS = 500  # a measurement
AT_MOST = 1.2
EACH = 100  # movements of a product, of `movements`
CHUNK = 500_000  # rows that one statement makes

# Rows like those of the core, made by SQLite alone: 5 million through the ledger would take an
# hour. Nobody verifies them, so their hashes are zeros.
_COUNT = """
    WITH RECURSIVE counted(n) AS
         (SELECT :first UNION ALL SELECT n + 1 FROM counted WHERE n < :last)
"""
_PRODUCTS = f"""
    INSERT INTO product (id, sku, sku_key, title, author, description, status, popularity
         , attributes, options, version, created_at, updated_at)
    {_COUNT}
    SELECT n, 'SKU-' || n, 'sku-' || n, 'Title ' || n, 'Author ' || (n % 999), '', 'active', 0
         , '{{}}', '{{}}', 1, :now, :now FROM counted
"""
_LEVELS = f"""
    INSERT INTO stock_level (id, product_id, warehouse_id, on_hand, unsellable, reserved
         , in_transit, version, head_seq, head_hash, updated_at)
    {_COUNT}
    SELECT n, n, 1, :each, 0, 0, 0, :each, :each, zeroblob(32), :now FROM counted
"""
_MOVEMENTS = f"""
    INSERT INTO movement (id, level_id, level_seq, kind, reason, quantity, from_bin, to_bin
         , on_hand_change, reserved_change, on_hand, reserved, document, actor, command_id
         , occurred_at, recorded_at, reverses, previous_hash, hash)
    {_COUNT}
    SELECT n, 1 + (n - 1) % :levels, 1 + (n - 1) / :levels, 'receive', '', 1, 'supplier', 'SHELF'
         , 1, 0, 1 + (n - 1) / :levels, 0, 'DOCUMENT-' || (n / 100), '{ACTOR}', 1
         , :now + n, :now + n, 0, zeroblob(32), zeroblob(32) FROM counted
"""


class Size(NamedTuple):
    """How much a database holds."""

    levels: int
    movements: int

    def __str__(self) -> str:
        return f"{self.levels:,} levels"


SMALL = Size(10_000, 5_000)
LARGE = Size(100_000, 500_000)
FULL = Size(1_000_000, 5_000_000)


def measure(options: Options) -> list[Result]:
    """Look up stock in both databases, in this process and from the command line."""
    size = FULL if options.full else LARGE
    small, large = options.folder / "small.db", options.folder / "large.db"
    fill(small, SMALL)
    fill(large, size)
    few, many = Database(small), Database(large)
    interleaved(1, lambda: _look_up(few, SMALL), lambda: _look_up(many, size))
    inside = interleaved(options.repeat, lambda: _look_up(few, SMALL), lambda: _look_up(many, size))
    few.close()
    many.close()
    interleaved(1, lambda: _command(options, small), lambda: _command(options, large))
    outside = interleaved(
        max(options.repeat, 5) * 2,
        lambda: _command(options, small),
        lambda: _command(options, large),
    )
    return [
        _result(f"stock.show, {size}", [one / LOOKUPS for one in inside], size),
        _result(f"bvinv stock show, {size}", outside, size),
    ]


def measure_movements(options: Options) -> list[Result]:
    """Look up stock among 10,000 movements and among 10 million (`--full`), 100 a product; and,
    for what it is worth, the newest of them and all that a level is made of."""
    sizes = 10_000, 10_000_000 if options.full else 1_000_000
    paths = [options.folder / f"{size}.db" for size in sizes]
    for path, size in zip(paths, sizes, strict=True):
        large.build(path, products=size // EACH, movements=size)
    databases = [Database(path) for path in paths]
    asked: dict[str, tuple[Callable[[Any, str], object], float | None]] = {
        "stock.show": (lambda session, sku: stock.show(session, ref=sku), AT_MOST),
        "history.history": (lambda session, sku: history.history(session, ref=sku), None),
        "history.why": (
            lambda session, sku: history.why(session, ref=sku, warehouse=WAREHOUSE),
            None,
        ),
    }
    results = []
    for work, (ask, at_most) in asked.items():
        looks = [
            partial(_ask_all, database, ask, size // EACH)
            for database, size in zip(databases, sizes, strict=True)
        ]
        interleaved(1, *looks)
        took = interleaved(options.repeat, *looks)
        results.append(_grown(work, [one / LOOKUPS for one in took], sizes, at_most))
    for database in databases:
        database.close()
    shown = [partial(_command, options, path, "SKU-42") for path in paths]
    interleaved(1, *shown)
    took = interleaved(max(options.repeat, 5) * 2, *shown)
    return [*results, _grown("bvinv stock show", took, sizes, AT_MOST)]


def _ask_all(database: Database, ask: Callable[[Any, str], object], products: int) -> float:
    """Return what it takes to ask about products from all over the database."""

    def look() -> None:
        for place in range(LOOKUPS):
            with database.read() as session:
                ask(session, f"SKU-{1 + place * products // LOOKUPS}")

    return seconds(look)


def _grown(
    work: str, took: Sequence[float], sizes: tuple[int, int], at_most: float | None
) -> Result:
    ratio = took[1] / took[0]
    return Result(
        f"{work}, {sizes[1]:,} movements",
        f"{sizes[0]:,} movements: {milliseconds(took[0])}",
        milliseconds(took[1]),
        f"{ratio:.2f}x its time",
        f"≤ {at_most}x" if at_most else "–",
        ratio <= at_most if at_most else None,
        f"{EACH} movements of each product",
    )


def _result(work: str, took: list[float], size: Size) -> Result:
    least, most = took
    return Result(
        work,
        f"{SMALL}: {milliseconds(least)}",
        milliseconds(most),
        f"{most / least:.2f}x its time",
        f"≤ {AT_MOST}x",
        most / least <= AT_MOST,
        f"{size.movements:,} movements against {SMALL.movements:,}",
    )


def fill(path: Path, size: Size) -> None:
    """Make a database of this size; one that is lost in a power cut is no loss."""
    fresh_database(path).close()
    connection = raw_connection(path)
    for setting in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -262144"):
        connection.execute(f"PRAGMA {setting}")
    each = max(1, size.movements // size.levels)
    values = {"now": 1_772_355_600_000_000, "levels": size.levels, "each": each}
    for statement, rows in (
        (_PRODUCTS, size.levels),
        (_LEVELS, size.levels),
        (_MOVEMENTS, size.movements),
    ):
        _fill_table(connection, statement, rows, values)
    connection.close()


def _fill_table(connection: Any, statement: str, rows: int, values: dict[str, int]) -> None:
    table = statement.split()[2]
    for first in range(1, rows + 1, CHUNK):
        last = min(first + CHUNK - 1, rows)
        connection.execute(statement, {**values, "first": first, "last": last})
        if rows > CHUNK:
            progress(f"{table}: {last:,} of {rows:,}")


def _look_up(database: Database, size: Size) -> float:
    """Return what it takes to show products from all over the database, a snapshot each."""
    step = size.levels // LOOKUPS

    def look() -> None:
        for place in range(LOOKUPS):
            with database.read() as session:
                [row] = stock.show(session, ref=f"SKU-{1 + place * step}")
                assert row.on_hand

    return seconds(look)


def _command(options: Options, path: Path, sku: str = "SKU-4321") -> float:
    command: list[Path | str] = [program(), "--db", path, "stock", "show", sku]
    return seconds(lambda: run(command, folder=options.folder, env=child_environment()))
