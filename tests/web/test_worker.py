"""What a worker opens, it closes, even where it cannot open all of it."""

import asyncio
import threading

import pytest

from bvinv.core.errors import InvalidInput, NotFound
from bvinv.settings import Settings
from bvinv.web.worker import Task, Worker


def ours() -> set[str]:
    return {one.name for one in threading.enumerate() if one.name.startswith("bvinv-")}


def test_a_worker_that_cannot_open_leaves_no_thread(stocked, tmp_path, monkeypatch):
    where = str(stocked.path or str(stocked.url).replace("+psycopg", ""))

    def fail() -> None:
        raise RuntimeError("can't start new thread")

    async def open_one(task: Task, *, late: bool) -> None:
        worker = Worker(task, Settings())
        if late:
            monkeypatch.setattr(worker.dispatch, "start", fail)
        worker.open()

    before = ours()
    with pytest.raises(RuntimeError, match="thread"):
        asyncio.run(open_one(Task(db=where), late=True))
    with pytest.raises(NotFound):
        asyncio.run(open_one(Task(db=str(tmp_path / "nowhere.db")), late=False))
    with pytest.raises(InvalidInput, match="BVINV_RATE_LIMIT"):
        Worker(Task(db=where), Settings(rate_limit="often"))
    assert ours() == before
