"""Connections to the outside: to public hosts and to those that the operator names."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from bvinv.core import outgoing
from bvinv.core.errors import InvalidInput
from bvinv.core.outgoing import Answer, Goal
from tests.core.test_hosts import NOT_PUBLIC, OTHER_SCHEMES

HOOK = "https://shop.example.com/hooks?a=1"


def answers(*addresses):
    """Return a look-up with these answers."""
    return lambda name, port, **_: [(2, 1, 6, "", (one, port)) for one in addresses]  # noqa: ARG005


def post(url, named=(), seconds=10.0, **more):
    return outgoing.post(
        url, headers={"x-a": "b"}, body=b"{}", named=named, seconds=seconds, **more
    )


class Raw:
    """Takes one connection after the other, keeps the requests, and says what a test says."""

    def __init__(self, *parts: bytes, pause: float = 0.0) -> None:
        self.parts, self.pause = parts, pause
        self.requests: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                wire, _ = self.listening.accept()
            except OSError:
                return
            with suppress(OSError), wire:
                wire.settimeout(10)
                self.requests.append(wire.recv(65536))
                for part in self.parts:
                    wire.sendall(part)
                    time.sleep(self.pause)

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(20)


def said(*parts, pause=0.0, seconds=10.0):
    """Return what a posting to a server that says this answers, and what the server got."""
    with closing(Raw(*parts, pause=pause)) as raw:
        answer = post(f"http://{raw.host}/in", [raw.host], seconds)
    return answer, raw.requests


# --- Where a URL may lead -----------------------------------------------------------------------


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_what_is_not_on_the_public_internet_is_refused(host):
    with pytest.raises(InvalidInput):
        outgoing.goal(f"https://{host}/hook", [])
    assert post(f"https://{host}/hook").status is None


@pytest.mark.parametrize("scheme", [*OTHER_SCHEMES, "", "HTTP"])
def test_only_https_is_let_out(scheme):
    with pytest.raises(InvalidInput, match="must begin with https://"):
        outgoing.goal(f"{scheme}://example.com/hook", ["shop.internal:80"])


@pytest.mark.parametrize(
    ("url", "named", "goal"),
    [
        (HOOK, (), ("shop.example.com", 443, "/hooks?a=1", True, False)),
        ("HTTPS://Shop.Example.COM:443#x", (), ("shop.example.com", 443, "/", True, False)),
        ("https://bücher.de/ä b", None, None),
        ("https://bücher.de/ä", (), ("xn--bcher-kva.de", 443, "/%C3%A4", True, False)),
        ("https://example.com?x", (), ("example.com", 443, "/?x", True, False)),
        ("http://127.0.0.1:9/x", ("127.0.0.1:9",), ("127.0.0.1", 9, "/x", False, True)),
        ("http://Shop.Internal/x", ("shop.internal:80",), ("shop.internal", 80, "/x", False, True)),
        ("https://[::1]:9/x", ("[::1]:9",), ("[::1]", 9, "/x", True, True)),
        ("http://127.0.0.1:8/x", ("127.0.0.1:9",), None),
        ("http://127.1:9/x", ("127.0.0.1:9",), None),
        ("http://u@127.0.0.1:9/x", ("127.0.0.1:9",), None),
        ("http://127.0.0.1:9\\@example.com/", ("127.0.0.1:9",), None),
        ("https://example.com/\r\nx: y", (), None),
        ("https://example.com/" + "a" * 2000, (), None),
        ("", (), None),
    ],
)
def test_a_url_leads_where_it_shows_or_nowhere(url, named, goal):
    if goal is None:
        with pytest.raises(InvalidInput):
            outgoing.goal(url, named or ())
    else:
        assert outgoing.goal(url, named) == Goal(*goal)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("", ()),
        (" Shop.internal:8080, 127.0.0.1:9000,", ("shop.internal:8080", "127.0.0.1:9000")),
        ("[::1]:9", ("[::1]:9",)),
        ("shop.internal", None),
        ("shop.internal:0", None),
        ("shop.internal:65536", None),
        ("http://shop.internal:80", None),
        ("*:80", None),
    ],
)
def test_hosts_are_named_with_their_ports(listed, found):
    if found is None:
        with pytest.raises(InvalidInput, match="is not a host with its port"):
            outgoing.named_hosts(listed)
    else:
        assert outgoing.named_hosts(listed) == found


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"], []]
)
def test_every_address_of_a_name_has_to_be_public(addresses):
    answer = post(HOOK, lookup=answers(*addresses))
    wrong = [one for one in addresses if not one.startswith("93")]
    assert answer == Answer(
        None,
        f"shop.example.com leads to {wrong[0]}, which is not on the public Internet"
        if wrong
        else "there is no host shop.example.com",
    )


def test_a_name_is_asked_for_once(monkeypatch):
    asked, opened = [], []

    def lookup(name, port, **_):
        asked.append(name)
        return answers("93.184.216.34" if len(asked) == 1 else "127.0.0.1")(name, port)

    def connect(where, timeout):
        opened.append(where)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    assert post(HOOK, lookup=lookup) == Answer(None, "no connection: Connection refused")
    assert (asked, opened) == (["shop.example.com"], [("93.184.216.34", 443)])


# --- What is sent, what is answered -------------------------------------------------------------


def test_a_body_is_posted(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    answer, [request] = said(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    assert answer == Answer(200)
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert (lines[0], body) == ("POST /in HTTP/1.1", b"{}")
    assert {"x-a: b", "Content-Length: 2", "Connection: close"} < {*lines}
    assert lines[1].startswith("Host: 127.0.0.1:")


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], Answer(204)),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"], Answer(200)),
        ([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65536] * 9], Answer(200)),
        ([b"HTTP/1.1 500 Oh\r\n\r\n"], Answer(500, "the server answers 500")),
        (
            [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"],
            Answer(302, "it redirects (302), and redirects are not followed"),
        ),
        (
            [b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n"],
            Answer(429, "the server answers 429", 7),
        ),
        (
            [b"HTTP/1.1 503 No\r\nRetry-After: 99999999999999999\r\n\r\n"],
            Answer(503, "the server answers 503", 86_400),
        ),
        (
            [b"HTTP/1.1 503 No\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n"],
            Answer(503, "the server answers 503", 0),
        ),
        (
            [b"HTTP/1.1 503 No\r\nRetry-After: soon\r\n\r\n"],
            Answer(503, "the server answers 503", None),
        ),
        ([b"SSH-2.0-x\r\n"], Answer(None, "the answer is not HTTP: BadStatusLine")),
        ([b""], Answer(None, "the answer is not HTTP: RemoteDisconnected")),
    ],
)
def test_what_is_answered_is_told(parts, answer):
    found, _ = said(*parts)
    # A server that closes while we still write resets the connection instead.
    assert found == answer or found.detail == "no connection: Connection reset by peer"


def test_slow_drips_end_at_the_deadline():
    began = time.monotonic()
    answer, _ = said(*[b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 20], pause=0.05, seconds=0.3)

    assert answer == Answer(None, "it took longer than 0.3 seconds")
    assert time.monotonic() - began < 3


def test_nobody_listening_is_no_error_of_ours():
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"
    assert post(f"http://{host}/", [host]) == Answer(None, "no connection: Connection refused")
    with closing(Raw(b"no TLS")) as raw:
        found = post(f"https://{raw.host}/", [raw.host])
    assert found.status is None
    assert found.detail.startswith("the connection is not secure: ")
