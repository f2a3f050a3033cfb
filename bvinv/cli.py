"""The root of the command line: the lazy command table, and where errors end."""

import _thread
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bvinv import __version__
from bvinv.commands import COMMANDS


class LazyGroup(TyperGroup):
    """Lists commands from the table; imports one only when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, its module imported."""
        name, _, rest = super().resolve_command(ctx, args)
        module = importlib.import_module(f"bvinv.commands.{name}")
        command = typer.main.get_command(module.app)
        command.name = name
        return name, command, rest

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, **extra: Any
    ) -> Any:
        """Run, and turn every error into one line and its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        extra |= {"prog_name": "bvinv", "standalone_mode": False}
        try:
            code = super().main(given, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough. Python would complain once more when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 141  # 128 + SIGPIPE, as the shell counts
        except (typer.Abort, KeyboardInterrupt):
            code = 130
        except SystemExit as stop:
            # Click has seen the broken pipe first, and ends with 1, which would be a bug of ours.
            if not isinstance(stop.__context__, BrokenPipeError):
                raise
            code = 141
        except Exception as error:
            code = _end(error, given)
        if code == 130:
            print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(code if isinstance(code, int) else 0)


def _end(error: Exception, args: Sequence[str]) -> int:
    """Say what went wrong, and return the exit code. Only BVINV_DEBUG shows a traceback."""
    from bvinv import outcomes, output
    from bvinv.core.errors import InvalidInput, InventoryError

    if type(error).__name__ == "NoArgsIsHelpError":
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        hint = f"see: {context.command_path} --help" if context else None
        # Without pydantic's words, and Typer's lines.
        said = " ".join(error.format_message().replace("Value error, ", "").split())
        error = InvalidInput(said, hint=hint)
    elif not isinstance(error, InventoryError) and os.environ.get("BVINV_DEBUG"):
        traceback.print_exception(error)
    error = outcomes.foreseen(error)
    problem, code = outcomes.problem(error), outcomes.outcome(error).exit_code
    if "--log-json" in args:
        from bvinv import scheduling

        scheduling.failed_early(args, problem, code)
    else:
        output.show_error(problem, _wanted_format(args))
    return code


def _wanted_format(args: Sequence[str]) -> Any:
    """Return the format that the arguments ask for, whether or not they could be parsed."""
    from bvinv.output import Format

    formats = [str(one) for one in Format]
    for place, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name in ("--format", "-f"):
            value = value if equals else next(iter(args[place + 1 :]), "")
            if value in formats:
                return Format(value)
        elif word.startswith("-f") and word[2:] in formats:
            return Format(word[2:])
    return None


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"bvinv {__version__}")  # noqa: T201
        raise typer.Exit


def _format(value: str | None) -> str | None:
    if value is not None:
        from bvinv.output import Format

        if value not in [str(one) for one in Format]:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(Format)}")
    return value


@app.callback()
def root(
    ctx: typer.Context,
    db: Annotated[
        str | None,
        typer.Option("--db", metavar="PATH|URL", help="The database; else $BVINV_DB."),
    ] = None,
    fmt: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            callback=_format,
            help="table, plain, json, jsonl, csv, tsv or markdown.",
        ),
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="NAME", help="Who acts; else $BVINV_ACTOR.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has answered
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Inventory for people who stock books, and anything else with a SKU.

    Start with:  bvinv init --sample   then   bvinv stock list
    """
    if ctx.resilient_parsing:
        return
    from bvinv.door import Globals
    from bvinv.output import Format

    ctx.obj = Globals(db=db, format=Format(fmt) if fmt else None, actor=actor)


def _placeholder() -> None:
    """Stand in for a command in the table; `resolve_command` brings the real one."""


for _name, _summary in COMMANDS.items():
    app.command(_name, help=_summary)(_placeholder)


def main() -> None:
    """Run the command line."""
    sys.unraisablehook = interrupt_again
    app()


def interrupt_again(found: Any) -> None:
    """Raise Ctrl-C once more that fell where nothing can be raised, into a callback of the garbage
    collector: Python would print it with a traceback, and forget it."""
    if isinstance(found.exc_value, KeyboardInterrupt):
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(found)
