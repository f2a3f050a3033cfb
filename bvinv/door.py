"""The command line's door: the options that commands share, the database, the answer.

A command is registered with `shows` (it reads) or `changes` (it writes) and gets a `Call`. It
parses, calls core, and shows; nothing else.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import typer
from pydantic import ValidationError

from bvinv import output
from bvinv.core import access, clocks, command_log, instants, text
from bvinv.core.command_log import Answer, Result
from bvinv.core.db import Database, Session
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.base import Row
from bvinv.core.models.log import Command
from bvinv.core.models.stock import LevelChange
from bvinv.output import Format
from bvinv.settings import Settings

T = TypeVar("T")

FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="How to print; table on a terminal, plain in a pipe."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Do everything, show it, and keep nothing.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", help="Make repeating harmless: the same key answers the same.", metavar="KEY"
    ),
]
ActorOption = Annotated[
    str | None, typer.Option("--actor", help="Who does it; else the user.", metavar="NAME")
]
Quantity = Annotated[int, typer.Option("--qty", parser=text.quantity, metavar="N", help="Pieces.")]
WarehouseOption = Annotated[
    str, typer.Option("--warehouse", "-w", metavar="CODE", help="The warehouse.")
]
MaybeWarehouse = Annotated[
    str | None, typer.Option("--warehouse", "-w", metavar="CODE", help="Only this warehouse.")
]
MaybeBin = Annotated[str | None, typer.Option("--bin", metavar="BIN", help="The bin.")]
Limit = Annotated[
    int | None, typer.Option("--limit", parser=text.quantity, metavar="N", help="Rows a page.")
]
After = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Go on after this page.")
]
Ref = Annotated[
    str, typer.Argument(metavar="REF", help="SKU, ISBN-10, ISBN-13 or barcode.", show_default=False)
]
Time = Annotated[
    int | None,
    typer.Option(parser=instants.parse, metavar="TIME", help="RFC 3339, or a date: its end, here."),
]
Since = Annotated[
    int | None,
    typer.Option(
        parser=instants.parse_beginning, metavar="TIME", help="RFC 3339, or a date: its beginning."
    ),
]
Ttl = Annotated[
    int | None,
    typer.Option("--ttl", parser=instants.duration, metavar="TIME", help="How long: 90s, 15m, 2h."),
]
# So many pieces are seldom meant: a barcode scanned where the quantity stands has more digits.
MANY = 100_000
Yes = Annotated[bool, typer.Option("--yes", help=f"Do not ask about {MANY:,} pieces or more.")]
File = Annotated[
    str, typer.Argument(metavar="FILE|-", help="A file, or - for stdin.", show_default=False)
]


@dataclass
class Globals:
    """What stands before the command: `bvinv --db … --format … --actor … command`."""

    db: str | None = None
    format: Format | None = None
    actor: str | None = None


@dataclass
class Call:
    """One command being run: who asks, on which database, and how the answer is shown."""

    name: str
    format: Format
    database: Database
    actor: str
    role: str = "admin"
    key: str | None = None
    dry_run: bool = False
    request: dict[str, Any] = field(default_factory=dict)
    shown: Any = None  # what was printed last
    replica: str = ""  # its URL

    def read(self, action: Callable[[Session], T]) -> T:
        """Run the action on one snapshot."""
        with self.database.read() as session:
            return action(session)

    def consult(self, ask: Callable[[Database], T]) -> T:
        """Ask about the catalogue, and not about stock: the replica, if one is named and shows all
        that the primary does, else the primary."""
        if not self.replica:
            return ask(self.database)
        from bvinv.core import replica

        return replica.consult(self.database, self.replica, ask, say=output.note)

    def look_up(self, action: Callable[[Session], T]) -> T:
        """Run an action that asks about the catalogue on one snapshot, as `consult` does."""

        def ask(database: Database) -> T:
            with database.read() as session:
                return action(session)

        return self.consult(ask)

    def show(self, result: Row, columns: Sequence[str] | None = None) -> None:
        """Print one thing; `columns` is what people get to see of it."""
        self.print(result.record(), columns or result.columns or None)

    def page(self, rows: Sequence[Row], kind: type[Row], after: object = None) -> None:
        """Print rows of a kind, be there none; say on stderr how to see the next page."""
        if self.is_for_people:
            self.print([row.summary() for row in rows], None)
        else:
            names = [one.serialization_alias or name for name, one in kind.model_fields.items()]
            self.print([row.record() for row in rows], names)
        if after is not None:
            output.note(f"more: --after {after}")

    def command(self) -> Command:
        """Return the command as the log will have it. Raises NotPermitted without the role."""
        access.check(self.role, self.name, self.actor)
        return command_log.command(
            self.name, actor=self.actor, key=self.key, request=self.request, role=self.role
        )

    def run(
        self, action: Callable[[Session], Result], columns: Sequence[str] | None = None
    ) -> Answer:
        """Run the action in one transaction, and show what it answers and what it changed."""
        answer = command_log.execute(self.database, action, self.command(), dry_run=self.dry_run)
        self.answer(answer, columns)
        return answer

    def answer(self, answer: Answer, columns: Sequence[str] | None = None) -> None:
        """Show what a command answered, and what it changed if that was only tried."""
        marks: dict[str, Any] = {}
        if answer.replayed:
            marks["replayed"] = True
        if self.dry_run:
            marks["dry_run"] = True
            if not self.is_for_people:
                marks["changes"] = _records(answer.changes)
        self.print(_marked(answer.result, marks), columns)
        if self.dry_run:
            self.tell_changes(answer.changes)
        elif answer.replayed:
            output.note("answered from the key: nothing was changed")
        elif isinstance(answer.result, dict) and answer.result.get("replayed"):
            output.note("answered as before: nothing was changed")

    def print(
        self, result: dict[str, Any] | list[dict[str, Any]], columns: Sequence[str] | None
    ) -> None:
        """Print records as they are."""
        self.shown = result
        output.show(result, self.format, columns=columns)

    def tell_changes(self, changes: Sequence[LevelChange]) -> None:
        """Say on stderr, level by level, what a dry run would have changed."""
        for change in changes:
            output.note(
                f"would change {change.sku} at {change.warehouse}: "
                f"on hand {change.on_hand_before} → {change.on_hand}, "
                f"reserved {change.reserved_before} → {change.reserved}"
            )
        output.note("dry run: nothing was changed")

    @property
    def is_for_people(self) -> bool:
        """Tell whether the answer is laid out for reading, and may leave things out."""
        return self.format in (Format.table, Format.plain, Format.markdown)


def confirm(call: Call, quantities: Iterable[int], yes: bool) -> None:
    """Ask about quantities of `MANY` pieces or more, once; whoever says no is as if interrupted.

    Raises InvalidInput where nobody can be asked and `yes` is not said. A dry run does not ask.
    """
    # Whether it was asked is no part of the request: a repetition with --key says --yes or not.
    call.request.pop("yes", None)
    many = [f"{quantity:,}" for quantity in quantities if abs(quantity) >= MANY]
    if not many or yes or call.dry_run:
        return
    said = f"{' and '.join(many[:3])}{' and more' if many[3:] else ''} pieces"
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidInput(f"{said}: is that meant?", hint="say so: --yes")
    # Not typer's own question: a part of that goes to stdout.
    typer.echo(f"{said}: is that meant? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort


def scans(*, scan: bool, resume: bool, said: Iterable[object]) -> bool:
    """Tell whether a scanner says what is to be done; `said` are the options that would say it too.

    Raises InvalidInput for these beside --scan, and for --resume without it.
    """
    if resume and not scan:
        raise InvalidInput("only a scanner goes on", hint="say --scan too")
    if scan and any(one not in (None, "", False, []) for one in said):
        raise InvalidInput(
            "the scanner names goods, bins and quantities", hint="leave them out, or --scan"
        )
    return scan


def group(said: str) -> typer.Typer:
    """Return a group of commands; `said` is what its help begins with."""
    return typer.Typer(help=said, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def order(app: typer.Typer, *names: str) -> None:
    """Let the help list the commands of a group in this order: what is used most comes first.

    Modules register theirs in the order of their imports, which is alphabetical.
    """
    app.registered_commands.sort(key=lambda command: names.index(str(command.name)))


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Yield a file, or stdin for `-`.

    Raises NotFound when it is missing, InvalidInput when it is no file or cannot be read.
    """
    if file == "-":
        if sys.stdin is None:
            raise InvalidInput("there is no stdin to read")
        if sys.stdin.isatty():
            output.note("reading what is typed; Ctrl-D ends it")
        yield sys.stdin.buffer
        return
    path = Path(file)
    try:
        source = path.open("rb")
    except IsADirectoryError:
        raise InvalidInput(f"{file} is a folder, not a file") from None
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{text.quoted(file)} cannot be read: {why}") from None
    with source:
        yield source


def shows(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., None]], None]:
    """Register a command that reads: it has `--format`."""
    return _register(app, name, {"format": (FormatOption, None)})


def changes(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., None]], None]:
    """Register a command that changes: it has `--dry-run`, `--key` and `--actor` too."""
    return _register(
        app,
        name,
        {
            "dry_run": (DryRunOption, False),
            "key": (KeyOption, None),
            "actor": (ActorOption, None),
            "format": (FormatOption, None),
        },
    )


def operates(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., None]], None]:
    """Register a command of whoever runs the machine: it shows no result, and changes nothing."""
    return _register(app, name, {})


def settings() -> Settings:
    """Return the settings. Raises InvalidInput, naming the variable that cannot be read."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"BVINV_{str(first['loc'][0]).upper()}"
        raise InvalidInput(f"{name} is {first['input']!r}: {first['msg']}") from None


def _register(
    app: typer.Typer, name: str | None, shared: dict[str, tuple[Any, Any]]
) -> Callable[[Callable[..., None]], None]:
    def register(function: Callable[..., None]) -> None:
        own = list(inspect.signature(function).parameters.values())[1:]
        parameters = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own),
            *(
                inspect.Parameter(
                    key, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
                )
                for key, (annotation, default) in shared.items()
            ),
        ]

        @functools.wraps(function)
        def command(ctx: typer.Context, **values: Any) -> None:
            options = {key: values.pop(key) for key in shared}
            call = _call(ctx, options, values)
            try:
                function(call, **values)
            finally:
                call.database.close()
            if told := clocks.lag(call.database.behind):
                output.note(told)

        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        app.command(name or function.__name__.replace("_", "-"))(command)

    return register


def _call(ctx: typer.Context, options: dict[str, Any], request: dict[str, Any]) -> Call:
    before = ctx.find_object(Globals) or Globals()
    configured = settings()
    name = ctx.command_path.partition(" ")[2]
    actor = options.get("actor") or before.actor or configured.who()
    # Before anything is done, and before the database is looked at.
    access.check(configured.role, name, actor, looks=True)
    return Call(
        name=name,
        # Before anything is done: a wrong BVINV_FORMAT must not be found out after the change.
        format=options.get("format") or before.format or output.default_format(),
        database=Database(
            before.db or configured.database(),
            patience=configured.lock_timeout,
            jump=configured.jump(),
            statement_timeout=configured.statement_timeout,
        ),
        replica=configured.db_replica,
        actor=actor,
        role=configured.role,
        key=options.get("key"),
        dry_run=options.get("dry_run", False),
        request=request,
    )


def _records(result: Result) -> Any:
    return result.record() if isinstance(result, Row) else [row.record() for row in result]


def _marked(result: Any, marks: dict[str, Any]) -> Any:
    if isinstance(result, dict):
        return result | marks
    return [record | marks for record in result]
