"""Other processes: started together, each with its own database, their answers collected.

They are forked from a clean server process and never from the test itself, which has SQLite open
(RELIABILITY.md 2.4).
"""

import multiprocessing
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from bvinv.core import db, instants, schema  # noqa: F401  imported once, for all that are forked
from bvinv.core.db import Database

PATIENCE = 120  # seconds

context: Any = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
if sys.platform != "win32":
    context.set_forkserver_preload(["tests.workers", "tests.books"])

Work = Callable[..., Any]


def together(
    where: str, work: Work, arguments: Sequence[tuple[Any, ...]], *, connected: bool = True
) -> list[Any]:
    """Run `work(database, *one)` for each of the arguments, each in its own process, all at the
    same moment; return what they returned. What one of them raised fails the test."""
    barrier = context.Barrier(len(arguments))
    pipes = [context.Pipe(duplex=False) for _ in arguments]
    processes = [
        context.Process(
            target=_work, args=(where, work, one, connected, barrier, sender), daemon=True
        )
        for one, (_, sender) in zip(arguments, pipes, strict=True)
    ]
    for process, (_, sender) in zip(processes, pipes, strict=True):
        process.start()
        sender.close()
    try:
        return [_answer(receiver) for receiver, _ in pipes]
    finally:
        for process, (receiver, _) in zip(processes, pipes, strict=True):
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
            receiver.close()


def start(where: str, work: Work, *arguments: Any) -> tuple[Any, Connection]:
    """Start `work(database, tell, *arguments)` in another process; return the process, and where
    to receive what it tells."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_talk, args=(where, work, arguments, sender), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def _answer(receiver: Connection) -> Any:
    if not wait([receiver], PATIENCE):
        raise AssertionError(f"a process did not answer within {PATIENCE} s")
    failed, result = receiver.recv()
    assert not failed, result
    return result


def _work(
    where: str,
    work: Work,
    one: tuple[Any, ...],
    connected: bool,
    barrier: Any,
    sender: Connection,
) -> None:
    try:
        database = Database(where)
        if connected:
            assert database.engine  # before the others are let go
        barrier.wait(PATIENCE)
        result = work(database, *one)
        database.close()
        sender.send((False, result))
    except BaseException:
        sender.send((True, traceback.format_exc()))


def _talk(where: str, work: Work, arguments: tuple[Any, ...], sender: Connection) -> None:
    database = Database(where)
    work(database, sender.send, *arguments)
    database.close()
