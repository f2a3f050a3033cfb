"""The server's life: started, stopped, killed, with one worker and with several."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.web import server
from tests.web import serving

HOLD = b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [
        (signal.SIGTERM, 0, 2),
        (signal.SIGINT, 130, 1),
        pytest.param(signal.SIGTERM, 0, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, 2, marks=pytest.mark.slow),
    ],
)
def test_a_signal_stops_it_after_what_is_in_flight(workers, number, code):
    with serving.server(workers=workers) as served:
        served.listen()
        with ThreadPoolExecutor(33) as pool:
            answers = [pool.submit(served.ask, HOLD) for _ in range(32)]
            stream = pool.submit(served.ask, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
            waiting: dict[int, int] = {}

            def all_wait() -> bool:
                waiting.update([served.get("/waiting")])
                return sum(waiting.values()) == 33

            serving.eventually(all_wait)
            began = time.monotonic()
            assert served.stop(number) == code
            assert time.monotonic() - began < 20
            assert {answer.result()[-16:] for answer in answers} == {b'{"waited": true}'}
            assert stream.result().endswith(b"6\r\nhello\n\r\n4\r\nbye\n\r\n0\r\n\r\n")
        served.reader.join()
        assert served.said[1:] == ["closed"] * workers  # and no traceback
    with pytest.raises(ConnectionRefusedError):
        served.connect()


def test_a_worker_that_dies_is_replaced_and_the_others_go_on():
    with serving.server(workers=2) as served:
        served.listen()
        before = pids(served, 2)
        os.kill(min(before), signal.SIGKILL)
        said = served.line(f"worker {min(before)} died")
        assert said == f"worker {min(before)} died (-9); another takes its place"
        serving.eventually(lambda: len(pids(served, 2) - {min(before)}) == 2)
        assert max(before) in pids(served, 2)
        os.kill(served.process.pid, signal.SIGHUP)
        assert served.get("/") == {}
        assert served.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_when_the_parent_is_killed_the_port_is_free_again(workers, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving.server(workers=workers) as served:
        served.listen()
        alive = pids(served, workers)
        served.process.kill()
        served.process.wait()
        if workers == 2:
            serving.eventually(lambda: not any(map(is_alive, alive)))
            assert list(tmp_path.iterdir()) == []
        with serving.server(port=served.port) as again:
            again.listen()
            assert again.get("/") == {}


@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", "0.0.0.0")]
)
def test_it_says_the_address_as_a_url_has_it(host, shown):
    with serving.server(host=host) as served:
        served.listen()
        assert served.url == f"http://{shown}:{served.port}"
        ran = subprocess.run(["curl", "-sg", f"{served.url}/x"], check=True, capture_output=True)
        assert ran.stdout == b"{}"


def test_a_port_that_is_taken_is_told_so():
    with serving.server() as served:
        served.listen()
        for workers in (1, 2):
            with serving.server(port=served.port, workers=workers) as second:
                assert second.process.wait(serving.PATIENCE) == 9
                second.reader.join()
                assert second.said == [
                    f"error[busy]: another program serves port {served.port} of 127.0.0.1",
                    "hint: stop it, or choose another: --port N, or 0 for any",
                ]


@pytest.mark.parametrize(
    ("terms", "detail"),
    [
        ({"host": "192.0.2.1"}, "192.0.2.1 is no address of this machine"),
        ({"host": "no such host"}, "there is no address no such host"),
        ({"certificate": "/nowhere.pem"}, "there is no file /nowhere.pem"),
        ({"key": "/nowhere.pem"}, "a TLS key needs its certificate"),
        ({"certificate": __file__}, "the certificate cannot be used: "),
    ],
)
def test_what_it_cannot_serve_with_is_refused(terms, detail):
    terms = {"host": "127.0.0.1", "port": 0, "factory": "tests.web.apps:create", **terms}
    with pytest.raises(InvalidInput) as refused:
        server.run(**terms, on_started=pytest.fail)
    assert refused.value.detail.startswith(detail)


REFUSED = ("refuse", 3, "error[not-found]: there is no database at /nowhere")
FAILED = ("fail", 9, "server: Exception in 'lifespan' protocol: NotFound: there is nothing")


@pytest.mark.parametrize(
    ("factory", "code", "said", "workers"),
    [
        (*REFUSED, 1),
        (*FAILED, 2),
        pytest.param(*REFUSED, 2, marks=pytest.mark.slow),
        pytest.param(*FAILED, 1, marks=pytest.mark.slow),
    ],
)
def test_an_application_that_does_not_start_ends_it_with_its_error(factory, code, said, workers):
    with serving.server(factory, workers=workers) as served:
        assert served.process.wait(serving.PATIENCE) == code
        served.reader.join()
        assert said in served.said
        assert "Traceback" not in "".join(served.said)


def test_it_speaks_tls_and_nothing_older_than_1_2(tmp_path):
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    with serving.server(certificate=certificate, key=key, workers=2) as served:
        served.listen()
        assert served.url == f"https://127.0.0.1:{served.port}"
        curl = ["curl", "-s", "--cacert", certificate, f"{served.url}/x"]
        assert subprocess.run(curl, check=True, capture_output=True).stdout == b"{}"
        old = subprocess.run([*curl, "--tls-max", "1.1"], check=False, capture_output=True)
        assert old.returncode == 35  # the handshake failed
        assert served.stop() == 0


def test_a_second_ctrl_c_does_not_wait():
    with serving.server(workers=2) as served:
        served.listen()
        with served.connect() as wire:
            wire.sendall(b"GET /wait/600 HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.2)
            served.process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                served.process.wait(0.5)
            assert served.stop(signal.SIGINT) == 130


def pids(served: serving.Served, count: int) -> set[int]:
    """Return the workers that answer, once that many have, or after a while."""
    found: set[int] = set()

    def look() -> None:
        for _ in range(30):
            with suppress(AssertionError, OSError):
                found.add(served.get("/pid"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) <= count + 1
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
