"""Runs of an import: chunk by chunk or all in one, resumed where one was cut off, once per key."""

import gc
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol, cast

from bvinv.core import command_log
from bvinv.core.db import Database, Session
from bvinv.core.files.sheets import Record, Sheet
from bvinv.core.imports import progress as import_progress
from bvinv.core.imports.progress import BEGINNING, Progress, Refusal
from bvinv.core.imports.rejects import Reject, RejectsFile, refuse_unfit
from bvinv.core.models.import_ import ImportRow
from bvinv.core.models.log import Command

# Rows a transaction: other writers wait 41 ms at most (RELIABILITY.md 2.7).
CHUNK = 2000
_FILLED = ("product", "barcode", "stock_level", "bin_level", "movement", "event", "command_log")
_MANY = 10_000  # new rows: what is filled is surveyed then, at ten times as many, and so on
_LARGE = 8 << 20  # characters: a chunk ends early when its rows have more


class Layout(NamedTuple):
    """How a file is to be read, as far as its content does not say so itself.

    `mapping` names the fields of columns, `-` for none; without a `header` the columns are called
    1, 2, 3 …; `currency` is that of prices which name none.
    """

    mapping: Mapping[str, str] = {}
    ignore_unknown: bool = False
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    currency: str | None = None

    def request(self) -> dict[str, Any]:
        """Return what of it decides the outcome, to be told from another request."""
        return self._asdict() | {"mapping": list(self.mapping.items())}


class Watch:
    """Hears how a run goes. This one does nothing about it."""

    def begins(self, kind: str) -> None:
        """Hear what the file is."""

    def took(self, rows: int, share: float) -> None:
        """Hear how many rows are done in all, and which share of the file that is."""


class Terms(NamedTuple):
    """How a run goes: where rejected rows are written, what is kept, what is gone on with."""

    rejects: Path | None = None
    dry_run: bool = False
    atomic: bool = False
    resume: bool = False
    key: str | None = None
    watch: Watch = Watch()

    def request(self) -> dict[str, Any]:
        """Return what of it decides the outcome: a run of all or nothing is one of its own."""
        return {"atomic": True} if self.atomic else {}


class Done(NamedTuple):
    """What became of a chunk's rows."""

    created: int
    updated: int
    skipped: int
    rejects: list[Reject]
    price_requests: int = 0


class Work(Protocol):
    """What one kind of import does with its rows."""

    def read(self, place: int, records: list[Record]) -> Any:
        """Return what the records say, the first of which has this place in the file, from 0."""

    def take(self, session: Session, rows: Any) -> Done:
        """Write what was read, as far as it may be written. It may be asked to do so again."""

    def keep(self) -> None:
        """Remember what was taken: it is committed."""

    def pass_over(self, database: Database, records: list[Record]) -> None:
        """Remember rows that an earlier run has taken."""


Begin = Callable[[], AbstractContextManager[Work]]


class _Stopped(Exception):
    """Some row of an atomic run was rejected: nothing may stay."""

    def __init__(self, result: ImportRow) -> None:
        super().__init__()
        self.result = result


def run(
    database: Database,
    sheet: Sheet,
    begin: Begin,
    *,
    name: str,
    asked: Command,
    terms: Terms,
    header: Sequence[str] = (),
    tries_in_one: bool = False,
) -> ImportRow:
    """Take the sheet's rows and return what became of them.

    2,000 rows are a transaction, or all of them if the run is atomic, or with `tries_in_one` if
    it is dry. A run whose key has a stored result answers that, and so does one that is to be
    resumed and is complete. `name` is the file's, `header` that of the rejects, else the sheet's.
    Raises Conflict for a key of another request, InvalidInput for rejects that cannot be written.
    """
    with database.read() as session:
        answered = command_log.replay(session, asked)
        earlier = BEGINNING
        if terms.resume and answered is None:
            earlier = import_progress.find(session, asked.request_hash)
    if answered is not None:
        return _replayed(answered)
    refuse_unfit(terms.rejects, name=name)
    going = _Run(database, sheet, begin, asked, terms, header or sheet.columns)
    if earlier.result is not None:
        return going.answer_again(earlier, earlier.result)
    terms.watch.begins(sheet.kind)
    if terms.atomic or (terms.dry_run and tries_in_one):
        return going.in_one()
    try:
        return going.by_chunks(earlier)
    except KeyboardInterrupt:
        going.tell_what_stands()
        raise


class _Run:
    """A run that has begun."""

    def __init__(
        self,
        database: Database,
        sheet: Sheet,
        begin: Begin,
        asked: Command,
        terms: Terms,
        header: Sequence[str],
    ) -> None:
        self._started = perf_counter()
        self._database = database
        self._sheet = sheet
        self._begin = begin
        self._asked = asked
        self._terms = terms
        self._header = header

    def by_chunks(self, earlier: Progress) -> ImportRow:
        """Keep each chunk by itself: a run that is killed has lost nothing but the rest."""
        with (
            self._begin() as work,
            self._rejects_file() as refused,
            _records(self._sheet) as records,
            _no_collector(),
        ):
            self._pass_over(earlier, records, refused, work)
            progress = earlier
            while chunk := _chunk(records):
                done, progress = self._keep(work, progress, chunk)
                refused.write(done.rejects)
                self._terms.watch.took(progress.rows, self._sheet.progress())
            # Published first: a run that is killed in between is resumed to publish it again.
            result = self._result(progress.counts, progress.rows, refused, refused.publish())
        if self._terms.dry_run:
            return result
        return self._database.run(
            lambda session: self._finish(session, progress, result), self._asked
        )

    def in_one(self) -> ImportRow:
        """Keep all rows together or, when one is rejected and the run is atomic, none."""
        try:
            return self._database.run(self._at_once, self._asked, dry_run=self._terms.dry_run)
        except _Stopped as stopped:
            return stopped.result

    def answer_again(self, earlier: Progress, stored: dict[str, Any]) -> ImportRow:
        """Return the answer of a run that is complete, its rejected rows written once more."""
        result = _replayed(stored)
        if self._terms.rejects is None or not result.rejected:
            return result
        self._terms.watch.begins(self._sheet.kind)
        with self._rejects_file() as refused, _records(self._sheet) as records:
            self._pass_over(earlier, records, refused)
            return result.model_copy(update={"rejects_file": refused.publish()})

    def tell_what_stands(self) -> None:
        """Tell the watch how far the run has come: the last chunk may be kept, or not."""
        with self._database.read() as session:
            kept = import_progress.find(session, self._asked.request_hash)
        if not self._terms.dry_run and kept.result is None:
            self._terms.watch.took(kept.rows, self._sheet.progress())

    def _rejects_file(self) -> RejectsFile:
        return RejectsFile(self._terms.rejects, self._sheet, self._header)

    def _pass_over(
        self,
        earlier: Progress,
        records: Iterator[Record],
        refused: RejectsFile,
        work: Work | None = None,
    ) -> None:
        """Go through the rows that are done with; what was rejected is written once more."""
        for start in range(0, earlier.rows, CHUNK):
            rows = range(start, min(start + CHUNK, earlier.rows))
            chunk = list(islice(records, len(rows)))
            with self._database.read() as session:
                rejected = import_progress.refusals(session, earlier, rows)
            refused.write(
                [
                    Reject(record, *rejected[place][1:])
                    for place, record in zip(rows, chunk, strict=True)
                    if place in rejected
                ]
            )
            if work is not None:
                taken = zip(rows, chunk, strict=True)
                work.pass_over(
                    self._database, [record for place, record in taken if place not in rejected]
                )
            self._terms.watch.took(rows.stop, self._sheet.progress())

    def _keep(self, work: Work, progress: Progress, chunk: list[Record]) -> tuple[Done, Progress]:
        """Take a chunk in a transaction of its own, together with how far the run is then."""
        read = work.read(progress.rows, chunk)

        def once(session: Session) -> tuple[Done, Progress]:
            done = _in_order(work.take(session, read), chunk)
            return done, self._advance(session, progress, chunk, done)

        asked = command_log.command(self._asked.name, actor=self._asked.actor)
        taken = self._database.run(once, asked, dry_run=self._terms.dry_run)
        work.keep()
        return taken

    def _advance(
        self, session: Session, progress: Progress, chunk: list[Record], done: Done
    ) -> Progress:
        rows = progress.rows + len(chunk)
        counts = _added(progress.counts, done)
        if self._terms.dry_run:
            return Progress(None, rows, counts, None)
        if _has_grown(progress.counts.get("created", 0), counts["created"]):
            session.survey(*_FILLED)
        return import_progress.advance(
            session,
            progress,
            request_hash=self._asked.request_hash,
            rows=rows,
            counts=counts,
            rejects=_refusals(progress.rows, chunk, done),
        )

    def _at_once(self, session: Session) -> ImportRow:
        if (answered := command_log.replay(session, self._asked)) is not None:
            return _replayed(answered)
        if self._asked.key is not None:
            command_log.record(session, self._asked)  # first, as `command_log.execute` does
        rows, counts = 0, dict[str, int]()
        with (
            self._begin() as work,
            self._rejects_file() as refused,
            _records(self._sheet) as records,
            _no_collector(),
        ):
            while chunk := _chunk(records):
                done = _in_order(work.take(session, work.read(rows, chunk)), chunk)
                work.keep()
                counts = _added(counts, done)
                rows += len(chunk)
                refused.write(done.rejects)
                self._terms.watch.took(rows, self._sheet.progress())
            if refused.count and self._terms.atomic:
                counts = {"skipped": rows - refused.count}
                raise _Stopped(self._result(counts, rows, refused, refused.publish()))
            result = self._result(counts, rows, refused, refused.publish())
        if self._terms.dry_run:
            changes = [level.changed_from(before) for before, level in session.touched.values()]
            return result.model_copy(update={"changes": changes})
        request = self._asked.request_hash
        progress = import_progress.advance(
            session, BEGINNING, request_hash=request, rows=rows, counts=counts, rejects=[]
        )
        return self._store(session, progress, result)

    def _result(
        self, counts: dict[str, int], rows: int, refused: RejectsFile, rejects_file: str | None
    ) -> ImportRow:
        return ImportRow(
            rows=rows,
            created=counts.get("created", 0),
            updated=counts.get("updated", 0),
            skipped=counts.get("skipped", 0),
            rejected=refused.count,
            rejects_file=rejects_file,
            seconds=round(perf_counter() - self._started, 3),
            errors=refused.errors,
            kind=self._sheet.kind,
            price_requests=counts.get("price_requests", 0),
        )

    def _finish(self, session: Session, progress: Progress, result: ImportRow) -> ImportRow:
        """Store the answer, unless somebody else was faster with the same key."""
        stored = command_log.replay(session, self._asked)
        return self._store(session, progress, result) if stored is None else _replayed(stored)

    def _store(self, session: Session, progress: Progress, result: ImportRow) -> ImportRow:
        """Store the answer, for who resumes the run and for who repeats its key."""
        if progress.rows:
            import_progress.complete(session, progress, result.record())
        command_log.remember(session, self._asked, result.record())
        return result


def _chunk(records: Iterator[Record]) -> list[Record]:
    """Return the next 2,000 records; fewer where they are so large that memory would not do."""
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        original = record.original
        size += len(original) if isinstance(original, str) else sum(map(len, original))
        if len(chunk) == CHUNK or size > _LARGE:
            break
    return chunk


def _added(counts: dict[str, int], done: Done) -> dict[str, int]:
    """Return the counts with those of a chunk."""
    return {
        name: counts.get(name, 0) + getattr(done, name)
        for name in ("created", "updated", "skipped", "price_requests")
    }


def _has_grown(before: int, created: int) -> bool:
    return created >= _MANY and len(str(created)) > len(str(max(before, _MANY // 10)))


def _in_order(done: Done, chunk: list[Record]) -> Done:
    """Return what became of a chunk with its rejects in the order of the file."""
    if not done.rejects:
        return done
    places = _places(chunk)
    return done._replace(rejects=sorted(done.rejects, key=lambda reject: places[id(reject.record)]))


def _refusals(start: int, chunk: list[Record], done: Done) -> list[Refusal]:
    if not done.rejects:
        return []
    places = _places(chunk)
    return [Refusal(start + places[id(record)], *error) for record, *error in done.rejects]


def _places(chunk: list[Record]) -> dict[int, int]:
    """Return the place of each record in its chunk; many may stand in one line of JSON."""
    return {id(record): place for place, record in enumerate(chunk)}


@contextmanager
def _records(sheet: Sheet) -> Iterator[Iterator[Record]]:
    """Yield the records, and end the reading with the block, while the file is still open."""
    with closing(cast(Generator[Record, None, None], sheet.records())) as records:
        yield records


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the cycle collector off a run: its rows make no cycles, and looking costs a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _replayed(stored: Any) -> ImportRow:
    return ImportRow.model_validate(stored | {"replayed": True})
