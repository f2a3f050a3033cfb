"""What a scanner's screen shows: a prompt, and one line for each scan.

On a terminal an error rings the bell and is red; in a pipe there is no prompt, no bell, no colour.
"""

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from bvinv import output
from bvinv.core.models.scan import ScanRow
from bvinv.core.scanning.desk import Desk
from bvinv.output import Format

_GOOD, _BAD, _OTHER = "\x1b[32m", "\x1b[1;31m", "\x1b[33m"
_PLAIN = "\x1b[0m"
_STYLES = {"accepted": _GOOD, "refused": _BAD, "unknown": _OTHER}
_MARKS = {"accepted": "✓", "refused": "✗", "unknown": "?", "answered": " "}
_SIGNS = "✓✗→…"
_ASCII = str.maketrans({"✓": "+", "✗": "!", "→": "->", "…": "..."})
_LEAST_TITLE = 8  # columns


class Screen:
    """Where scans are answered, in the format that was asked for."""

    def __init__(self, fmt: Format) -> None:
        """Look at what stdin and stdout are."""
        self.is_for_programs = fmt in (Format.json, Format.jsonl)
        self.asks = bool(sys.stdin and sys.stdin.isatty())
        self.is_terminal = self.asks and sys.stdout.isatty() and not self.is_for_programs
        self.is_coloured = (
            self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        if self.is_for_programs:
            output.write_for_programs()
        elif isinstance(sys.stdout, io.TextIOWrapper):
            # What was done stays done, also when the terminal has no letter for a part of it.
            sys.stdout.reconfigure(errors="backslashreplace")
        self.is_ascii = not self.is_for_programs and not _can_write(_SIGNS)

    def prompt(self, desk: Desk) -> None:
        """Ask for the next line, on a terminal."""
        if self.is_terminal:
            self._write(prompt(desk))

    def scan(self, row: ScanRow) -> None:
        """Say what became of a scan."""
        if self.is_for_programs:
            output.show(row.record(), Format.jsonl)
            sys.stdout.flush()
        elif row.outcome == "answered":
            fold = _broken if self.is_terminal else str
            self._write("".join(f"{fold(line)}\n" for line in _lines(row.detail)))
        elif self.is_terminal:
            self._write(self._on_terminal(row))
        else:
            self._write(f"{_in_pipe(row)}\n")

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """Say something between scans: on a terminal in their place, else on stderr."""
        if not self.is_terminal:
            output.note(text)
            return
        style, end = (_BAD, _PLAIN) if is_bad and self.is_coloured else ("", "")
        bell = "\a" if is_bad else ""
        self._write(f"{bell}{style}{_broken(output.safe(text))}{end}\n")

    def leave(self, text: str) -> None:
        """Say something below the prompt that nobody answered."""
        if self.is_terminal:
            self._write("\n")
        self.say(text)

    def _on_terminal(self, row: ScanRow) -> str:
        mark = _MARKS[row.outcome]
        rest = [output.safe(row.detail), output.safe(row.progress)]
        name = row.sku or ""
        if row.outcome in ("unknown", "refused") and row.code not in row.detail:
            name = row.code
        columns = shutil.get_terminal_size().columns
        head = f"{mark} {output.safe(name)}".rstrip()
        text = fitted(head, output.safe(row.title or ""), rest, columns)
        if row.outcome == "refused" and width(text) > columns:
            text = fitted(head, "", rest[:1], columns)
        text = _broken(text)
        bell = "" if row.outcome == "accepted" else "\a"
        if not self.is_coloured:
            return f"{bell}{text}\n"
        style = _STYLES[row.outcome]
        if row.outcome == "accepted":
            return f"{style}{text[: len(mark)]}{_PLAIN}{text[len(mark) :]}\n"
        return f"{bell}{style}{text}{_PLAIN}\n"

    def _write(self, text: str) -> None:
        sys.stdout.write(text.translate(_ASCII) if self.is_ascii else text)
        sys.stdout.flush()


def prompt(desk: Desk) -> str:
    """Return the prompt: the mode, where one stands, and what the next scan means."""
    parts = [desk.mode, desk.site.code]
    if desk.document:
        parts.append(desk.document)
    if desk.bin:
        parts.append(f"→ {desk.bin.code}" if desk.mode == "put-away" else desk.bin.code)
    if desk.thing:
        parts.append(f"[{desk.pieces} {desk.thing.sku}]")
    if desk.lot:
        parts.append(f"lot {desk.lot.partition('=')[0]}")
    if desk.waiting:
        parts.append(f"x{desk.waiting}")
    return f"{' '.join(parts)}> "


def fitted(head: str, title: str, rest: Sequence[str], columns: int) -> str:
    """Return a line of at most so many columns if cutting the title is enough for that."""
    parts = [part for part in rest if part]
    tail = "".join(f"   {part}" for part in parts)
    if len(head) == 1:
        tail = tail[2:]
    room = columns - width(head) - width(tail) - 2
    if width(title) > room:
        title = _cut(title, room - 1) + "…" if room > _LEAST_TITLE else ""
    return f"{head} {title}{tail}" if title else f"{head}{tail}"


def width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    return sum(_columns(one) for one in text)


def _columns(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1


def _broken(text: str) -> str:
    """Return a text broken between words where the terminal ends."""
    columns = shutil.get_terminal_size().columns
    if width(text) <= columns:
        return text
    return "\n".join(textwrap.wrap(text, columns, break_on_hyphens=False))


def _cut(text: str, columns: int) -> str:
    kept = ""
    for one in text:
        columns -= _columns(one)
        if columns < 0:
            break
        kept += one
    return kept.rstrip()


def _in_pipe(row: ScanRow) -> str:
    name = f"{row.sku} {row.title}" if row.sku else ""
    parts = (f"{row.seq} {row.outcome} {row.code}", name, row.detail, row.progress)
    return output.safe("  ".join(part for part in parts if part))


def _lines(text: str) -> list[str]:
    return [output.safe(line) for line in text.split("\n")]


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
