"""HTTP/1.1 as it comes over the wire: deadlines, limits, and what is no HTTP."""

import json
import re
import socket
import threading
import time

import pytest

from tests.web import serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def hasty():
    """Yield a server whose deadlines are short."""
    with serving.server(protocol="tests.web.apps:Hasty") as served:
        yield served.listen()


def problem(answer: bytes) -> tuple[int, str]:
    """Return status and code of the one problem that was answered, as RFC 9457 has it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, answer
    assert b"connection: close" in head
    assert re.search(rb"\r\nx-request-id: [0-9a-f]{16,}\r\n", head)
    assert f"content-length: {len(body)}".encode() in head
    said = json.loads(body)
    assert said["type"] == f"urn:bvinv:error:{said['code']}"
    assert {"title", "status", "detail"} <= set(said)
    assert head.startswith(f"HTTP/1.1 {said['status']} ".encode())
    return said["status"], said["code"]


@pytest.mark.parametrize(
    "said",
    [
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3, 3\r\n\r\nabc",
        POST + b"Content-Length: -3\r\n\r\nabc",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        GET + b"Host: b\r\n\r\n",
        GET + b"X : a\r\n\r\n",
        GET + b"X: a\r\n b\r\n\r\n",
        GET + b"X: a\x00b\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_or_can_be_read_in_two_ways_is_refused(hasty, said):
    assert problem(hasty.ask(said)) == (400, "malformed")


def test_a_head_over_the_limit_is_refused_at_once_or_piece_by_piece(hasty):
    assert problem(hasty.ask(GET + b"X: " + b"a" * 17_000 + b"\r\n\r\n")) == (
        431,
        "head-too-large",
    )
    assert problem(hasty.ask(b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n"))[0] == 431
    assert (
        hasty.ask(GET + b"Connection: close\r\nX: " + b"a" * 15_000 + b"\r\n\r\n")[9:12] == b"200"
    )
    with hasty.connect() as wire:
        wire.sendall(GET)
        for _ in range(20):
            wire.sendall(b"X: " + b"a" * 1_000 + b"\r\n")
        assert problem(serving.rest(wire))[0] == 431


def test_endless_trailers_are_refused(hasty):
    begin = POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: "
    with hasty.connect() as wire:
        wire.sendall(begin)
        time.sleep(0.1)
        wire.sendall(b"a" * 40_000)
        assert problem(serving.rest(wire)) == (400, "malformed")


def test_whoever_does_not_send_a_head_in_time_is_closed(hasty):
    with hasty.connect() as wire:
        assert serving.rest(wire) in (b"", b"<reset>")  # not a byte was sent
    for said in (b"GET / HT", GET, b"\r\n"):
        assert problem(hasty.ask(said)) == (408, "request-timeout")
    with hasty.connect() as wire:
        wire.sendall(GET + b"\r\n")
        answer = b""
        while not answer.endswith(b"{}"):
            answer += wire.recv(1_000) or pytest.fail("closed")
        wire.sendall(GET)  # of a second request
        assert problem(serving.rest(wire)) == (408, "request-timeout")


def test_a_body_that_does_not_arrive_in_time_is_refused_and_the_application_told(hasty):
    assert problem(hasty.ask(POST + b"Content-Length: 10\r\n\r\nabc")) == (408, "request-timeout")
    hasty.line("disconnected")
    assert "refused 408 127.0.0.1" in hasty.said


def test_an_answer_does_not_keep_a_connection_open_whose_body_trickles_in(hasty):
    with hasty.connect() as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        answer = wire.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        with pytest.raises(OSError):
            for _ in range(1_000):
                wire.sendall(b"a")
                time.sleep(0.02)


def test_an_early_answer_is_not_lost_to_a_client_that_still_sends(hasty):
    said = b"POST /close HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"
    with hasty.connect() as wire:
        sender = threading.Thread(target=wire.sendall, args=(said + b"a" * 3_000_000,))
        sender.start()
        answer = serving.rest(wire)
        sender.join()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"\r\n\r\n{}")


def test_requests_in_a_row_are_answered_in_order(hasty):
    two = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
    last = POST + b"Content-Length: 3\r\n\r\ntwo"
    answer = hasty.ask(b"\r\n" + two + last)
    assert [part[-3:] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [b"one", b"two"]
    assert hasty.ask(GET + b"\r\n" + b"nonsense\r\n\r\n").count(b"HTTP/1.1 ") <= 1


def test_an_upgrade_that_nobody_speaks_is_answered_in_http_1(hasty):
    said = GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    answer = hasty.ask(said)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"{}")


def test_more_connections_than_the_limit_are_told_to_come_again(hasty):
    wires = [hasty.connect() for _ in range(45)]
    try:
        answers = [serving.rest(wire) for wire in wires]
    finally:
        for wire in wires:
            wire.close()
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
    assert refused
    assert {problem(answer) for answer in refused} == {(503, "busy")}
    assert all(b"retry-after: 1\r\n" in answer for answer in refused)
    assert hasty.get("/") == {}


@pytest.mark.parametrize(
    ("count", "protocol", "within"),
    [
        (15, "tests.web.apps:Hasty", None),
        pytest.param(200, "bvinv.web.protocol:Protocol", 15, marks=pytest.mark.slow),
    ],
)
def test_slow_clients_are_closed_while_others_are_served(count, protocol, within):
    with serving.server(protocol=protocol) as served:
        served.listen()
        began = time.monotonic()
        heads = [served.connect() for _ in range(count)]
        bodies = [served.connect() for _ in range(count)]
        for wire in bodies:
            wire.sendall(POST + b"Content-Length: 100000\r\n\r\n")
        alive = {*heads, *bodies}
        pause = 1 if within else 0.05
        while alive:
            for wire in [*alive]:
                wire.setblocking(False)
                try:
                    wire.send(b"G")
                    if wire.recv(1_000):
                        alive.discard(wire)
                except BlockingIOError:
                    pass
                except OSError:
                    alive.discard(wire)
            assert served.get("/") == {}
            time.sleep(pause)
        if within:
            assert time.monotonic() - began < within
        for wire in (*heads, *bodies):
            wire.close()
        assert served.stop() == 0


def test_a_client_that_reads_nothing_is_dropped():
    with serving.server(protocol="tests.web.apps:Hasty") as served:
        served.listen()
        with served.connect() as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            wire.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            served.line("large: disconnected")
