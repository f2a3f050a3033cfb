"""What the two imports share at the door: their options, how far they are, what they answer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bvinv import output
from bvinv.core import command_log, text
from bvinv.core.errors import InvalidInput, Partial
from bvinv.core.imports import mappings
from bvinv.core.imports.runs import Watch
from bvinv.core.models.import_ import ImportRow
from bvinv.door import Call

Mapping = Annotated[
    list[str] | None,
    typer.Option("--mapping", metavar="COL=FIELD", help="May be repeated; COL=- is left out."),
]
NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The columns are called 1, 2, 3 …: --mapping 1=sku.")
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="NAME", help="Else what the content says.")
]
Delimiter = Annotated[
    str | None,
    typer.Option("--delimiter", metavar="SIGN", help="What is between cells: ; or tab …"),
]
Rejects = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="FILE", help="Where rows that were refused go."),
]
IgnoreUnknown = Annotated[
    bool, typer.Option("--ignore-unknown", help="Leave out columns that are not known.")
]
Atomic = Annotated[
    bool,
    typer.Option("--atomic", help="All rows or none, in one transaction: other writers wait."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the same import where it was cut off.")
]


def columns(mapping: list[str] | None) -> dict[str, str]:
    """Return which field each column is, as `--mapping` says it. Raises InvalidInput."""
    found: dict[str, str] = {}
    for pair in mapping or ():
        column, separator, field = pair.rpartition("=")
        if not separator or not column or not field:
            raise InvalidInput(f"a mapping is written COL=FIELD, not {text.quoted(pair)}")
        found[column] = field
    return found


def with_saved(
    call: Call, columns: dict[str, str], *, use: str | None, save: str | None
) -> dict[str, str]:
    """Return these columns and those of a saved mapping; refuse at once what cannot be saved."""
    if use is not None:
        saved = call.read(lambda session: mappings.one(session, name=use))
        columns = saved.mapping | columns
    if save is not None:
        mappings.refuse(save, columns)
    return columns


def keep(call: Call, columns: dict[str, str], *, name: str) -> None:
    """Save the mapping of a file that it has turned out to fit."""
    call.database.run(
        lambda session: mappings.save(session, name=name, columns=columns),
        command_log.command(call.name, actor=call.actor),
        dry_run=call.dry_run,
    )


def called(file: str) -> str:
    """Return what people call the file that a command was given."""
    return "stdin" if file == "-" else file


class _Shown(Watch):
    """Shows people what is read, and how far."""

    def __init__(self, call: Call, file: str, until: ExitStack) -> None:
        self._call = call
        self._name = called(file)
        self._until = until
        self.rows = 0

    def begins(self, kind: str) -> None:
        if self._call.is_for_people:
            output.note(f"reading {self._name}: {kind}")
        # Not before: somebody may have to type the file first.
        self._advance = self._until.enter_context(output.progress(self._name))

    def took(self, rows: int, share: float) -> None:
        self.rows = rows
        self._advance(rows, share)


@contextmanager
def watched(
    call: Call, file: str, *, atomic: bool = False, resumes: bool = True
) -> Iterator[Watch]:
    """Yield who watches a run. When somebody stops it, say what stands and how to go on; one that
    does not resume is repeated."""
    try:
        with ExitStack() as until:
            watch = _Shown(call, file, until)
            yield watch
    except KeyboardInterrupt:
        if call.dry_run or atomic or not watch.rows:
            output.note("nothing was changed")
        elif not resumes:
            output.note("what was written stands; the same command again does the rest")
        else:
            output.note(
                f"the first {watch.rows:,} rows are done; go on with the same command and --resume"
            )
        raise


def show(call: Call, row: ImportRow, *, atomic: bool) -> None:
    """Show what an import did. Raises Partial when rows were rejected."""
    marks: dict[str, Any] = {}
    if call.dry_run:
        marks = {"dry_run": True}
        if not call.is_for_people:
            marks["changes"] = [change.record() for change in row.changes]
    requests = ("price_requests",) if row.price_requests else ()
    call.print(row.record() | marks, (*row.columns, *requests))
    if call.dry_run:
        call.tell_changes(row.changes)
    elif row.replayed:
        output.note("answered as before: nothing was changed")
    if row.rejected:
        kept = f"see {row.rejects_file}" if row.rejects_file else "use --rejects FILE to keep them"
        errors = [error | {"detail": _rejected(**error)} for error in row.errors]
        so = ": nothing was imported" if atomic else ""
        raise Partial(
            f"{row.rejected} of {row.rows} rows were rejected{so}", hint=kept, errors=errors
        )


def _rejected(line: int, field: str, message: str, **_: str) -> str:
    """Return one sentence about a row that was refused."""
    return f"line {line}, {field}: {message}" if field else f"line {line}: {message}"
