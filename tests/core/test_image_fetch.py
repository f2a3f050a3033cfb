"""Fetching an image: from the public Internet only, and never for long."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress

import pytest

from bvinv.core import image_fetch
from bvinv.core.image_fetch import Deadline, fetch, public_address
from bvinv.core.images import Finding

HOST = "images.example.org"
URL = f"https://{HOST}/covers/a%20b%c3%a4ä.png?size=L#top"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> str:
    """Return the file of a new certificate for HOST, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    public = path.with_suffix(".crt")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={HOST}", "-keyout", path, "-out", public),
            *("-addext", f"subjectAltName=DNS:{HOST}"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + public.read_text())
    return str(path)


class Server:
    """Answers TLS connections on the loopback with what a test says; keeps the requests."""

    def __init__(self, certificate: str) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = self.listening.getsockname()
        self.requests: list[bytes] = []
        self.names: list[str] = []
        self.sent = 0
        self.parts = [b""]
        self.pause = 0.0
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            plain.settimeout(10)
            with suppress(OSError), plain, self.context.wrap_socket(plain, server_side=True) as tls:
                self.requests.append(tls.recv(65536))
                for part in self.parts:
                    tls.sendall(part)
                    self.sent += len(part)
                    time.sleep(self.pause)
                tls.unwrap()

    def says(self, *parts: bytes, pause: float = 0.0, **headers: str) -> None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()
        self.parts, self.pause = [head, *parts], pause

    def fetched(self, seconds: float = 5.0) -> Finding:
        began = time.monotonic()
        found = fetch(URL, resolve=lambda *_: self.address, seconds=seconds)
        assert time.monotonic() - began < seconds + 0.5
        return found

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(20)


@pytest.fixture
def server(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    found = Server(certificate)
    yield found
    found.close()


def answers(*addresses):
    """Return a look-up with these answers."""
    return lambda name, port, **_: [(2, 1, 6, "", (one, port)) for one in addresses]  # noqa: ARG005


def test_an_image_is_fetched_by_its_address_under_its_name(server):
    server.says(PNG, Content_Type="image/png", Content_Length=str(len(PNG)))

    assert server.fetched() == Finding("fetched", "", "image/png", len(PNG))
    [request] = server.requests
    head = request.decode().split("\r\n")
    assert head[0] == "GET /covers/a%20b%c3%a4%C3%A4.png?size=L HTTP/1.1"
    assert f"Host: {HOST}" in head
    assert server.names == [HOST]


def test_the_kind_is_what_the_bytes_are(server):
    server.says(JPEG[:2], JPEG[2:], Content_Type="image/png; charset=x")

    assert server.fetched() == Finding("fetched", "", "image/jpeg", len(JPEG))


def test_a_body_in_chunks_is_measured(server):
    server.says(
        b"%x\r\n%s\r\n" % (len(PNG), PNG),
        b"5\r\nabcde\r\n0\r\n\r\n",
        Content_Type="image/png",
        Transfer_Encoding="chunked",
    )

    assert server.fetched() == Finding("fetched", "", "image/png", len(PNG) + 5)


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (b"<html>", {"Content_Type": "text/html"}, "it is text/html, not an image"),
        (PNG, {}, "it is text/plain, not an image"),
        (
            b"<html><script>",
            {"Content_Type": "image/png"},
            "it says it is image/png, but it is none of the known kinds of images",
        ),
        (
            b"<svg onload=alert(1)>",
            {"Content_Type": "image/svg+xml"},
            "it says it is image/svg+xml, but it is none of the known kinds of images",
        ),
        (
            b"",
            {"Content_Type": "image/png"},
            "it says it is image/png, but it is none of the known kinds of images",
        ),
        (PNG, {"Content_Type": "image/png", "Content_Length": "500"}, "it ends too early"),
        (
            PNG,
            {"Content_Type": "image/png", "Content_Length": "10000001"},
            "it has more than 10 MB",
        ),
    ],
)
def test_what_is_no_image_fails(server, body, headers, detail):
    server.says(body, **headers)

    assert server.fetched() == Finding("failed", detail)


@pytest.mark.parametrize(
    ("head", "detail"),
    [
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\n\r\n",
            "it redirects (302), and redirects are not followed",
        ),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: /b.png\r\n\r\n",
            "it redirects (301), and redirects are not followed",
        ),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "the server answers 404"),
        (b"HTTP/1.1 206 Partial Content\r\n\r\n", "the server answers 206"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP: BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000, "the answer is not HTTP: LineTooLong"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200, "the answer is not HTTP: HTTPException"),
        (b"", "the answer is not HTTP: RemoteDisconnected"),
    ],
)
def test_what_is_no_answer_fails_and_no_redirect_is_followed(server, head, detail):
    server.parts = [head]

    assert server.fetched() == Finding("failed", detail)
    assert len(server.requests) == 1


def test_a_body_without_end_is_left_after_10_mb(server):
    server.says(PNG, *[b"\0" * 1_000_000] * 1000, Content_Type="image/png")

    assert server.fetched() == Finding("failed", "it has more than 10 MB")
    server.thread.join(0.5)
    assert server.sent < 30_000_000  # what the two sockets had room for, too


@pytest.mark.parametrize("headers", [{"Content_Type": "image/png"}, {}])
def test_a_slow_drip_is_left_in_time(server, headers):
    drip = [bytes([one]) for one in PNG]
    if headers:
        server.says(*drip, pause=0.05, **headers)
    else:  # even in the status line
        server.parts, server.pause = [bytes([one]) for one in b"HTTP/1.1 200 OK\r\n" * 9], 0.05

    assert server.fetched(seconds=0.6) == Finding("failed", "it took longer than 0.6 seconds")


def test_a_server_that_says_nothing_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = fetch(URL, resolve=lambda *_: silent.getsockname(), seconds=0.3)

    assert found == Finding("failed", "it took longer than 0.3 seconds")


def test_a_certificate_has_to_be_good_for_the_name(server, monkeypatch):
    other = "https://other.example.org/a.png"
    found = fetch(other, resolve=lambda *_: server.address)
    assert found.state == "failed"
    assert found.detail.startswith("the connection is not secure: Hostname mismatch")

    monkeypatch.delenv("SSL_CERT_FILE")
    found = fetch(URL, resolve=lambda *_: server.address)
    assert found.detail.startswith("the connection is not secure: self-signed certificate")
    assert server.requests == []


def test_nobody_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()

    assert fetch(URL, resolve=lambda *_: address) == Finding(
        "failed", "no connection: Connection refused"
    )


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["2606:4700::1111", "::1"], ["fe80::1%2", "1.1.1.1"]],
)
def test_a_name_is_refused_unless_all_its_addresses_are_public(server, addresses):
    found = fetch(
        URL, resolve=lambda name, until: public_address(name, until, lookup=answers(*addresses))
    )

    wrong = next(one for one in addresses if one in ("127.0.0.1", "10.0.0.1", "::1", "fe80::1%2"))
    assert found == Finding(
        "refused", f"{HOST} leads to {wrong}, which is not on the public Internet"
    )
    assert server.requests == []


def test_a_name_is_asked_for_once_so_a_second_answer_changes_nothing(server):
    server.says(PNG, Content_Type="image/png")
    asked = []

    def lookup(name, port, **_):
        asked.append(name)
        return answers("1.1.1.1" if len(asked) == 1 else "127.0.0.1")(name, port)

    def resolve(name, until):
        assert public_address(name, until, lookup=lookup) == ("1.1.1.1", 443)
        return server.address  # stands for 1.1.1.1

    assert fetch(URL, resolve=resolve).state == "fetched"
    assert asked == [HOST]


def test_a_name_without_an_answer_fails_in_time():
    def fail(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    def hang(*_, **__):
        time.sleep(1)
        return []

    found = fetch(URL, resolve=lambda name, until: public_address(name, until, lookup=fail))
    assert found == Finding("failed", f"there is no host {HOST}")
    found = fetch(
        URL, resolve=lambda name, until: public_address(name, until, lookup=hang), seconds=0.2
    )
    assert found == Finding("failed", "it took longer than 0.2 seconds")
    assert image_fetch.SECONDS == 5


def test_the_loopback_is_refused_by_its_names_too():
    with pytest.raises(Exception, match=r"localhost leads to .*, which is not on the public"):
        public_address("localhost", Deadline(5))
