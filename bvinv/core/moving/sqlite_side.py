"""A SQLite file as one end of a move."""

import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from bvinv.core import engines
from bvinv.core.errors import Busy, VerificationFailed
from bvinv.core.moving import lines
from bvinv.core.moving.lines import Batch, Key
from bvinv.core.moving.sides import ROWS, Side
from bvinv.core.moving.tables import DIGEST, Table

_CONNECTED = 128  # the byte of a shared memory that every connection locks
_CONSTRAINT = 19  # SQLITE_CONSTRAINT, https://www.sqlite.org/rescode.html


class SqliteSide(Side):
    """An end that is a SQLite file."""

    def batches(
        self, table: Table, *, after: Key | None = None, upto: Key | None = None
    ) -> Generator[Batch, None, None]:
        """Yield the rows of a table as `printf` makes their lines. Raises VerificationFailed for a
        text that has an end within."""
        bounds = [(sign, key) for sign, key in ((">", after), ("<=", upto)) if key is not None]
        where = " AND ".join(
            f"({table.order}) {sign} ({', '.join('?' * len(key))})" for sign, key in bounds
        )
        cursor = self.driver.execute(
            f"SELECT {lines.on_sqlite(table)} FROM {table.name} "
            f"{f'WHERE {where}' if where else ''} ORDER BY {table.order}",
            [value for _, key in bounds for value in key],
        )
        try:
            while rows := cursor.fetchmany(ROWS):
                found = [row[0] for row in rows]
                if None in found:
                    raise VerificationFailed(f"{self.name}: a text in {table.name} holds a NUL")
                yield Batch(b"\n".join(found) + b"\n", len(found), found[-1])
        finally:
            cursor.close()

    def insert(self, table: Table, blocks: Iterable[bytes]) -> None:
        """Write lines into a table. Numbers are given as words: STRICT tables make them numbers,
        and refuse what is none."""
        marks = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({table.names}) VALUES ({marks})"
        for block in blocks:
            self.driver.executemany(statement, _rows(table, block))

    def strip(self, *, wholly: bool) -> list[str]:
        """Drop the triggers, wholly: the indexes too. Foreign keys are off as it is."""
        kinds = "('trigger', 'index')" if wholly else "('trigger')"
        found = self.read(
            "SELECT type, name, sql FROM sqlite_schema "
            f"WHERE type IN {kinds} AND sql NOTNULL ORDER BY type, name"
        )
        for kind, name, _ in found:
            self.driver.execute(f'DROP {kind} "{name}"')
        return [statement for _, _, statement in found]

    def begin(self) -> None:
        """Begin a transaction that has the file for itself. Foreign keys are left to the end: rows
        refer to others of their table that come later."""
        self.driver.execute("PRAGMA foreign_keys = OFF")
        self.driver.execute("BEGIN IMMEDIATE")

    def calm(self) -> None:
        """Do nothing: a snapshot may last as long as it likes."""

    def is_alone(self) -> bool:
        """Tell that nobody else is there: whoever writes has passed the gate."""
        return True

    def keep_out(self) -> None:
        """Raise Busy while another program has the file open. Whoever opens it later is told that
        it is no database yet; where the kernel does not list its locks, nobody is seen."""
        path = Path(self.read("PRAGMA database_list")[0][2])
        others = _processes(Path(f"{path}-shm"))
        if others:
            numbers = ", ".join(map(str, others))
            raise Busy(
                f"{self.name} is open in another program (process {numbers})",
                hint="stop it first, such as bvinv serve, and repeat the command",
            )

    def let_in(self) -> None:
        """Do nothing: nobody was kept out."""

    def identity(self) -> object:
        """Return which file this is."""
        [[_, _, path]] = self.read("PRAGMA database_list")
        return engines.identity(Path(path))

    def is_refusal(self, error: Exception) -> bool:
        """Tell whether SQLite says that a row breaks a constraint, or is of another type."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == _CONSTRAINT

    def settle(self) -> None:
        """Do nothing: ids are counted on from the highest, and plans need no statistics."""

    def faults(self) -> list[str]:
        """Return the rows that refer to nothing, 100 at most."""
        found = self.driver.execute("PRAGMA foreign_key_check").fetchmany(100)
        return [f"row {row} of {table} refers to no {other}" for table, row, other, _ in found]


def _processes(memory: Path, locks: Path = Path("/proc/locks")) -> list[int]:
    """Return which other processes have a write-ahead log open, by its shared memory: each holds a
    lock there as long as it is connected (proc_locks(5); SQLite's os_unix.c, UNIX_SHM_DMS)."""
    try:
        inode = memory.stat().st_ino
        listed = [line.split() for line in locks.read_text().splitlines()]
    except OSError:
        return []
    found = {
        int(line[4])
        for line in listed
        if line[1] == "POSIX" and line[5].endswith(f":{inode}") and line[6] == str(_CONNECTED)
    }
    return sorted(found - {os.getpid()})


def _rows(table: Table, block: bytes) -> Iterator[list[Any]]:
    digests = [place for place, one in enumerate(table.columns) if one.kind == DIGEST]
    # The backslashes of a line in which nothing is escaped and nothing is none; a digest that may
    # be none has two or one.
    varies = any(table.columns[place].optional for place in digests)
    plain = -1 if varies else 2 * len(digests)
    for line in block.decode().split("\n")[:-1]:
        if line.count("\\") == plain:
            fields: list[Any] = line.split("\t")
            for place in digests:
                fields[place] = bytes.fromhex(fields[place][3:])
            yield fields
        else:
            yield lines.values(table, line)
