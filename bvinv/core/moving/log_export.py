"""The ledger, and all it needs, into a file that an equal database can be made from."""

import hashlib
from collections.abc import Callable
from typing import ClassVar

from bvinv.core import db, instants, verification
from bvinv.core.db import Database
from bvinv.core.models.base import Row
from bvinv.core.moving import lines, log_format, targets
from bvinv.core.moving.tables import DIGEST
from bvinv.core.moving.watch import Watch


class LogRow(Row):
    """What was written. `head` is the digest of all chain heads."""

    columns: ClassVar[tuple[str, ...]] = ("file", "rows", "movements", "head", "sha256")

    file: str
    rows: int
    movements: int
    head: str
    sha256: str


def export(
    database: Database, write: Callable[[bytes], object], *, file: str, watch: Watch | None = None
) -> LogRow:
    """Write the database as of one snapshot, line by line; `file` is what people know it by.

    What follows from the movements is left out, see `log_format`.
    """
    watch = watch or Watch()
    digest = hashlib.sha256()

    def put(line: bytes) -> None:
        digest.update(line)
        write(line)

    with database.read() as session:
        side = targets.side(database, session.wire)
        side.calm()
        head = verification.head(session)
        counts = {table.name: side.count(table) for table in log_format.tables()}
        total = sum(counts.values())
        put(log_format.encoded(_header(session.now, counts)))
        rows = seal = 0
        for table in log_format.tables():
            kept = [table.columns.index(column) for column in log_format.columns(table)]
            digests = {n for n, place in enumerate(kept) if table.columns[place].kind == DIGEST}
            for batch in side.batches(table):
                for line in batch.block.decode().split("\n")[:-1]:
                    values = lines.values(table, line)
                    said = [values[place] for place in kept]
                    for place in digests:
                        said[place] = said[place] and said[place].hex()
                    body = log_format.encoded([table.name, *said])
                    sealed, seal = log_format.sealed(body, seal)
                    put(sealed)
                rows += batch.rows
                watch.took(rows, rows / total)
    found = digest.hexdigest()
    write(log_format.encoded({"head": head, "rows": rows, "sha256": found}))
    return LogRow(file=file, rows=rows, movements=counts["movement"], head=head, sha256=found)


def _header(now: int, counts: dict[str, int]) -> dict[str, object]:
    return {
        "bvinv_log": log_format.FORMAT,
        "schema": db.SCHEMA,
        "taken_at": instants.display(now),
        "tables": {
            table.name: {
                "columns": [column.name for column in log_format.columns(table)],
                "rows": counts[table.name],
            }
            for table in log_format.tables()
        },
    }
