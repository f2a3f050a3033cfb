"""A database made from a ledger in a file: what follows from the movements is computed again."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from time import perf_counter
from typing import Any, BinaryIO, ClassVar

from bvinv.core import db, verification
from bvinv.core.db import Database, Sql
from bvinv.core.errors import VerificationFailed
from bvinv.core.models.base import Row
from bvinv.core.moving import lines, log_format, targets
from bvinv.core.moving.log_format import Trailer
from bvinv.core.moving.projection import Impossible, Projection
from bvinv.core.moving.sides import ROWS, Side
from bvinv.core.moving.tables import Table, moved
from bvinv.core.moving.watch import Watch

LEVELS = 20_000  # replayed at a time
_SOLD = Sql("UPDATE product SET popularity = :pieces WHERE id = :product")
_BEFORE = Sql("SELECT count(*) AS movements FROM movement WHERE id < :id")


class ReplayRow(Row):
    """What a replay made."""

    columns: ClassVar[tuple[str, ...]] = (
        *("database", "rows", "movements", "levels", "seconds", "head", "verified"),
    )

    database: str
    rows: int
    movements: int
    levels: int
    seconds: float
    head: str
    verified: bool


def replay(
    target: Database, opened: Callable[[], BinaryIO], *, watch: Watch | None = None
) -> ReplayRow:
    """Make the database of a log, in a place where none is yet or an empty one.

    The file is read twice: it is whole and unchanged before anything is written. Then everything
    happens in one transaction, so that a database is there when it is proven, or none. `opened`
    returns the file at its beginning, and whoever gave it closes it.

    Raises InvalidInput for what is no log, Conflict for one of another release or where something
    is already, and VerificationFailed, with the line, for one that was cut, changed or damaged.
    """
    began = perf_counter()
    watch = watch or Watch()
    counts, trailer = _checked(opened())
    with (
        _made(target) as made,
        targets.opened(made, who="db log replay") as side,
        side.transaction(),
    ):
        if (version := side.version()) != db.SCHEMA:
            db.refuse_schema(target, str(version))
        targets.require_empty(side)
        _Replay(side, counts, trailer, watch).run(opened())
    return ReplayRow(
        database=str(target),
        rows=trailer.rows,
        movements=counts["movement"],
        levels=counts["stock_level"],
        seconds=round(perf_counter() - began, 3),
        head=trailer.head,
        verified=True,
    )


def _checked(file: BinaryIO) -> tuple[dict[str, int], Trailer]:
    """Return how many rows each table has, and the trailer, of a file that is what was written."""
    digest = hashlib.sha256()
    numbered = log_format.numbered(file)
    number, line = next(numbered, (1, b""))
    counts = log_format.header(number, line)
    seal = 0
    ahead = next(numbered, None)
    while ahead:
        digest.update(line)
        number, line = ahead
        ahead = next(numbered, None)
        if ahead:
            seal = log_format.checked(number, line, seal)
    trailer = log_format.trailer(number, line)
    if trailer.rows != number - 2 or sum(counts.values()) != trailer.rows:
        raise log_format.damaged(number, f"{trailer.rows} rows are said, {number - 2} are there")
    if digest.hexdigest() != trailer.sha256:
        raise log_format.damaged(number, "the lines before it are not those that were written")
    return counts, trailer


@contextmanager
def _made(target: Database) -> Iterator[Database]:
    """Yield where to replay to: the target, or a file that takes its place when the block ends
    well and nobody has made a database there meanwhile."""
    if target.path is None or target.path.exists():
        yield target
        return
    from bvinv.core.keeping import restores
    from bvinv.core.keeping.unfinished import unfinished

    target.path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(target.path) as file:
        with closing(Database(file.path, clock=target.clock)) as made:
            yield made
        restores.put(file, target)


class _Replay:
    """One replay, in the transaction of its target."""

    def __init__(self, side: Side, counts: dict[str, int], trailer: Trailer, watch: Watch) -> None:
        self.side = side
        self.counts = counts
        self.trailer = trailer
        self.watch = watch
        self.sold: dict[int, int] = {}
        self.bins = next(table for table in moved() if table.name == "bin_level")
        self.first = 0  # the line of the first movement
        self.done = 0

    def run(self, file: BinaryIO) -> None:
        """Write everything, and prove it."""
        back = self.side.strip(wholly=True)
        targets.clear_seeds(self.side, moved())
        numbered = log_format.numbered(file)
        next(numbered)
        for table in log_format.tables():
            rows = islice(numbered, self.counts[table.name])
            if table.name == "stock_level":
                # The movements of a level are found by its index.
                later = self._restore(back)
                self._project(table, rows)
            else:
                self._bring(table, rows)
        self._restore(later, wholly=True)
        self._prove()

    def _bring(self, table: Table, rows: Iterator[tuple[int, bytes]]) -> None:
        """Write rows as they are; a product has sold nothing yet."""
        first = self.done + 2
        if table.name == "movement":
            self.first = first
        try:
            self.side.insert(table, self._blocks(table, rows))
        except Exception as error:
            if not self.side.is_refusal(error):
                raise
            said = " ".join(str(error).split())[:200]
            raise VerificationFailed(
                f"a row of {table.name}, in lines {first} to {self.done + 1}, cannot be: {said}",
                line=first,
            ) from error

    def _blocks(self, table: Table, rows: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
        while batch := list(islice(rows, ROWS)):
            said = [
                lines.line(table, _row(table, log_format.values(table, number, line), {}))
                for number, line in batch
            ]
            self._told(len(batch))
            yield "".join(f"{line}\n" for line in said).encode()

    def _restore(self, statements: Sequence[str], *, wholly: bool = False) -> list[str]:
        """Bring back what is unique and what is indexed, wholly: everything; return the rest."""
        later = []
        for statement in statements:
            is_index = "INDEX" in statement.split("(")[0] or " UNIQUE " in statement
            if wholly or is_index:
                self.side.driver.execute(statement)
            else:
                later.append(statement)
        return later

    def _project(self, table: Table, rows: Iterator[tuple[int, bytes]]) -> None:
        """Write the levels as their movements leave them, and their bins."""
        projection = Projection(self.side.session)
        names = [column.name for column in log_format.columns(table)]
        places = [names.index(name) for name in ("id", "product_id", "warehouse_id")]
        while batch := list(islice(rows, LEVELS)):
            said = {}
            for number, line in batch:
                values = log_format.values(table, number, line)
                level, product, warehouse = (values[place] for place in places)
                said[level] = (values, product, warehouse)
            self._write_levels(projection, table, said)
            self._told(len(batch))
        self.side.session.send(
            _SOLD,
            [{"product": one, "pieces": pieces} for one, pieces in self.sold.items() if pieces],
        )

    def _write_levels(
        self, projection: Projection, table: Table, said: dict[int, tuple[list[Any], int, int]]
    ) -> None:
        try:
            found = projection.levels({level: (one[1], one[2]) for level, one in said.items()})
        except Impossible as error:
            raise self._impossible(error) from None
        levels, bins = [], []
        for number, level in found.items():
            values, product, _ = said[number]
            derived = {
                "on_hand": level.on_hand,
                "unsellable": level.unsellable,
                "reserved": level.reserved,
                "head_seq": level.seq,
                "head_hash": level.hash,
            }
            levels.append(lines.line(table, _row(table, values, derived)))
            self.sold[product] = self.sold.get(product, 0) + level.sold
            bins += [
                lines.line(self.bins, [number, place, lot, quantity])
                for (place, lot), quantity in sorted(level.bins.items())
            ]
        for into, block in ((table, levels), (self.bins, bins)):
            self.side.insert(into, ["".join(f"{line}\n" for line in block).encode()])

    def _impossible(self, error: Impossible) -> VerificationFailed:
        """Return what is wrong, with the line of the movement: they stand in the order of ids."""
        [row] = self.side.session.ask(_BEFORE, id=error.movement)
        return log_format.damaged(self.first + row.movements, error.why)

    def _prove(self) -> None:
        self.side.settle()
        if faults := self.side.faults():
            raise VerificationFailed(f"the file does not fit together: {faults[0]}")
        found = verification.verify(self.side.session)
        verification.require_sound(found)
        if found.head != self.trailer.head:
            raise VerificationFailed(
                f"the chains end in {found.head}, the file says {self.trailer.head}"
            )

    def _told(self, rows: int) -> None:
        self.done += rows
        self.watch.took(self.done, self.done / max(1, self.trailer.rows))


def _row(table: Table, values: Sequence[Any], derived: dict[str, Any]) -> list[Any]:
    """Return the values of all columns: those that were written, and those that follow."""
    written = iter(values)
    names = {column.name for column in log_format.columns(table)}
    return [
        next(written) if column.name in names else derived.get(column.name, 0)
        for column in table.columns
    ]
