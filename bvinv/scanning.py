"""The scan mode: a scanner types codes, one line each, and every line is a committed command."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import typer

from bvinv import output
from bvinv.core import command_log
from bvinv.core.db import Session
from bvinv.core.errors import Busy, InvalidInput, InventoryError, Partial
from bvinv.core.models.log import Command
from bvinv.core.models.scan import ScanRow, SessionRow
from bvinv.core.scanning import codes, lines, listing, sessions
from bvinv.core.scanning.codes import Word
from bvinv.core.scanning.desk import Desk, counted
from bvinv.door import Call
from bvinv.output import Format
from bvinv.screen import Screen

_FORMATS = (Format.table, Format.plain, Format.json, Format.jsonl)
_MOST_BYTES = 4096  # of a line
_HUNG_UP = 129  # 128 + SIGHUP, as the shell counts


def loop(
    call: Call,
    *,
    mode: str,
    warehouse: str,
    document: str = "",
    resume: bool = False,
    supplier: str = "",
    delivery: str = "",
) -> None:
    """Read scans until `*DONE` or the end of what is piped in, each committed before the next.

    An empty `warehouse` is that of the document. `resume` goes on with the actor's last open
    session of this kind. What is received comes from `supplier` with the `delivery` note, if they
    are named. A terminal that is closed, Ctrl-D and Ctrl-C leave the session open.
    Raises what opening a session raises, and Partial at the end of a pipe of which not every scan
    was accepted.
    """
    _refuse_options(call)
    screen = Screen(call.format)
    asked = {"mode": mode, "warehouse": warehouse, "document": document}
    asked |= {"supplier": supplier, "delivery": delivery}
    desk = _begin(call, screen, asked, resume=resume)
    try:
        _work(call, screen, desk)
    except KeyboardInterrupt:
        screen.leave(_stays_open(desk))
        raise
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        _hang_up()


def _work(call: Call, screen: Screen, desk: Desk) -> None:
    counts = dict.fromkeys(("accepted", "unknown", "refused", "answered"), 0)
    for line in _typed(screen, desk):
        try:
            if _is_done(line) and not desk.thing:
                _end(call, screen, desk, counts)
                return
            after, row = lines.answer(call.database, desk, line, lambda: _command(call, desk.mode))
        except Busy as error:
            if not screen.asks:  # nobody could scan it again
                output.note(_stays_open(desk))
                raise
            screen.say(f"not done: {error.detail}; scan it again", is_bad=True)
            continue
        _adopt(desk, after)
        counts[row.outcome] += 1
        screen.scan(row)
    if screen.asks:  # Ctrl-D, or nobody is there any more
        screen.leave(_stays_open(desk))
        return
    _end(call, screen, desk, counts)


def _begin(call: Call, screen: Screen, asked: dict[str, str], *, resume: bool) -> Desk:
    """Return the desk of a new session, or of the open one."""
    with call.database.read() as session:
        desk = sessions.find_open(session, actor=call.actor, **asked)
        if desk and resume:
            row, last = listing.one(session, desk.id), listing.last(session, desk)
            step = sessions.next_step(session, desk)
    if desk and resume:
        screen.say(f"{_totals(row)}; goes on after line {desk.seq}{_last(last)}")
    else:
        if desk:
            screen.say(f"{desk.number} is still open too; --resume goes on with it")
        elif resume:
            screen.say("nothing is open: a new session begins")
        desk, step = call.database.run(
            lambda session: _opened(session, asked), _command(call, asked["mode"])
        )
        screen.say(f"{desk.number} begins; *HELP says what can be typed, *DONE ends it")
    if step:
        screen.say(step)
    return desk


def _opened(session: Session, asked: dict[str, str]) -> tuple[Desk, str]:
    desk = sessions.begin(session, **asked)
    return desk, sessions.next_step(session, desk)


def _typed(screen: Screen, desk: Desk) -> Iterator[str]:
    """Yield what is scanned, line by line; the desk is looked at for each prompt."""
    if sys.stdin is None:
        raise InvalidInput("there is no stdin to read")
    keyed: Any = sys.stdin.buffer  # whose `read1` its type does not tell
    pending = b""
    while True:
        if not pending:
            screen.prompt(desk)
        read = keyed.read1(_MOST_BYTES)
        # A CR alone is what some scanners send; in a pipe no terminal makes a line feed of it.
        *typed, pending = re.split(b"[\r\n]", pending + read)
        for line in typed if read else [pending]:
            if line.strip():
                yield line.decode(errors="replace")
        if not read:
            return
        pending = pending[:_MOST_BYTES]  # what is longer is cut, and refused


def _end(call: Call, screen: Screen, desk: Desk, counts: dict[str, int]) -> None:
    """End the session and say what it came to. Raises Partial for a pipe with other lines."""
    row = call.database.run(
        lambda session: sessions.close(session, desk), _command(call, desk.mode)
    )
    if screen.is_for_programs:
        output.show(row.record(), Format.jsonl)
    else:
        screen.say(f"{_totals(row)}; done")
        if desk.thing:
            screen.say(f"{desk.pieces} of {desk.thing.sku} were in hand and not put away")
        if row.unknown:
            screen.say("unknown codes wait for their product: bvinv scan unknown")
    others = counts["unknown"] + counts["refused"]
    if others and not screen.asks:
        raise Partial(
            f"{others} of {sum(counts.values())} lines were not accepted: "
            f"{counts['unknown']} unknown, {counts['refused']} refused",
            hint=f"see: bvinv scan show {desk.number}",
            session=desk.number,
            accepted=counts["accepted"],
            unknown=counts["unknown"],
            refused=counts["refused"],
        )


def _adopt(desk: Desk, after: Desk) -> None:
    for name in Desk.__slots__:
        setattr(desk, name, getattr(after, name))


def _is_done(line: str) -> bool:
    try:
        said = codes.read(line)
    except InventoryError:
        return False
    return isinstance(said, Word) and said.name == "DONE"


def _totals(row: SessionRow) -> str:
    parts = [counted(row.accepted, "scan"), counted(row.pieces, "piece")]
    parts += [
        f"{number} {name}"
        for name, number in (
            ("unknown", row.unknown),
            ("refused", row.refused),
            ("undone", row.undone),
        )
        if number
    ]
    receipt = f" ({row.receipt})" if row.receipt else ""
    return f"{row.session}{receipt}: {', '.join(parts)}"


def _last(row: ScanRow | None) -> str:
    return f", {row.code}: {row.detail}" if row else ""


def _stays_open(desk: Desk) -> str:
    return f"{desk.number} stays open after line {desk.seq}: --resume goes on with it"


def _command(call: Call, mode: str) -> Command:
    return command_log.command(f"{mode} --scan", actor=call.actor, role=call.role)


def _refuse_options(call: Call) -> None:
    if call.dry_run or call.key:
        option = "--dry-run" if call.dry_run else "--key"
        raise InvalidInput(
            f"{option} is for one command; scan mode commits every line",
            hint="take a line back with *UNDO",
        )
    if call.format not in _FORMATS:
        raise InvalidInput(
            f"scan mode answers as {', '.join(_FORMATS)}, not as {call.format}",
            hint="--format jsonl",
        )


def _hang_up() -> NoReturn:
    """Leave quietly: nobody is there who could read anything."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    raise typer.Exit(_HUNG_UP)
