"""How far an import has come, kept in the transaction of the rows themselves.

One record a request (what is imported, and every option that decides how): a run that begins anew
takes the place of the earlier one, and records that nobody has touched for 30 days are dropped.
A run whose record another run has taken goes on without one: both do the same work.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core.db import Session, Sql

KEPT_FOR = 30 * 24 * 3600 * 1_000_000  # microseconds
_FIND = Sql("""
    SELECT id, rows, counts, result FROM import_run
     WHERE request_hash = :hash ORDER BY id DESC LIMIT 1
""")
_REJECTS = Sql("""
    SELECT place, code, field, message FROM import_reject
     WHERE run_id = :run AND place >= :beginning AND place < :ending
""")
_FORGET = Sql("DELETE FROM import_run WHERE request_hash = :hash OR updated_at < :before")
_BEGIN = Sql.insert(
    "import_run", "request_hash", "rows", "counts", "updated_at", after="RETURNING id"
)
_GO_ON = Sql("""
    UPDATE import_run SET rows = :rows, counts = :counts, updated_at = :updated_at
     WHERE id = :id AND rows = :before
""")
_COMPLETE = Sql("""
    UPDATE import_run SET result = :result, updated_at = :updated_at WHERE id = :id AND rows = :rows
""")
_REJECT = Sql.insert("import_reject", "run_id", "place", "code", "field", "message")
_OVERTAKEN = 0


class Progress(NamedTuple):
    """How many rows of the file are done with, what became of them, and the answer at the end.

    `id` is None until the first rows are done, and 0 when another run has taken the record.
    """

    id: int | None
    rows: int
    counts: dict[str, int]
    result: dict[str, Any] | None


class Refusal(NamedTuple):
    """Why the row at a place, counted from 0, was rejected."""

    place: int
    code: str
    field: str
    message: str


BEGINNING = Progress(None, 0, {}, None)


def find(session: Session, request_hash: str) -> Progress:
    """Return how far a run with this request has come."""
    found = session.ask(_FIND, hash=request_hash)
    if not found:
        return BEGINNING
    [row] = found
    result = None if row.result is None else json.loads(row.result)
    return Progress(row.id, row.rows, json.loads(row.counts), result)


def refusals(session: Session, progress: Progress, rows: range) -> dict[int, Refusal]:
    """Return the rows that were rejected among these, by place."""
    found = session.ask(_REJECTS, run=progress.id, beginning=rows.start, ending=rows.stop)
    return {row.place: Refusal(*row) for row in found}


def advance(
    session: Session,
    progress: Progress,
    *,
    request_hash: str,
    rows: int,
    counts: dict[str, int],
    rejects: Sequence[Refusal],
) -> Progress:
    """Record that so many rows are done, with these counts in all; return the new progress."""
    values = {"rows": rows, "counts": json.dumps(counts), "updated_at": session.now}
    if progress.id is None:
        forget = {"hash": request_hash, "before": session.now - KEPT_FOR}
        session.send(_FORGET, [forget])
        [number] = session.insert(_BEGIN, [values | {"request_hash": request_hash}])
    else:
        number = progress.id
        if not session.send(_GO_ON, [values | {"id": number, "before": progress.rows}]):
            number = _OVERTAKEN
    if number != _OVERTAKEN:
        session.send(_REJECT, [{"run_id": number, **reject._asdict()} for reject in rejects])
    return Progress(number, rows, counts, None)


def complete(session: Session, progress: Progress, result: dict[str, Any]) -> None:
    """Record the answer of a run that has come to its end."""
    said = json.dumps(result, ensure_ascii=False)
    values = {"id": progress.id, "rows": progress.rows, "updated_at": session.now}
    session.send(_COMPLETE, [values | {"result": said}])
