"""The tables that are moved, in the order in which they refer to each other."""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from sqlalchemy import LargeBinary, Text
from sqlmodel import SQLModel

from bvinv.core import models

# A lease is of a process beside the database that is left; no process beside the new one has any.
# Of the same kind are `rate_ring` and `rate_hit`, what PostgreSQL counts of the last seconds'
# requests: they are no models, and so not here at all.
TRANSIENT = ("job_lease",)
# A transaction's number means nothing in another cluster: 0 says that it is long over.
TRANSACTION = "xid"
WHOLE, WORDS, DIGEST = "whole", "words", "digest"


class Column(NamedTuple):
    """A column: its name, whether it holds numbers, words or digests, and may hold none."""

    name: str
    kind: str
    optional: bool


@dataclass(frozen=True)
class Table:
    """A table: its columns, and those of its primary key in their order."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @cached_property
    def names(self) -> str:
        """The columns as SQL lists them."""
        return ", ".join(f'"{column.name}"' for column in self.columns)

    @cached_property
    def order(self) -> str:
        """The key as SQL lists it."""
        return ", ".join(f'"{name}"' for name in self.key)

    @property
    def is_counted(self) -> bool:
        """Whether the database gives its rows their ids, counting up."""
        return self.key == ("id",) and self.columns[self.key_places[0]].kind == WHOLE

    @cached_property
    def key_places(self) -> tuple[int, ...]:
        """Where the columns of the key stand among the columns."""
        names = [column.name for column in self.columns]
        return tuple(names.index(name) for name in self.key)


@cache
def moved() -> tuple[Table, ...]:
    """Return the tables, what is referred to before what refers to it (but for rows that refer to
    their own table).

    The models say which there are; a test sees to it that the migrations say the same.
    """
    for module in pkgutil.iter_modules(models.__path__):
        importlib.import_module(f"{models.__name__}.{module.name}")
    found = []
    for table in SQLModel.metadata.sorted_tables:
        if table.name in TRANSIENT:
            continue
        columns = []
        for column in table.columns:
            kind = WHOLE
            if isinstance(column.type, Text):
                kind = WORDS
            elif isinstance(column.type, LargeBinary):
                kind = DIGEST
            columns.append(Column(column.name, kind, bool(column.nullable)))
        key = tuple(column.name for column in table.primary_key.columns)
        found.append(Table(table.name, tuple(columns), key))
    return tuple(found)
