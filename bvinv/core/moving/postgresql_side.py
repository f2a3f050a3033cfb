"""A PostgreSQL schema as one end of a move."""

from collections.abc import Generator, Iterable

from bvinv.core.moving import lines
from bvinv.core.moving.lines import Batch, Key
from bvinv.core.moving.sides import ROWS, Side
from bvinv.core.moving.tables import Table, moved

_REFUSALS = ("22", "23")  # classes of SQLSTATE: data exception, constraint violation
_HERE = "current_schema()::regnamespace"
# What is unique before what refers to it.
_CONSTRAINTS = f"""
    SELECT c.relname, conname, pg_get_constraintdef(k.oid), contype
      FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = conrelid
     WHERE contype IN ('u', 'f') AND connamespace = {_HERE} ORDER BY contype DESC, 1, 2
"""
_INDEXES = f"""
    SELECT i.relname, c.relname, pg_get_indexdef(i.oid)
      FROM pg_index AS x JOIN pg_class AS i ON i.oid = indexrelid
           JOIN pg_class AS c ON c.oid = indrelid
     WHERE i.relnamespace = {_HERE} AND NOT EXISTS (
           SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
     ORDER BY 2, 1
"""
_TRIGGERED = f"""
    SELECT DISTINCT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid
     WHERE NOT tgisinternal AND tgenabled = 'O' AND relnamespace = {_HERE} ORDER BY 1
"""
# The server, by when it started, the database, and the schema in it.
_IDENTITY = f"""
    SELECT pg_postmaster_start_time(), datname, {_HERE}::oid
      FROM pg_database WHERE datname = current_database()
"""
_LOCK = f"SELECT pg_try_advisory_lock(CAST(x'6276636f' AS int), hashtext({_HERE}::oid::text))"


# Who had it open before has looked at the version already. What this connection writes passes.
_KEEPER = "copy_keeps_out"
_KEEP_OUT = f"""
    CREATE OR REPLACE FUNCTION {_KEEPER}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(current_setting('bvinv.copies', true), '') <> 'on' THEN
            RAISE EXCEPTION 'this database is being copied into and not complete'
                USING ERRCODE = 'cannot_connect_now';
        END IF;
        RETURN NULL;
    END $$
"""


class PostgresqlSide(Side):
    """An end that is a PostgreSQL schema."""

    def batches(
        self, table: Table, *, after: Key | None = None, upto: Key | None = None
    ) -> Generator[Batch, None, None]:
        """Yield the rows of a table as COPY says them, in the order of the primary key's index."""
        bounds = [(sign, key) for sign, key in ((">", after), ("<=", upto)) if key is not None]
        where = " AND ".join(
            f"({table.order}) {sign} ({', '.join(['%s'] * len(key))})" for sign, key in bounds
        )
        statement = (
            f"COPY (SELECT {lines.on_postgresql(table)} FROM {table.name} "
            f"{f'WHERE {where}' if where else ''} ORDER BY {table.order}) TO STDOUT"
        )
        # They lie in the order of their keys, which nobody knows of a table just filled.
        self.driver.execute("SET LOCAL enable_sort = off")
        with (
            self.driver.cursor() as cursor,
            cursor.copy(statement, [value for _, key in bounds for value in key]) as rows,
        ):
            kept: list[bytes] = []
            for row in rows:
                kept.append(row)
                if len(kept) == ROWS:
                    yield _batch(kept)
                    kept = []
            if kept:
                yield _batch(kept)
        self.driver.execute("SET LOCAL enable_sort = on")

    def insert(self, table: Table, blocks: Iterable[bytes]) -> None:
        """Write lines into a table by one COPY: the server works on while the next are read."""
        with (
            self.driver.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({table.names}) FROM STDIN") as rows,
        ):
            for block in blocks:
                rows.write(block)

    def strip(self, *, wholly: bool) -> list[str]:
        """Let no trigger fire, which the owner of a table may say; wholly: drop what is unique,
        what is indexed and what refers elsewhere."""
        back: list[str] = []
        if wholly:
            known = {table.name for table in moved()}
            constraints = self.read(_CONSTRAINTS)
            indexes = [found for found in self.read(_INDEXES) if found[1] in known]
            for table, name, _, _ in reversed(constraints):
                self.driver.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            for name, _, _ in indexes:
                self.driver.execute(f'DROP INDEX "{name}"')
            said = [
                (f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {what}', kind)
                for table, name, what, kind in constraints
            ]
            back = [one for one, kind in said if kind == "u"]
            back += [what for _, _, what in indexes]
            back += [one for one, kind in said if kind == "f"]
        for [table] in self.read(_TRIGGERED):
            self.driver.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            back.append(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return back

    def begin(self) -> None:
        """Begin a transaction that is given time."""
        self.calm()

    def calm(self) -> None:
        """Take whatever time it takes, and say what is said in one form everywhere."""
        for setting in (
            "statement_timeout = 0",
            "idle_in_transaction_session_timeout = 0",
            "client_encoding = 'UTF8'",
            "bytea_output = 'hex'",
        ):
            self.driver.execute(f"SET LOCAL {setting}")

    def is_alone(self) -> bool:
        """Tell whether nobody else moves rows to this schema; this connection keeps them out."""
        [[alone]] = self.read(_LOCK)
        return bool(alone)

    def keep_out(self) -> None:
        """Refuse what others write, by a trigger that the last transaction of the copy removes.

        Waits for those who are writing. It fires once a statement, so that it costs nothing.
        """
        said = ["SET bvinv.copies = 'on'", _KEEP_OUT]
        for table in moved():
            said += [
                f"CREATE OR REPLACE TRIGGER {_KEEPER} BEFORE INSERT OR UPDATE OR DELETE "
                f"ON {table.name} EXECUTE FUNCTION {_KEEPER}()",
                f"ALTER TABLE {table.name} ENABLE ALWAYS TRIGGER {_KEEPER}",
            ]
        self.driver.execute(";".join(said))

    def let_in(self) -> None:
        """Remove the trigger."""
        self.driver.execute(f"DROP FUNCTION {_KEEPER} CASCADE")

    def identity(self) -> object:
        """Return which schema of which server this is."""
        return self.read(_IDENTITY)

    def is_refusal(self, error: Exception) -> bool:
        """Tell whether PostgreSQL says that a row breaks a constraint, or cannot be stored."""
        return str(getattr(error, "sqlstate", None) or "")[:2] in _REFUSALS

    def settle(self) -> None:
        """Count up ids from the highest; let plans know how many rows there are."""
        for table in moved():
            if table.is_counted:
                self.driver.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id')::regclass, top) "
                    f"FROM (SELECT max(id) AS top FROM {table.name}) AS m WHERE top IS NOT NULL"
                )
            self.driver.execute(f"ANALYZE {table.name}")

    def faults(self) -> list[str]:
        """Return nothing: every foreign key saw the rows when it came back."""
        return []


def _batch(rows: list[bytes]) -> Batch:
    return Batch(b"".join(rows), len(rows), bytes(rows[-1]).removesuffix(b"\n"))
