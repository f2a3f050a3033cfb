"""`bvinv db log`: the ledger as a file, and a database from it."""

import gzip
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from bvinv import door, exporting, output
from bvinv.commands.db.group import log_app
from bvinv.commands.db.watching import watched
from bvinv.core.errors import Busy, Conflict
from bvinv.door import Call


@door.shows(log_app)
def export(
    call: Call,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Where to; - is stdout.", show_default=False)
    ] = "-",
    force: Annotated[bool, typer.Option("--force", help="Replace a FILE that exists.")] = False,
) -> None:
    """Write the ledger, and all it needs, as JSON lines that a database can be made from.

    All of it is one moment's state. The last line proves the others. What follows from the
    movements, such as what is on hand, is left out: a replay computes it. A name that ends in .gz
    is compressed. The file holds the secrets of webhooks, and is its owner's alone.

    Example: bvinv db log export ledger.jsonl.gz
    """
    from bvinv.core.keeping import own_files
    from bvinv.core.moving import log_export

    path = None if file == "-" else Path(file)
    if path:
        own_files.refuse(call.database, path)
    if path and path.is_file() and not force:
        raise Conflict(f"{file} exists already", hint="--force replaces it")
    with (
        watched("writing", go_on="") as watch,
        exporting.written(path, private=True) as target,
    ):
        write = cast(io.TextIOWrapper, target).buffer.write
        row = log_export.export(call.database, write, file=file, watch=watch)
    if path:
        call.show(row)
    else:
        output.note(f"{row.rows} rows, {row.movements} movements, head {row.head}")


@door.shows(log_app)
def replay(call: Call, file: door.File) -> None:
    """Make a database from a ledger in a file, where none is yet or an empty one.

    Every movement is replayed, and what is on hand, in bins, reserved and sold is computed from
    them. The database is there when it is proven equal, or not at all.

    Example: bvinv --db rebuilt.db db log replay ledger.jsonl.gz
    """
    from bvinv.core.moving import log_replay

    with _from_the_beginning(file) as opened, watched("replaying", go_on="") as watch:
        row = log_replay.replay(call.database, opened, watch=watch)
    call.show(row)


@contextmanager
def _from_the_beginning(file: str) -> Iterator[Callable[[], BinaryIO]]:
    """Yield what opens a file again and again; what comes through a pipe is kept so long."""
    with door.opened(file) as given, ExitStack() as until:
        source = given
        if not given.seekable():
            source = until.enter_context(tempfile.TemporaryFile())
            try:
                shutil.copyfileobj(given, source)
            except OSError as error:
                raise Busy(
                    f"there is no room in {tempfile.gettempdir()}: {error.strerror}",
                    hint="name a file, or set TMPDIR",
                ) from None

        def opened() -> BinaryIO:
            source.seek(0)
            is_packed = source.read(2) == b"\x1f\x8b"
            source.seek(0)
            return cast(BinaryIO, gzip.GzipFile(fileobj=source)) if is_packed else source

        yield opened
