"""What the tests of moving say often: awkward rows, what a database holds, what it is made of."""

from typing import Any

from bvinv.core import catalog, reasons
from bvinv.core.db import Database
from bvinv.core.moving.tables import TRANSACTION, moved
from bvinv.core.webhooks import registry
from tests.books import SPOILT, act, commit, fetch, reserve, url

AWKWARD = "tab\tline\nreturn\r, \\N \\ \\t \b\f\v „Ünï¢ødé“ 📚 'quoted' \"twice\" %s %d"


def fill(database: Database) -> None:
    """Let a stocked database hold what is hard to carry: NULLs, digests, signs that are escaped."""
    reserve(database, "SO-1", "HX-1=3 HX-2=1@NORTH")
    commit(database, "SO-1", "HX-1=2")

    def more(session: Any) -> list[Any]:
        catalog.add(session, fields={"sku": "HX-4", "title": "Ünï¢ødé \\N", "price": "1.50"})
        registry.add(session, url="https://example.com/hook")
        reasons.add(session, reason="eaten", name="By mice")
        session.wire.exec_driver_sql("UPDATE reason SET active = 0 WHERE code = 'theft'")
        session.wire.exec_driver_sql(
            "UPDATE product SET description = " + literal(database, AWKWARD) + " WHERE id = 1"
        )
        session.wire.exec_driver_sql(
            "INSERT INTO api_key (name, role, hash, created_by, created_at) VALUES "
            f"('with', 'admin', {digest(database)}, 'ann', 1), ('without', 'staff', NULL, '', 2)"
        )
        # A parent that comes after its child, and a key of words.
        session.wire.exec_driver_sql(
            "INSERT INTO category (id, slug, name, parent_id) VALUES (1, 'a', 'A', NULL), "
            "(2, 'b', 'B', NULL)"
        )
        session.wire.exec_driver_sql("UPDATE category SET parent_id = 2 WHERE id = 1")
        return []

    act(database, more)


def literal(database: Database, text: str) -> str:
    """Return SQL for a text, whatever signs are in it."""
    if database.path:
        return f"CAST(x'{text.encode().hex()}' AS TEXT)"
    return f"convert_from('\\x{text.encode().hex()}', 'UTF8')"


def digest(database: Database) -> str:
    return f"x'{'5c' * 32}'" if database.path else f"'\\x{'5c' * 32}'"


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, but for numbers of transactions."""
    found = {}
    for table in moved():
        names = ", ".join(f'"{one.name}"' for one in table.columns if one.name != TRANSACTION)
        found[table.name] = fetch(
            database, f"SELECT {names} FROM {table.name} ORDER BY {table.order}"
        )
    return found


def made(database: Database) -> set[tuple[Any, ...]]:
    """Return what the schema is made of: tables, indexes, triggers, constraints."""
    if database.path:
        return set(fetch(database, "SELECT type, name, tbl_name, sql FROM sqlite_schema"))
    here = "current_schema()::regnamespace"
    schema = f"replace(%s, {here}::text || '.', '')"
    indexed = schema % "pg_get_indexdef(c.oid)"
    told = schema % "pg_get_triggerdef(t.oid)"
    statements = (
        f"SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), "
        f"convalidated::text FROM pg_constraint WHERE connamespace = {here} AND contype <> 't'",
        f"SELECT 'index', c.relname, {indexed} FROM pg_class AS c "
        f"WHERE relkind = 'i' AND relnamespace = {here}",
        f"SELECT 'trigger', tgrelid::regclass::text, {told}, tgenabled::text FROM pg_trigger AS t "
        f"JOIN pg_class AS c ON c.oid = tgrelid WHERE NOT tgisinternal AND relnamespace = {here}",
        f"SELECT 'table', relname FROM pg_class WHERE relkind = 'r' AND relnamespace = {here}",
    )
    return {tuple(row) for statement in statements for row in fetch(database, statement)}


def spoil(database: Database) -> None:
    """See to it that no other test gets the schema that this one was made in."""
    if database.url:
        SPOILT.add(url(database))
