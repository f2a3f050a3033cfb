"""What a file of rows is to those who import it: its columns, and its rows by line."""

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Record(NamedTuple):
    """A row of the file: its first line (from 1) and its cells, or the fault that it has none."""

    line: int
    cells: list[str]
    fault: str
    # As it stands in the file, for the rejects; a byte that is no text is the character that
    # `surrogateescape` makes of it, and back.
    original: list[str] | str


class Sheet(NamedTuple):
    """A file that can be read: its columns, as they are written, and the hash of its bytes."""

    columns: tuple[str, ...]
    digest: str
    is_json: bool  # the rejects are JSON lines, made of what `original` holds
    records: Callable[[], Iterator[Record]]
    delimiter: str
    kind: str  # what people are shown: "CSV, UTF-8, comma"
    progress: Callable[[], float]  # the share of the source's bytes that has been read
    # The rejects begin with the byte order mark of UTF-8: by what stands in them, or by what is
    # said of them, they could be taken for something else.
    marks_rejects: bool
