"""PostgreSQL: its URLs, how it is connected to, and what it means that it was not."""

import logging
import re
import select
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from bvinv.core.errors import InvalidInput, InventoryError, NotFound, NotPermitted


def url_of(where: str) -> str:
    """Return a URL as SQLAlchemy takes it. Raises InvalidInput for one that cannot be meant."""
    scheme, _, rest = where.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise InvalidInput(
            f"no database is known by the scheme {scheme[:40]!r}",
            hint="give a path, sqlite:///PATH or postgresql://USER@HOST/NAME",
        )
    url = f"postgresql+psycopg://{rest}"
    try:
        port = make_url(url).port
    except (ArgumentError, ValueError):
        raise InvalidInput("the PostgreSQL URL cannot be read") from None
    if port is not None and not 0 < port < 65_536:
        raise InvalidInput(f"the PostgreSQL URL names the port {port}, which there is not")
    return url


_PLANS_LAST = 1.0  # seconds

# Of each connection, where its URL says nothing else: a server that has vanished without a word is
# noticed within seconds, and not after TCP's quarter of an hour (libpq's documentation, 34.1.2).
_WIRE = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
    "application_name": "bvinv",
}


def engine(
    url: str, patience: float, connections: int, statement_timeout: float = 0, **wire: Any
) -> Engine:
    """Return an engine that waits `patience` seconds for locks and for a connection of its own,
    and for a statement `statement_timeout` seconds, 0 for as long as it takes. `wire` is what
    libpq is to be told otherwise."""
    said = make_url(url).query
    found = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
        pool_reset_on_return=None,  # by `roll_back` below
        isolation_level="READ COMMITTED",
        connect_args={name: value for name, value in (_WIRE | wire).items() if name not in said},
    )

    # What it logs about a pipeline that ends in an error is no news: the error itself is told.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

    @event.listens_for(found, "do_connect")
    def connect(dialect: Any, record: object, words: Any, terms: Any) -> Any:  # noqa: ARG001
        try:
            return dialect.connect(*words, **terms)
        except dialect.dbapi.Error as error:
            raise _refused(error, url) or error from None

    @event.listens_for(found, "connect")
    def set_timeouts(connection: Any, record: object) -> None:  # noqa: ARG001
        try:
            connection.execute(
                f"SET lock_timeout = {max(1, int(patience * 1000))};"
                f"SET statement_timeout = {int(statement_timeout * 1000)};"
                "SET idle_in_transaction_session_timeout = '5min'"
            )
            connection.commit()
        except BaseException:
            connection.close()  # SQLAlchemy forgets it as it is
            raise

    @event.listens_for(found, "reset")
    def roll_back(connection: Any, record: object, state: Any) -> None:  # noqa: ARG001
        # SQLAlchemy's own would fail on one that was lost, and log that with all of its stack.
        if not connection.closed and not state.terminate_only:
            with suppress(connection.OperationalError):
                connection.rollback()

    @event.listens_for(found, "checkout")
    def refuse_ended(connection: Any, record: Any, proxy: object) -> None:  # noqa: ARG001
        # A server speaks to nobody who waits, but to take its leave; to ask it costs a round trip.
        if connection.closed or _has_news(connection.fileno()):
            raise DisconnectionError
        _plan_anew(connection, record.info)

    return found


def _plan_anew(connection: Any, about: Any) -> None:
    """Let the server forget, once a second, how it answers what this connection asks.

    What it planned while a table was empty reads all of it, and where nobody has it analysed
    (autovacuum is off, or has not come by) it goes on so: the foreign keys of each row, too.
    Source: PostgreSQL's documentation, DISCARD, and 43.11.2, "Plan Caching".
    """
    now = time.monotonic()
    if now - about.setdefault("planned_at", now) > _PLANS_LAST:
        # By libpq itself: psycopg would begin a transaction, which a standby may refuse.
        connection.pgconn.exec_(b"DISCARD PLANS")
        about["planned_at"] = now


def _has_news(wire: int) -> bool:
    """Tell, in 2 µs, whether there is something to read."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([wire], [], [], 0)[0])
    look = select.poll()  # select() knows the first 1,024 files of a process only
    look.register(wire, select.POLLIN)
    return bool(look.poll(0))


def _refused(error: Exception, url: str) -> InventoryError | None:
    """Return what it means that a connection was not made; None where the server is away.

    libpq keeps the code of such an error to itself: there are only words, English ones mostly.
    """
    reason = " ".join(str(error).split())
    where = make_url(url).set(drivername="postgresql").render_as_string()
    if type(error).__name__ == "ProgrammingError" or "invalid port number" in reason:
        return InvalidInput(f"{where} cannot be used: {reason[:300]}")
    for words, kind, hint in _REFUSALS:
        if re.search(words, reason):
            _, _, said = reason.rpartition("FATAL: ")
            return kind(f"{where}: {said[:300].strip()}", hint=hint)
    return None


_REFUSALS: tuple[tuple[str, type[InventoryError], str], ...] = (
    ('database ".*" does not exist', NotFound, "make it: createdb"),
    ('role ".*" does not exist', NotPermitted, "check the user in the URL"),
    ("password authentication failed", NotPermitted, "check the password in the URL"),
    ("no password supplied", NotPermitted, "say it in the URL, or in ~/.pgpass"),
    ("pg_hba.conf", NotPermitted, "its pg_hba.conf has to let this machine in"),
    ("permission denied for database", NotPermitted, "it has to be granted: GRANT CONNECT"),
)


def is_away(error: BaseException) -> bool:
    """Tell whether a driver's error means that PostgreSQL is away, or that the connection is lost.

    What is none of the driver's has no SQLSTATE at all.
    """
    if not hasattr(error, "sqlstate"):
        return False
    # An error that the server did not send is a lost connection, or a statement of ours.
    if error.sqlstate is None:
        return type(error).__name__ not in ("ProgrammingError", "DataError")
    return error.sqlstate[:2] in ("08", "57", "28", "3D")
