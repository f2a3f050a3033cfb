"""What a copy writes down beside the rows it brings: where they come from, how far it is, and how
the target is made whole again. All of it is gone when the copy is complete."""

import json
from typing import Any

from bvinv.core import db
from bvinv.core.moving.lines import Key
from bvinv.core.moving.sides import Side
from bvinv.core.moving.tables import Table

TABLE = "copy_note"
_SOURCE = "source"
_SCHEMA = "schema"


class Notes:
    """The notes in the target. Each is written in the transaction of what it is about."""

    def __init__(self, side: Side) -> None:
        """Work on the target's own connection."""
        self._side = side
        self._marks = ("?", "?") if side.session.is_ordered else ("%s", "%s")

    def begin(self, source: str) -> None:
        """Make the table of the notes, and note where the rows come from."""
        self._side.driver.execute(
            f"CREATE TABLE {TABLE} (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        )
        self._put(_SOURCE, source)
        self._put(_SCHEMA, db.SCHEMA)

    def end(self) -> None:
        """Forget everything."""
        self._side.driver.execute(f"DROP TABLE {TABLE}")

    def source(self) -> str:
        """Return where the rows come from."""
        return str(self._all()[_SOURCE])

    def schema(self) -> str:
        """Return the schema that the target had before: its version says something else now."""
        return str(self._all()[_SCHEMA])

    def places(self) -> dict[str, tuple[int, Key]]:
        """Return how many rows each table has that was begun, and the last one's key."""
        found = {}
        for name, value in self._all().items():
            kind, _, table = name.partition(" ")
            if kind == "place":
                rows, *key = json.loads(value)
                found[table] = (rows, tuple(key))
        return found

    def reach(self, table: Table, rows: int, key: Key) -> None:
        """Note how far a table is."""
        self._put(f"place {table.name}", json.dumps([rows, *key]))

    def restart(self, table: Table) -> None:
        """Forget how far a table was."""
        self._remove(f"place {table.name}")

    def owe(self, statements: list[str]) -> None:
        """Note the statements that bring back what is out of the way now."""
        taken = [int(name.split()[1]) for name in self._all() if name.startswith("owed ")]
        for number, statement in enumerate(statements, start=max(taken, default=0) + 1):
            self._put(f"owed {number:06}", statement)

    def owed(self) -> list[tuple[str, str]]:
        """Return the statements to be executed yet, by their names, in their order."""
        found = self._all().items()
        return sorted((name, value) for name, value in found if name.startswith("owed "))

    def paid(self, name: str) -> None:
        """Note that a statement was executed."""
        self._remove(name)

    def _all(self) -> dict[str, str]:
        return dict(self._side.read(f"SELECT name, value FROM {TABLE}"))

    def _put(self, name: str, value: Any) -> None:
        self._remove(name)
        marks = ", ".join(self._marks)
        self._side.driver.execute(f"INSERT INTO {TABLE} VALUES ({marks})", [name, value])

    def _remove(self, name: str) -> None:
        self._side.driver.execute(f"DELETE FROM {TABLE} WHERE name = {self._marks[0]}", [name])
