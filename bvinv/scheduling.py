"""Commands that cron runs: one at a time each, and where it is asked for one line of JSON on how
it went."""

import functools
import inspect
import io
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Any

import typer

from bvinv import door, outcomes, output
from bvinv.core import clocks, instants
from bvinv.core.errors import Busy, InventoryError
from bvinv.core.jobs import JOBS, Job
from bvinv.door import Call

OPTION = "--log-json"
LogOption = Annotated[
    bool, typer.Option(OPTION, help="Say how it went in one line of JSON, on stderr.")
]
Command = Callable[..., None]
_INTERRUPTED = 130


@dataclass(frozen=True)
class _Terms:
    """How a job is done: whether it only reads the database, and when it has the lease: always,
    with the option `only`, or else with --log-json."""

    job: Job
    always: bool
    reads: bool = False
    only: str = ""


def shows(
    app: typer.Typer, job: Job, name: str | None = None, *, alone: bool = False
) -> Callable[[Command], None]:
    """Register a job that reads. Unless it has to be `alone`, it has the lease with --log-json
    only: two people may look at the same moment, and one may look at what nobody can write to."""
    return _register(door.shows(app, name), _Terms(job, reads=True, always=alone))


def changes(
    app: typer.Typer, job: Job, name: str | None = None, *, only: str = ""
) -> Callable[[Command], None]:
    """Register a job that changes. Without the option `only`, if one is named, it has the lease
    with --log-json only."""
    return _register(door.changes(app, name), _Terms(job, always=not only, only=only))


def failed_early(args: Sequence[str], problem: dict[str, Any], code: int) -> None:
    """Write the line of a command that could not begin: its options, its settings, its role."""
    words = f" {' '.join(args)} "
    job = next((job for job in JOBS if f" {job.command} " in words), None)
    about = {"job": job.name, "command": job.command} if job else {}
    at = {"started_at": instants.display(instants.now()), "seconds": 0.0}
    output.log(about | at | {"exit": code} | _why(problem))


def _register(add: Callable[[Command], None], terms: _Terms) -> Callable[[Command], None]:
    def register(function: Command) -> None:
        own = inspect.signature(function)
        option = inspect.Parameter(
            "log_json", inspect.Parameter.KEYWORD_ONLY, annotation=LogOption, default=False
        )

        @functools.wraps(function)
        def command(call: Call, *, log_json: bool, **values: Any) -> None:
            # Whether it is told is no part of the request: a repetition with --key may differ.
            call.request.pop("log_json", None)
            work = functools.partial(_work, terms, function, call, values, log_json)
            if log_json:
                _logged(terms.job, call, work)
            else:
                work()

        parameters = [one.replace(kind=option.kind) for one in list(own.parameters.values())[1:]]
        first = next(iter(own.parameters.values()))
        command.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[first, *parameters, option]
        )
        add(command)

    return register


def _work(
    terms: _Terms, function: Command, call: Call, values: dict[str, Any], log_json: bool
) -> None:
    is_tried = call.dry_run or values.get("dry_run")
    alone = terms.always or log_json or (terms.only and values[terms.only])
    if is_tried or not terms.job.seconds or not alone:
        function(call, **values)
        return
    from bvinv.core import leases  # imported by who takes one: others start sooner

    with ExitStack() as opened:
        try:
            opened.enter_context(
                leases.held(
                    call.database,
                    call.command(),
                    name=terms.job.name,
                    seconds=terms.job.seconds,
                )
            )
        except InventoryError as error:
            # Where whoever only reads may not write a lease, the reading itself tells what is
            # wrong, if anything is.
            if not terms.reads or (isinstance(error, Busy) and "job" in error.numbers):
                raise
        function(call, **values)


def _logged(job: Job, call: Call, work: Callable[[], None]) -> None:
    """Do the work, write the line, and end with the code that it would have ended with.

    What would be said on stderr stands in the line.
    """
    began, started = instants.now(), perf_counter()
    said = io.StringIO()
    code, why, bug = 0, {}, None
    try:
        with redirect_stderr(said):
            work()
    except typer.Exit as stop:
        code = stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code, why = _INTERRUPTED, {"code": "interrupted", "detail": "somebody interrupted it"}
    except BrokenPipeError:
        raise
    except Exception as error:
        bug = None if isinstance(error, InventoryError) else error
        told = outcomes.foreseen(error)
        code, why = outcomes.outcome(told).exit_code, _why(outcomes.problem(told))
    notes = [*said.getvalue().splitlines(), *filter(None, [clocks.lag(call.database.behind)])]
    call.database.behind = 0  # it is told
    line = {
        "job": job.name,
        "command": call.name,
        "started_at": instants.display(began),
        "seconds": round(perf_counter() - started, 3),
        "exit": code,
        **why,
        "database": str(call.database),
        "actor": call.actor,
        "result": _small(call.shown),
    }
    output.log(line | ({"notes": notes} if notes else {}))
    if bug and os.environ.get("BVINV_DEBUG"):
        traceback.print_exception(bug)
    if code:
        raise typer.Exit(code)


def _why(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: problem[name] for name in ("code", "detail", "hint") if name in problem}


def _small(shown: Any) -> Any:
    """Return what was printed as far as it is one thing's; of many how many there were."""
    if isinstance(shown, list):
        return {"rows": len(shown)}
    if not isinstance(shown, dict):
        return None
    return {name: one for name, one in shown.items() if not isinstance(one, dict | list)}
