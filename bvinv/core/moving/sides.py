"""One end of a move: what is read from a database and written to it as lines, in what its own
driver does fastest.

Whoever reads has a snapshot. Whoever writes has the database for itself: triggers are off, and
where much is to come so are foreign keys and indexes; `statements` of the notes bring them back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from bvinv.core import db
from bvinv.core.db import Session
from bvinv.core.errors import VerificationFailed
from bvinv.core.moving.lines import Batch, Key
from bvinv.core.moving.tables import Table

ROWS = 4000  # of a batch: enough to lose no time between them, few enough to stay in the caches


class Side(ABC):
    """One end of a move, on one connection."""

    def __init__(self, wire: Connection, clock: Callable[[], int], name: str) -> None:
        """Work on an open connection; `name` is what people know its database by."""
        self.wire = wire
        self.name = name
        self.session = Session(wire, clock)
        self.driver: Any = wire.connection.driver_connection

    @abstractmethod
    def batches(
        self, table: Table, *, after: Key | None = None, upto: Key | None = None
    ) -> Generator[Batch, None, None]:
        """Yield the rows of a table in the order of their keys, in flat memory."""

    @abstractmethod
    def insert(self, table: Table, blocks: Iterable[bytes]) -> None:
        """Write lines into a table."""

    @abstractmethod
    def strip(self, *, wholly: bool) -> list[str]:
        """Put triggers out of the way, wholly: foreign keys and indexes too, but for primary keys.

        Returns the statements that bring back what was there, in their order.
        """

    @abstractmethod
    def is_refusal(self, error: Exception) -> bool:
        """Tell whether the database says that a row is impossible."""

    @abstractmethod
    def keep_out(self) -> None:
        """Let nobody write here who had the database open before it was closed to everybody; kept
        beyond this connection. Raises Busy where that cannot be."""

    @abstractmethod
    def let_in(self) -> None:
        """Let everybody write again."""

    @abstractmethod
    def identity(self) -> object:
        """Return which database this is, by whatever name it was reached."""

    @abstractmethod
    def settle(self) -> None:
        """Let what counts up go on above the highest that it gave, and what plans know the rows."""

    @abstractmethod
    def faults(self) -> list[str]:
        """Return what refers to rows that are not there, as far as nothing else has seen it."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what the block does when it ends well. Raises VerificationFailed for rows that the
        database refuses."""
        with self.wire.begin():
            self.begin()
            try:
                yield
            except Exception as error:
                if self.is_refusal(error):
                    said = " ".join(str(error).split())[:300]
                    raise VerificationFailed(f"{self.name} refuses a row: {said}") from error
                raise

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction that may write."""

    @abstractmethod
    def calm(self) -> None:
        """Let the transaction that is open take its time."""

    @abstractmethod
    def is_alone(self) -> bool:
        """Tell whether nobody else moves rows to here; nobody can until the connection ends."""

    def clear(self, table: Table) -> None:
        """Remove every row of a table whose triggers are out of the way."""
        self.driver.execute(f"DELETE FROM {table.name}")

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        [found] = self.driver.execute(f"SELECT count(*) FROM {table.name}").fetchone()
        return int(found)

    def version(self) -> str | None:
        """Return the schema that is there, None for none."""
        return db.schema_version(self.wire)

    def say_version(self, version: str) -> None:
        """Say which schema is there; one that is none keeps every program out."""
        self.driver.execute(f"UPDATE alembic_version SET version_num = '{version}'")

    def read(self, statement: str) -> list[Any]:
        """Return the rows of a question about the database itself."""
        return list(self.driver.execute(statement).fetchall())
