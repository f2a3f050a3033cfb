"""The rows that an import refused, and the file that keeps them until somebody mends it."""

import csv
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import IO, Any, NamedTuple

from bvinv.core.errors import InvalidInput, InventoryError
from bvinv.core.files.columns import ERROR_COLUMNS, is_error
from bvinv.core.files.sheets import Record, Sheet

_SHOWN = 20
# A byte that was no text, as `surrogateescape` has it.
_RAW = re.compile("[\udc80-\udcff]")


class Reject(NamedTuple):
    """A row that was not taken, and why."""

    record: Record
    code: str
    field: str
    message: str

    @classmethod
    def because(cls, record: Record, error: InventoryError, field: str) -> "Reject":
        """Return the reject for what a rule said about the row."""
        return cls(record, error.code, field, error.detail)


def refuse_unfit(path: Path | None, *, name: str) -> None:
    """Raise InvalidInput when no file can be made at this path, or it is the one being read."""
    if path is not None and (why := _unfit(path, name)):
        raise InvalidInput(f"the rejects cannot be written to {path}: {why}")


def _unfit(path: Path, name: str) -> str:
    try:
        if path.exists() and Path(name).exists() and path.samefile(name):
            return "that is the file itself"
        if path.is_dir():
            return "it is a folder"
        if path.exists() and not path.is_file():  # to take its place would be the end of it
            return "it is a device or a pipe"
        if not path.parent.is_dir():
            return "there is no such folder"
        return "" if os.access(path.parent, os.W_OK) else "its folder is not yours to write"
    except OSError as error:  # a name that is too long, a folder that may not be searched
        return str(error.strerror)


class RejectsFile:
    """The rejected rows as they came, each with its error behind it; complete or not there.

    A row that fits the header keeps its cells. One that does not is written as it was, so it does
    not fit the header of the rejects file either, and is refused again until somebody mends it.
    The file is UTF-8, with its mark if that could be in doubt; bytes that are no text stay the
    bytes that they were.
    """

    def __init__(self, path: Path | None, sheet: Sheet, header: Sequence[str]) -> None:
        """Begin without a file: until all is done, the rows are in one that has no name.

        So a run that is killed leaves nothing lying about.
        """
        self._path = path
        self._sheet = sheet
        self._header = header
        self._own = [place for place, column in enumerate(sheet.columns) if not is_error(column)]
        self._file: IO[bytes] | None = None
        self.count = 0
        self.errors: list[dict[str, Any]] = []

    def __enter__(self) -> "RejectsFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Forget what was not published: the next run finds the same rejects again."""
        if self._file is not None:
            with suppress(OSError):  # what is buffered may not fit on the disk
                self._file.close()

    def write(self, rejects: Sequence[Reject]) -> None:
        """Add rejects, in the order of the file. Raises InvalidInput when the disk does."""
        if not rejects:
            return
        self.count += len(rejects)
        for record, *error in rejects[: _SHOWN - len(self.errors)]:
            said = zip(("code", "field", "message"), error, strict=True)
            self.errors.append({"line": record.line, **dict(said)})
        if self._path is None:
            return
        if self._sheet.is_json:
            written = "".join(_object(reject) + "\n" for reject in rejects)
        else:
            written = self._table([self._row(reject) for reject in rejects])
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
                mark = "\ufeff" if self._sheet.marks_rejects else ""
                self._file.write(_encoded(mark + self._heading()))
            self._file.write(_encoded(written))
        except OSError as error:
            raise self._failed(error) from None

    def publish(self) -> str | None:
        """Give the file its name, if there is one; return the name. Raises InvalidInput."""
        if self._file is None or self._path is None:
            return None
        try:
            path = Path(os.path.realpath(self._path))  # of a link, what it leads to
            _remove_leftovers(path)
            unfinished = path.parent / f".{path.name}.{token_hex(4)}.{os.getpid()}"
            try:
                with unfinished.open("xb") as target:
                    self._file.seek(0)
                    shutil.copyfileobj(self._file, target)
                    target.flush()
                    os.fsync(target.fileno())
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from None
        return str(self._path)

    def _heading(self) -> str:
        if self._sheet.is_json:
            return ""
        own = [self._header[place] for place in self._own]
        return self._table([[*own, *ERROR_COLUMNS]])

    def _failed(self, error: OSError) -> InvalidInput:
        return InvalidInput(
            f"the rejects cannot be written to {self._path}: {error.strerror}",
            hint="mend that, and go on with --resume",
        )

    def _table(self, rows: Sequence[Sequence[str]]) -> str:
        written = io.StringIO()
        csv.writer(written, delimiter=self._sheet.delimiter).writerows(rows)
        return written.getvalue()

    def _row(self, reject: Reject) -> list[str]:
        cells = list(reject.record.original)
        if len(cells) == len(self._sheet.columns):
            cells = [cells[place] for place in self._own]
        return [*cells, *reject[1:]]


def _remove_leftovers(path: Path) -> None:
    """Remove what runs have left here that were killed in the moment of publishing."""
    if os.name != "posix":  # elsewhere a signal of 0 is not harmless
        return
    for left in path.parent.glob(f".{escape(path.name)}.*.*"):
        process = left.name.rpartition(".")[2]
        if process.isdecimal() and not _is_alive(int(process)):
            with suppress(OSError):
                left.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _encoded(written: str) -> bytes:
    try:
        return written.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # the other half of the surrogates stands for nothing
        return written.encode("utf-8", "backslashreplace")


def _object(reject: Reject) -> str:
    """Return the JSON object of the row, in its own words, and its error."""
    line = str(reject.record.original).strip()
    errors = dict(zip(ERROR_COLUMNS, reject[1:], strict=True))
    try:
        found = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        written = json.dumps({"line": line} | errors, ensure_ascii=False)
    elif found and not found.keys() & set(ERROR_COLUMNS):
        written = f"{line[:-1].rstrip()}, {json.dumps(errors, ensure_ascii=False)[1:]}"
    else:
        written = json.dumps(found | errors, ensure_ascii=False)
    if _RAW.search(line):
        return written
    # Half a surrogate pair, which JSON can spell, is spelt again.
    return written.encode("utf-8", "backslashreplace").decode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
