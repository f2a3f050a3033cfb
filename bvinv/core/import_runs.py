"""Runs of an import: chunk by chunk, the rejected rows into a file of their own, once per key."""

import csv
import gc
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, NamedTuple, TextIO, cast

from bvinv.core import command_log, engines
from bvinv.core.columns import ERROR_COLUMNS, plain
from bvinv.core.db import Database, Session
from bvinv.core.errors import InvalidInput, InventoryError
from bvinv.core.files import Record, Sheet
from bvinv.core.models.import_ import ImportRow
from bvinv.core.models.log import Command

# Rows a transaction: other writers wait 41 ms at most (RELIABILITY.md 2.7).
CHUNK = 2000
_SHOWN = 20


class Reject(NamedTuple):
    """A row that was not taken, and why."""

    record: Record
    code: str
    field: str
    message: str

    @classmethod
    def because(cls, record: Record, error: InventoryError, field: str) -> "Reject":
        """Return the reject for what a rule said about the row."""
        return cls(record, error.code, field, error.detail)


class Done(NamedTuple):
    """What became of a chunk's rows."""

    created: int
    updated: int
    skipped: int
    rejects: list[Reject]


def ignore_progress(rows: int) -> None:
    """Tell nobody."""


def run(
    database: Database,
    sheet: Sheet,
    asked: Command,
    step: Callable[[list[Record]], Done],
    *,
    rejects: Path | None,
    dry_run: bool,
    on_progress: Callable[[int], None],
) -> ImportRow:
    """Take the sheet's rows through `step`, 2,000 at a time, and return what became of them.

    `step` keeps each chunk by itself, so a run that is killed has lost nothing but the rest. A
    run whose key has a stored result answers that. `on_progress` hears how many rows each chunk
    had. Raises Conflict for a key of another request.
    """
    started = perf_counter()
    with database.read() as session:
        stored = command_log.replay(session, asked)
    if stored is not None:
        return _replayed(stored)
    counts: Counter[str] = Counter()
    with RejectsFile(rejects, sheet) as refused:
        for chunk in chunks(sheet.records()):
            with _no_collector():
                done = step(chunk)
            counts.update(created=done.created, updated=done.updated, skipped=done.skipped)
            counts["rows"] += len(chunk)
            refused.write(done.rejects)
            on_progress(len(chunk))
        rejects_file = refused.publish()
    result = ImportRow(
        rows=counts["rows"],
        created=counts["created"],
        updated=counts["updated"],
        skipped=counts["skipped"],
        rejected=refused.count,
        rejects_file=rejects_file,
        seconds=round(perf_counter() - started, 3),
        errors=refused.errors,
    )
    if asked.key is None or dry_run:
        return result

    def remember(session: Session) -> ImportRow:
        stored = command_log.replay(session, asked)
        if stored is not None:
            return _replayed(stored)
        command_log.remember(session, asked, result.record())
        return result

    return database.run(remember, asked)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the cycle collector off a chunk: its rows make no cycles, and looking costs a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
            gc.collect(1)


def chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield the records by 2,000."""
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def _replayed(stored: Any) -> ImportRow:
    return ImportRow.model_validate(stored | {"replayed": True})


def _unfit(path: Path) -> str:
    """Return why no file can be made at this path; nothing if one can."""
    try:
        if path.is_dir():
            return "it is a folder"
        if not path.parent.is_dir():
            return "there is no such folder"
        return "" if os.access(path.parent, os.W_OK) else "its folder is not yours to write"
    except OSError as error:  # a name that is too long, a folder that may not be searched
        return str(error.strerror)


class RejectsFile:
    """The rejected rows as they came, each with its error behind it; complete or not there.

    A row that fits the header keeps its cells. One that does not is written as it was, so it does
    not fit the header of the rejects file either, and is refused again until somebody mends it.
    """

    def __init__(self, path: Path | None, sheet: Sheet) -> None:
        """Begin without a file: it is made for the first reject. Raises InvalidInput."""
        if path is not None and (why := _unfit(path)):
            raise InvalidInput(f"the rejects cannot be written to {path}: {why}")
        self._path = path
        self._sheet = sheet
        self._own = [
            place
            for place, column in enumerate(sheet.columns)
            if plain(column) not in ERROR_COLUMNS
        ]
        self._file: TextIO | None = None
        self.count = 0
        self.errors: list[dict[str, Any]] = []

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what was not published: the next run finds the same rejects again."""
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)

    def write(self, rejects: Sequence[Reject]) -> None:
        """Add rejects, by line."""
        if not rejects:
            return
        self.count += len(rejects)
        rejects = sorted(rejects, key=lambda reject: reject.record.line)
        for record, *error in rejects[: _SHOWN - len(self.errors)]:
            said = zip(("code", "field", "message"), error, strict=True)
            self.errors.append({"line": record.line, **dict(said)})
        if self._path is None:
            return
        file = self._file or self._open(self._path)
        if self._sheet.is_json:
            file.writelines(_object(reject) + "\n" for reject in rejects)
        else:
            csv.writer(file).writerows(self._row(reject) for reject in rejects)

    def publish(self) -> str | None:
        """Give the file its name, if there is one; return the name."""
        if self._file is None:
            return None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        Path(self._file.name).replace(str(self._path))
        self._file = None
        return str(self._path)

    def _open(self, path: Path) -> TextIO:
        try:
            # Half a surrogate pair, which JSON can spell, is spelt again.
            file = tempfile.NamedTemporaryFile(  # noqa: SIM115
                "w",
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
                dir=path.parent,
                prefix=f".{path.name}.",
                delete=False,
            )
        except OSError as error:
            raise InvalidInput(
                f"the rejects cannot be written to {path}: {error.strerror}"
            ) from None
        self._file = cast(TextIO, file)
        if not self._sheet.is_json:
            own = [self._sheet.columns[place] for place in self._own]
            csv.writer(self._file).writerow([*own, *ERROR_COLUMNS])
        return self._file

    def _row(self, reject: Reject) -> list[str]:
        cells = list(reject.record.original)
        if len(cells) == len(self._sheet.columns):
            cells = [cells[place] for place in self._own]
        return [*cells, *reject[1:]]


def _object(reject: Reject) -> str:
    line = str(reject.record.original)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        found = {"line": line.rstrip("\r\n")}
    errors = dict(zip(ERROR_COLUMNS, reject[1:], strict=True))
    return json.dumps(found | errors, ensure_ascii=False)


class Seen:
    """What a run has met so far, by name; on disk, so that a million rows need no more memory.

    It is no part of the database: a scratch file without a name, gone with the run.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._connection = engines.scratch()
        self._connection.execute(
            "CREATE TABLE seen (name TEXT PRIMARY KEY, line INTEGER, sku TEXT) WITHOUT ROWID"
        )

    def find(self, names: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Return the line and the SKU that each of these names was first seen with."""
        found = self._connection.execute(
            "SELECT name, line, sku FROM seen WHERE name IN (SELECT value FROM json_each(?))",
            (json.dumps(list(names)),),
        )
        return {name: (line, sku) for name, line, sku in found}

    def add(self, rows: Iterable[tuple[str, int, str]]) -> None:
        """Note names with their lines and SKUs."""
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()
