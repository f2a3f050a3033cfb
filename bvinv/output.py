"""Results on stdout in the format that was asked for; everything said about them on stderr.

Rich and tabulate are imported where they are needed, so that scripts that read JSON never
pay for them. What people look at never carries control characters out of the data.
"""
# ruff: noqa: T201 (this is the module that prints, and the one that imports late)

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bvinv.core.errors import InvalidInput
from bvinv.letters import INSTEAD
from bvinv.widths import Column, fit

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Task
    from rich.text import Text

Record = dict[str, Any]
Advance = Callable[[int, float], None]


class Format(StrEnum):
    """How a result is printed; the first two and markdown are for people."""

    table = "table"
    plain = "plain"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    tsv = "tsv"
    markdown = "markdown"


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00))?")
_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?")
# C0, C1 and DEL drive terminals; the others break lines or reorder text (Unicode TR 36, 2.5).
_UNSAFE = (*range(32), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: repr(chr(code))[1:-1] for code in _UNSAFE}
# The JSON encoder has escaped what is below 32; any left are its own line breaks.
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _UNSAFE if code >= 0x7F}
# Texts of which people need the end, too: they go on below; others are cut.
_WHOLE = frozenset({"about", "contents", "detail", "mend"})
_NOTHING: tuple[Any, ...] = (None, "", [], {})
_STYLES = {"held": "yellow", "committed": "green", "released": "dim", "expired": "dim"}


def default_format() -> Format:
    """Return $BVINV_FORMAT, else table on a terminal and plain in a pipe."""
    wanted = os.environ.get("BVINV_FORMAT")
    if not wanted:
        return Format.table if sys.stdout.isatty() else Format.plain
    if wanted not in list(Format):
        raise InvalidInput(f"BVINV_FORMAT is {wanted!r}; it can be {', '.join(Format)}")
    return Format(wanted)


def show(
    result: Record | list[Record], fmt: Format | None, *, columns: Sequence[str] | None = None
) -> None:
    """Print one thing (a dict) or many (a list); `columns` is what people get to see of it."""
    fmt = fmt or default_format()
    records = result if isinstance(result, list) else [result]
    if fmt not in (Format.table, Format.plain):
        write_for_programs()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        # What was done stays done, also when the terminal has no letter for a part of it.
        sys.stdout.reconfigure(errors=INSTEAD)
    match fmt:
        case Format.json:
            print(_json(result, indent=2))
        case Format.jsonl:
            for record in records:
                print(_json(record))
        case Format.csv | Format.tsv:
            _show_delimited(records, "," if fmt is Format.csv else "\t", columns or ())
        case _ if not records:
            if sys.stdout.isatty():
                note("nothing to show")
        case Format.table:
            _show_table(result, columns)
        case _:
            _show_tabulated(result, fmt, columns)


def write_for_programs() -> None:
    """Let stdout be UTF-8 with LF, whatever the locale says."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")


def show_error(problem: dict[str, Any], fmt: Format | None) -> None:
    """Say on stderr what went wrong: as the object itself where JSON was asked for."""
    # Not default_format(): a wrong $BVINV_FORMAT may be the very error to show.
    if (fmt or os.environ.get("BVINV_FORMAT")) in (Format.json, Format.jsonl):
        print(_json(problem, indent=2), file=sys.stderr)
        return
    _say(f"error[{problem.get('code')}]:", "bold red", f" {problem.get('detail')}", wrap=True)
    for entry in problem.get("errors") or ():
        pairs = ", ".join(f"{key}={_text(value)}" for key, value in entry.items())
        _say("", "", f"  {entry.get('detail') or entry.get('message') or pairs}", wrap=True)
    if problem.get("hint"):
        _say("hint:", "cyan", f" {problem['hint']}", wrap=True)


def note(text: str) -> None:
    """Say something in passing on stderr."""
    _say(text, "dim")


def log(record: Record) -> None:
    """Write a record on stderr as one line of JSON, in ASCII: a log has no locale."""
    with suppress(OSError):  # a full disk must not change how the job ended
        print(json.dumps(record), file=sys.stderr, flush=True)


def line(text: str) -> None:
    """Print one value on stdout and nothing around it, for `$(…)`."""
    print(safe(text))


def heading(text: str) -> None:
    """Print a line of a story on stdout, with room above it."""
    _tell(f"\n{text}", "bold cyan")


def prompt(command: str) -> None:
    """Print a command of a story on stdout, as if somebody had typed it."""
    _tell(f"$ {command}", "green")


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Yield advance(rows, share), which moves a bar on a terminal and does nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda rows, share: None  # noqa: ARG005
        return
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Counted(ProgressColumn):
        def render(self, task: "Task") -> Text:
            rows = task.fields["rows"]
            speed = f", {rows / task.elapsed:,.0f}/s" if rows and task.elapsed else ""
            return Text(f"{rows:,} rows{speed}")

    name = TextColumn("{task.description}", markup=False)
    kinds = (name, BarColumn(), Counted(), TimeRemainingColumn())
    # Redirecting stdout would send results to stderr; notes on stderr do go above the bar.
    with Progress(
        *kinds, console=_console(stderr=True), transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task(safe(label), total=1.0, rows=0)
        yield lambda rows, share: bar.update(task, completed=share, rows=rows)


def _json(value: Any, indent: int | None = None) -> str:
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    return text.translate(_JSON_ESCAPES)


def _text(value: Any) -> str:
    """Return the value as one word for CSV and plain text."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return _json(value)
    return str(value)


def safe(text: str) -> str:
    """Return a text without what drives terminals, breaks lines or reorders text."""
    return text.translate(_ESCAPES)


def _keys(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(key for record in records for key in record))


def _used(records: Sequence[Record], columns: Sequence[str] | None = None) -> list[str]:
    """Return the columns in which anything stands; people need no others."""
    keys = columns or _keys(records)
    used = [key for key in keys if any(record.get(key) not in _NOTHING for record in records)]
    return used or list(keys)


def _is_numeric(values: Sequence[Any]) -> bool:
    """Tell whether a column is one of numbers, or of money, which is written as strings."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return bool(known)
    amounts = [isinstance(value, str) and _AMOUNT.fullmatch(value) for value in known]
    return all(amounts) and any("." in value for value in known)


class _LineFeeds:
    """Ends lines with LF: the csv module quotes a lone CR only when its own line end has one."""

    def write(self, line: str) -> int:
        return sys.stdout.write(line.removesuffix("\r\n") + "\n")


def _show_delimited(records: list[Record], delimiter: str, columns: Sequence[str]) -> None:
    keys = _keys(records) or list(columns)
    if keys:
        writer = csv.writer(_LineFeeds(), delimiter=delimiter, lineterminator="\r\n")
        writer.writerow(keys)
        writer.writerows([_text(record.get(key)) for key in keys] for record in records)


def _show_tabulated(
    result: Record | list[Record], fmt: Format, columns: Sequence[str] | None
) -> None:
    """Print plain text or Markdown. Numbers in strings stay as they are written."""
    import tabulate

    tabulate.MIN_PADDING = 0  # else it makes room beside headers that are wider than their cells

    def cell(value: Any) -> str:
        if value in ([], {}):
            return ""
        if fmt is Format.plain:
            return safe(_text(value))
        return safe(" ".join(_text(value).splitlines())).replace("|", r"\|")

    many: dict[str, list[Record]] = {}
    if isinstance(result, list):
        headers = list(columns or _keys(result))
        rows = [[record.get(key) for key in headers] for record in result]
    else:
        headers = [] if fmt is Format.plain else ["key", "value"]
        own, many = _parted(result, columns)
        rows = [[key, result.get(key)] for key in own]
    rights = [isinstance(result, list) and _is_numeric(cells) for cells in zip(*rows, strict=True)]
    text = tabulate.tabulate(
        [map(cell, row) for row in rows],
        headers=[cell(header) for header in headers],
        tablefmt="plain" if fmt is Format.plain else "github",
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=["right" if right else "left" for right in rights],
    )
    print(text)
    for key, inner in many.items():
        print(f"\n{cell(key)}\n" if fmt is Format.markdown else f"\n{cell(key)}:")
        _show_tabulated(inner, fmt, _used(inner))


def _parted(
    result: Record, columns: Sequence[str] | None
) -> tuple[list[str], dict[str, list[Record]]]:
    """Return the keys to show beside their values, and the tables inside the record.

    What has no value is left out: people read what there is.
    """
    keys = [key for key in columns or result if result.get(key) not in _NOTHING]
    lists = {key: result[key] for key in keys if isinstance(result[key], list)}
    many = {key: rows for key, rows in lists.items() if isinstance(rows[0], dict)}
    return [key for key in keys if key not in many], many


def _show_table(result: Record | list[Record], columns: Sequence[str] | None) -> None:
    from rich.padding import Padding

    console = _console(stderr=False)
    if isinstance(result, list):
        console.print(_grid(result, _used(result, columns), console.width))
        return
    own, many = _parted(result, columns)
    console.print(_block(result, own))
    for key, rows in many.items():
        console.print("\n" + safe(key.replace("_", " ")), style="bold")
        console.print(Padding(_grid(rows, _used(rows), console.width - 2), (0, 0, 0, 2)))


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _say(marked: str, style: str, rest: str = "", *, wrap: bool = False) -> None:
    """Print a line on stderr; the style is for terminals, as is breaking it between words."""
    if not sys.stderr.isatty():
        print(safe(marked + rest), file=sys.stderr)
        return
    from rich.text import Text

    console = _console(stderr=True)
    with console.capture() as captured:
        console.print(Text.assemble((safe(marked), style), safe(rest)), soft_wrap=not wrap)
    # Written to sys.stderr as it is now, which a progress bar may have replaced.
    sys.stderr.write(captured.get())


def _tell(text: str, style: str) -> None:
    """Print a line of a story; flushed, because errors take the other way."""
    if sys.stdout.isatty():
        _console(stderr=False).print(text, style=style, soft_wrap=False)
    else:
        print(text)
    sys.stdout.flush()


def _shown(value: Any) -> str:
    """Return the value as people like to read it, on one or more lines."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else str(round(value, 3))
    if isinstance(value, dict):
        value = [f"{key}={_text(inner)}" for key, inner in value.items()]
    text = ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)
    if (instant := _INSTANT.fullmatch(text)) and instant[2]:
        return f"{instant[1]} {instant[2]}Z"
    return "\n".join(map(safe, text.replace("\r\n", "\n").split("\n")))


def _styled(key: str, value: Any, text: str) -> "Text":
    from rich.text import Text

    if key == "available" and isinstance(value, int) and value <= 0:
        return Text(text, "red")
    return Text(text, _STYLES.get(text, "") if key == "status" else "")


def _block(record: Record, keys: Sequence[str]) -> "RenderableType":
    """Return one thing as keys and values."""
    from rich.table import Table

    block = Table.grid(padding=(0, 2, 0, 0))
    block.add_column(no_wrap=True, style="bold")
    block.add_column(overflow="fold")
    for key in keys:
        block.add_row(
            safe(key.replace("_", " ")), _styled(key, record.get(key), _shown(record.get(key)))
        )
    return block


def _column(records: Sequence[Record], key: str) -> Column:
    """Return what a table shows of a key: the header, the kind of column, the cells."""
    values = [record.get(key) for record in records]
    cells = [_shown(value).replace("\n", " ") for value in values]
    kind = "text"
    if _is_numeric(values):
        kind = "number"
    elif all(_INSTANT.fullmatch(_text(value)) for value in values if value):
        kind = "instant"
    elif key in ("sku", "isbn", "id") or key.endswith("_id"):
        kind = "name"
    elif all(len(cell) <= 24 and " " not in cell for cell in cells):
        kind = "code"
    return safe(key.replace("_", " ")), kind, cells


def _grid(records: Sequence[Record], keys: Sequence[str], room: int) -> "RenderableType":
    """Return rows below headers or, where they would not fit, one block for each."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    columns = [_column(records, key) for key in keys]
    if (fitting := fit(columns, room)) is None:
        return Group(*[part for record in records for part in ("", _block(record, keys))][1:])
    gap, broken, widths = fitting
    padding = (0, gap - 1, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    for key, (header, kind, cells), width in zip(keys, columns, widths, strict=True):
        folds = key in _WHOLE or (broken and kind == "code")
        if broken and kind == "instant":
            cells[:] = [cell.replace(" ", "\n") for cell in cells]
        table.add_column(
            Text(header if len(header) <= width else header.replace(" ", "\n")),
            justify="right" if kind == "number" else "left",
            width=width,
            no_wrap=not folds,
            overflow="fold" if folds else "ellipsis",
        )
    for record, *cells in zip(records, *(cells for *_, cells in columns), strict=True):
        table.add_row(*map(_styled, keys, map(record.get, keys), cells))
    return table
