"""Streams of events: nothing missed, nothing held, and an end. Source: RELIABILITY.md, B-09."""

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from bvinv.core import command_log
from bvinv.core.command_log import Tale
from bvinv.core.db import Database, Session
from bvinv.web import streams
from tests import books
from tests.api import Api, Stream
from tests.web import serving
from tests.web.wires import wires

_FRAME = re.compile(rb"id: (\d+)\nevent: ([^\n]+)\ndata: ([^\n]+)\n\n")


def frames(body: bytes) -> list[tuple[int, str, dict]]:
    """Return id, type and data of each event that has arrived whole."""
    return [(int(i), kind.decode(), json.loads(said)) for i, kind, said in _FRAME.findall(body)]


def last(body: bytes, before: str = "") -> str:
    """Return what a client sends as Last-Event-ID: that of the last whole block, if any came."""
    whole = body[: body.rfind(b"\n\n") + 2]
    found = re.findall(rb"(?:^|\n)id: (\d+)\n", whole)
    return found[-1].decode() if found else before


def tell(database: Database, writer: int, count: int, name: str) -> None:
    """Write events of one subject in a transaction of their own."""

    def action(session: Session) -> list[None]:
        tales = [
            Tale("stock.adjusted", f"W-{writer}", {"n": f"{name}-{one}"}, session.command)
            for one in range(count)
        ]
        command_log.tell(session, tales)
        return []

    books.act(database, action)


@pytest.fixture
def places(monkeypatch) -> Iterator[None]:
    """Let two streams be open, not two hundred."""
    monkeypatch.setattr(streams, "MOST", 2)
    yield


@pytest.mark.parametrize("total", [600, pytest.param(5_000, marks=pytest.mark.slow)])
def test_a_reader_that_is_cut_off_again_and_again_misses_nothing(stocked, total):
    """Four writers interleave; what each has told arrives whole and in its order."""
    api = Api(stocked)
    chance = random.Random(9)
    begin = books.fetch(stocked, "SELECT max(id) FROM event")[0][0]
    writers = [
        threading.Thread(target=_write, args=(stocked, writer, total // 4, random.Random(writer)))
        for writer in range(4)
    ]
    seen: list[tuple[int, str, dict]] = []
    cursor, cuts = str(begin), 0
    try:
        for one in writers:
            one.start()
        while len({event[0] for event in seen}) < total:
            with api.stream("/events", last_event_id=cursor) as stream:
                body = stream.read(chance.choice([b"retry", b"data", b"data", b"}}\n\n"]))
                cuts += 1
            assert stream.status == 200
            # The line breaks anywhere; what is not whole is as good as not come.
            body = body[: chance.randrange(len(body) // 2, len(body) + 1)] if cuts < 30 else body
            seen += frames(body)
            cursor = last(body, cursor)
        for one in writers:
            one.join()
    finally:
        api.close()
    assert cuts >= 10
    ids = [event[0] for event in seen]
    assert len(ids) == len(set(ids)), "a cursor went back"
    assert ids == sorted(ids)
    written = books.fetch(stocked, f"SELECT id FROM event WHERE id > {begin} ORDER BY id")
    assert ids == [row[0] for row in written]


def _write(database: Database, writer: int, count: int, chance: random.Random) -> None:
    left, batch = count, 0
    while left:
        some = min(left, chance.choice([1, 2, 20]))
        tell(database, writer, some, f"{writer}-{batch}")
        left, batch = left - some, batch + 1


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_what_commits_late_with_an_early_id_is_not_passed_by(stocked):
    """PostgreSQL gives ids before commits: a reader waits for those that are on their way."""
    api = Api(stocked)
    begin = books.fetch(stocked, "SELECT max(id) FROM event")[0][0]
    late = stocked.write(command_log.command("test", actor="late"))
    try:
        with api.stream(f"/events?after={begin}") as stream:
            stream.read(b"retry")
            session = late.__enter__()
            tale = Tale("stock.adjusted", "W-0", {"n": "late"}, session.command)
            command_log.tell(session, [tale])
            tell(stocked, 1, 1, "early")
            assert b"early" not in stream.body
            late.__exit__(None, None, None)
            body = stream.read(b"early-0")
        assert [event[2]["data"]["n"] for event in frames(body)] == ["late", "early-0"]
    finally:
        api.close()


def test_a_silent_line_says_that_it_is_alive(api, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    with api.stream("/events") as stream:
        assert stream.read(b": alive\n\n: alive\n\n").startswith(b"retry: 2000\n\n")
        assert frames(stream.body) == []


def test_what_nobody_wants_moves_the_cursor_on(api):
    with api.stream("/events?type=reservation.*&sku=HX-1") as stream:
        stream.read(b"retry")
        books.receive(api.database, "HX-1", 1, "MAIN", bin="SHELF")
        books.reserve(api.database, "R-2", "HX-2=1")
        body = stream.read(b"id: ")
        assert frames(body) == []
        books.reserve(api.database, "R-1", "HX-1=1")
        body = stream.read(b"R-1")
        newest = books.fetch(api.database, "SELECT max(id) FROM event")[0][0]
        assert [(one[0], one[1]) for one in frames(body)] == [(newest, "reservation.created")]
        assert last(body) == str(newest)


def test_the_server_ends_its_streams_when_it_stops(api):
    with api.stream("/events") as first, api.stream("/events?after=0") as second:
        first.read(b"retry")
        second.read(b"product.created")
        api.stop()
        for one in (first, second):
            serving.eventually(lambda one=one: one.has_ended)
            assert one.status == 200
    assert api.worker.pulse.streams == 0


def test_one_stream_too_many_is_refused_before_it_begins(api, places):
    with api.stream("/events") as first, api.stream("/events"):
        first.read(b"retry")
        serving.eventually(lambda: api.worker.pulse.streams == 2)
        refused = api.get("/events", "service")
        refused.refused(503, "busy")
        assert refused.headers["retry-after"] == "1"
    assert api.worker.pulse.streams == 0
    with api.stream("/events") as again:
        assert again.read(b"retry")


def test_a_head_of_a_stream_does_not_wait_for_its_end(api):
    for _ in range(3):
        head = api.send("HEAD", "/events", "service")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in head.headers
    assert api.worker.pulse.streams == 0
    assert api.send("HEAD", "/events", "viewer").status == 403
    assert api.send("HEAD", "/events?after=x", "service").status == 422


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_stream_that_waits_holds_no_snapshot_of_a_file(stocked):
    api = Api(stocked)
    try:
        with api.stream("/events?after=0") as stream:
            stream.read(b"product.created")
            tell(stocked, 0, 50, "x")
            stream.read(b"x-49")
            with closing(books.raw(stocked)) as wire:
                busy = wire.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            assert busy == 0
            assert stocked.path.with_name("bvinv.db-wal").stat().st_size == 0
    finally:
        api.close()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_stream_that_waits_holds_no_transaction_of_a_server(stocked):
    api = Api(stocked)
    try:
        with api.stream("/events?after=0") as stream:
            stream.read(b"product.created")
            pids = [one.info.backend_pid for one in wires()]
            with closing(books.raw(stocked)) as wire:
                serving.eventually(
                    lambda: (
                        not wire.execute(
                            "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s) "
                            "AND state LIKE 'idle in transaction%%'",
                            [pids],
                        ).fetchall()
                    )
                )
            assert not stream.has_ended
    finally:
        api.close()


def test_who_goes_away_is_forgotten(api):
    open_streams: list[Stream] = []
    for _ in range(5):
        with api.stream("/events") as stream:
            stream.read(b"retry")
            open_streams.append(stream)
    assert api.worker.pulse.streams == 0
    assert all(one.has_ended for one in open_streams)
