"""Connections to PostgreSQL that outlive a test.

A new one knows nothing of the catalogue, and to tell it costs the server more than most tests ask
for. What is closed in good order is therefore kept, as it was when it was new but for what the
server remembers of tables, and given to whoever connects to the same place next.
"""

import select
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import pq

MOST = 4  # that wait for one place
WAITING: dict[str, list[pq.abc.PGconn]] = {}
CLOSED = pq.PGconn.connect_start(b"=")
CLOSED.finish()


class Connection(psycopg.Connection[Any]):
    """A connection that is new to whoever opens it, and closed to whoever has closed it."""

    place = ""

    @classmethod
    def _connect_gen(cls, conninfo: str = "", **more: Any) -> Generator[Any, Any, Any]:
        wires = WAITING.get(conninfo, [])
        while wires:
            if _is_idle(wire := wires.pop()):
                made = cls(wire)
                break
            wire.finish()
        else:
            made = yield from super()._connect_gen(conninfo, **more)
        made.place = conninfo
        return made

    def close(self) -> None:
        wires = WAITING.setdefault(self.place, [])
        if self.closed or not self.place or len(wires) >= MOST or not _is_as_new(self.pgconn):
            super().close()
            return
        wire, self.pgconn = self.pgconn, CLOSED
        self._closed = True
        wires.append(wire)


def use() -> None:
    """Let everybody in this process connect so."""
    psycopg.connect = Connection.connect


def forget(schema: str) -> None:
    """Close those that wait for a schema that is about to go."""
    for place in [place for place in WAITING if schema in place]:
        for wire in WAITING.pop(place):
            wire.finish()


def _is_as_new(wire: pq.abc.PGconn) -> bool:
    """Bring a connection back to its beginning; tell whether that worked."""
    if wire.pipeline_status != pq.PipelineStatus.OFF:
        return False
    match wire.transaction_status:
        case pq.TransactionStatus.IDLE:
            said = [b"DISCARD ALL"]
        case pq.TransactionStatus.INTRANS | pq.TransactionStatus.INERROR:
            said = [b"ROLLBACK", b"DISCARD ALL"]
        case _:
            return False
    done = all(wire.exec_(one).status == pq.ExecStatus.COMMAND_OK for one in said)
    while wire.notifies():
        pass
    return done


def _is_idle(wire: pq.abc.PGconn) -> bool:
    """Tell whether the server has said nothing since: it would be that it has gone."""
    return not select.select([wire.socket], [], [], 0)[0]
