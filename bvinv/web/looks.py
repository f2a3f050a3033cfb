"""Questions of one statement each, of many who ask at once, on one connection to PostgreSQL.

A transaction and a thread for each would cost five times what its statement does. While some are
being answered the next ones gather, and are answered in one go.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from bvinv.core.db import Database, Session

T = TypeVar("T")
_MOST = 64  # questions that are answered in one go


class Looks:
    """Answers what is asked on an event loop, in a thread of its own."""

    def __init__(self, database: Database) -> None:
        """Ask this database, which is one of PostgreSQL's. For use on one event loop."""
        self._database = database
        self._thread = ThreadPoolExecutor(1, "bvinv-looks")
        self._waiting: list[tuple[Callable[[Session], Any], asyncio.Future[Any]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def ask(self, action: Callable[[Session], T]) -> T:
        """Run the action, whose statements need not agree; each sees what was committed before the
        question came. Raises what the action does, the driver's own errors too, and Busy."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((action, answer))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_for_all())
        return await answer

    def close(self) -> None:
        """Answer what is being asked, and end."""
        self._thread.shutdown()

    async def _look_for_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            actions = [action for action, _ in some]
            try:
                found = await loop.run_in_executor(self._thread, self._answers, actions)
            except Exception as error:  # it ends: nobody waits for ever
                found = [error] * len(some)
            for (_, answer), one in zip(some, found, strict=True):
                if answer.done():  # whoever asked has gone
                    continue
                if isinstance(one, Exception):
                    answer.set_exception(one)
                else:
                    answer.set_result(one)

    def _answers(self, actions: Sequence[Callable[[Session], Any]]) -> list[Any]:
        """Return each action's answer, or its error."""
        try:
            with self._database.look() as session:
                return [_answer(session, action) for action in actions]
        except Exception as error:
            return [error] * len(actions)


def _answer(session: Session, action: Callable[[Session], Any]) -> Any:
    try:
        return action(session)
    except Exception as error:
        return error
