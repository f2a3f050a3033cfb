"""What an import has met so far, on disk, so that a million rows need no more memory."""

import json
from collections.abc import Iterable

from bvinv.core import engines


class Seen:
    """Names with the line and the SKU that each was first seen with.

    It is no part of the database: a scratch file without a name, gone with the run.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._connection = engines.Scratch()
        self._connection.execute(
            "CREATE TABLE seen (name TEXT PRIMARY KEY, line INTEGER, sku TEXT) WITHOUT ROWID"
        )

    def find(self, names: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Return the line and the SKU that each of these names was first seen with."""
        found = self._connection.execute(
            "SELECT name, line, sku FROM seen WHERE name IN (SELECT value FROM json_each(?))",
            (json.dumps(list(names)),),
        )
        return {name: (line, sku) for name, line, sku in found}

    def add(self, rows: Iterable[tuple[str, int, str]]) -> None:
        """Note names with their lines and SKUs."""
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()
