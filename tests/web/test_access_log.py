"""One line a request, whatever it says."""

import json
import os
import re
import signal
from typing import Any

import pytest

from bvinv.web.access_log import AccessLog, Silence
from tests.web import serving

USUAL: dict[str, Any] = {
    "method": "POST",
    "path": "/stock/reserve",
    "query": b"",
    "status": 201,
    "size": 312,
    "seconds": 0.00142,
    "caller": "checkout",
    "request": b"abc-1",
    "address": "127.0.0.1",
}
AT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def written(style: Any, *notes: dict[str, Any]) -> list[str]:
    """Return the lines of these requests, each the usual one but for what is said."""
    reader, writer = os.pipe()
    log = AccessLog.of(style, writer)
    for note in notes:
        log.note(**(USUAL | note))
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read()
    assert re.fullmatch(rb"[ -~\n]*", said), said
    assert said.endswith(b"\n") or not notes
    return said.decode("ascii").splitlines()


def test_a_line_says_who_asked_what_and_what_came_of_it():
    [line] = written("text", {})
    assert re.fullmatch(
        f"{AT} 127.0.0.1 checkout POST /stock/reserve 201 1.4ms 312B req=abc-1", line
    )


def test_as_json_it_is_an_object_a_line():
    [line] = written("json", {"query": b"q=a%20b"})
    said = json.loads(line)
    assert re.fullmatch(AT, said.pop("at"))
    assert said == {
        "address": "127.0.0.1",
        "caller": "checkout",
        "method": "POST",
        "path": "/stock/reserve",
        "query": "q=a%20b",
        "status": 201,
        "milliseconds": 1.42,
        "bytes": 312,
        "request_id": "abc-1",
    }


HOSTILE = "/a b\r\n2026-01-01 \x1b[2J\x00\x7f\x85\u2028\u202e\ud800é\\n" + "x" * 5_000


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("field", ["path", "caller", "method", "address"])
def test_whatever_is_asked_is_one_line_without_control_characters(style, field):
    [line] = written(style, {field: HOSTILE})
    assert len(line) < 4_000
    if style == "json":
        assert json.loads(line)[field] == HOSTILE[:400] + "..."
    else:
        assert len(line.split(" ")) == 9
        assert r"/a\x20b\r\n2026-01-01\x20\x1b[2J\x00\x7f\x85\u2028\u202e\ud800\xe9\\n" in line


@pytest.mark.parametrize("style", ["text", "json"])
def test_secrets_in_a_query_are_left_out(style):
    query = b"q=x&author=Ann&key=s3cret&Token=s3cret&%6bey=s3cret&api_key=s3cret&key&sku=HX-1"
    query += b"&access_token=s3&authorization=s3"
    [line] = written(style, {"query": query})
    shown = "q=x&author=Ann&key=***&Token=***&%6bey=***&api_key=***&key&sku=HX-1"
    shown += "&access_token=***&authorization=***"
    assert shown in line
    assert "s3" not in line
    [line] = written(style, {"query": bytes(range(256))})
    assert "req" in line


def test_nothing_is_lost_and_lines_stay_whole_when_there_are_many():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = AccessLog.of("text", writer)
    for number in range(3_000):
        log.note(**(USUAL | {"request": b"%d" % number}))
    found = []
    with os.fdopen(reader, "r") as file:
        for line in file:
            found.append(line.rpartition("req=")[2])
            if len(found) == 3_000:
                break
        log.close()
        os.close(writer)
    assert found == [f"{number}\n" for number in range(3_000)]


def test_a_stderr_that_is_gone_stops_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    log = AccessLog.of("text", writer)
    log.note(**USUAL)
    log.close()
    log.close()
    os.close(writer)


def test_it_can_be_off():
    log = AccessLog.of("off")
    assert isinstance(log, Silence)
    log.note(**USUAL)
    log.close()


def test_what_was_noted_before_sigterm_is_written():
    with serving.server("logged") as served:
        served.listen()
        for _ in range(5):
            served.get("/x")
        assert served.stop(signal.SIGTERM) == 0
        served.reader.join()
        assert sum(" GET /x 200 " in line for line in served.said) == 5
