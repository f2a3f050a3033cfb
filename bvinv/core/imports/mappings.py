"""Mappings of columns to fields that are kept under a name, for files that come again and again."""

import json
from collections.abc import Mapping

from bvinv.core import command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.import_ import MappingRow

_ALL = Sql("SELECT name, columns, updated_at FROM import_mapping ORDER BY name")
_ONE = Sql("SELECT name, columns, updated_at FROM import_mapping WHERE name = :name")
_SAVE = Sql("""
    INSERT INTO import_mapping (name, columns, updated_at) VALUES (:name, :columns, :now)
        ON CONFLICT (name)
        DO UPDATE SET columns = excluded.columns, updated_at = excluded.updated_at
""")
_DELETE = Sql("DELETE FROM import_mapping WHERE name = :name")


def save(session: Session, *, name: str, columns: Mapping[str, str]) -> MappingRow:
    """Keep a mapping under this name, in place of one that is there. Raises InvalidInput."""
    name = refuse(name, columns)
    stored = [row for row in session.ask(_ONE, name=name) if json.loads(row.columns) == columns]
    if not stored:
        said = json.dumps(dict(columns), ensure_ascii=False)
        session.send(_SAVE, [{"name": name, "columns": said, "now": session.now}])
        tale = Tale("import.mapping_saved", name, {"columns": dict(columns)}, session.command)
        command_log.tell(session, [tale])
    return one(session, name=name)


def one(session: Session, *, name: str) -> MappingRow:
    """Return the mapping of this name. Raises NotFound."""
    found = session.ask(_ONE, name=_name(name))
    if not found:
        raise NotFound(
            f"there is no mapping {text.quoted(name)}", hint="see: bvinv products mapping list"
        )
    return _row(found[0])


def mappings(session: Session) -> list[MappingRow]:
    """Return every mapping, by name."""
    return [_row(row) for row in session.ask(_ALL)]


def remove(session: Session, *, name: str) -> MappingRow:
    """Forget a mapping, and return it. Raises NotFound."""
    row = one(session, name=name)
    session.send(_DELETE, [{"name": row.name}])
    tale = Tale("import.mapping_deleted", row.name, {}, session.command)
    command_log.tell(session, [tale])
    return row


def refuse(name: str, columns: Mapping[str, str]) -> str:
    """Return the name as it is stored. Raises InvalidInput for what cannot be kept."""
    if not columns:
        raise InvalidInput("a mapping to save needs columns", hint="use --mapping COL=FIELD")
    return _name(name)


def _name(name: str) -> str:
    return text.code(name, what="mapping's name")


def _row(row: tuple[str, str, int]) -> MappingRow:
    name, columns, updated_at = row
    return MappingRow(name=name, mapping=json.loads(columns), updated_at=updated_at)
