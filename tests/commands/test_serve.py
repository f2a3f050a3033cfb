"""`bvinv serve` as people start it. What the server does is told in tests/web."""

import json
import signal
import subprocess

import pytest

from bvinv import cli
from tests.web import serving


def run(bvinv, *options: str, **environment: str):
    """Return a started `bvinv serve` on the shell's database, on any free port."""
    words = ("-m", "bvinv", "--db", str(bvinv.path), "serve", "--port", "0", *options)
    return serving.process(*words, **environment)


def assert_refused(bvinv, line: str, detail: str, hint: str | None) -> None:
    """See that it is refused, to people and to programs."""
    said = f"error[invalid-input]: {detail}\n" + (f"hint: {hint}\n" if hint else "")
    assert bvinv(line).refused(2) == said
    problem = bvinv(f"--format json {line}").problem
    assert (problem["code"], problem["detail"], problem.get("hint")) == (
        "invalid-input",
        detail,
        hint,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_says_where_it_serves_and_stops_by_a_signal(bvinv, number, code):
    with run(bvinv) as served:
        served.listen()
        assert served.get("/healthz") == {"status": "ok"}
        assert served.get("/readyz") == {"status": "ready"}
        assert served.stop(number) == code
        served.reader.join()
        assert served.said[0] == f"bvinv serves http://127.0.0.1:{served.port}"
        said = [line for line in served.said[1:] if " GET " not in line]
        assert said == (["interrupted"] if code else [])
    assert not bvinv.path.with_name("shop.db-wal").exists()


def test_two_workers_count_and_log_every_request_once(bvinv):
    with run(bvinv, "--workers", "2", BVINV_ACCESS_LOG="json") as served:
        served.listen()
        for _ in range(20):
            served.get("/healthz")

        def counted() -> bool:
            answer = served.ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            line = b'bvinv_http_requests_total{method="GET",route="/healthz",status="200"} 20.0'
            return line in answer

        serving.eventually(counted)
        assert served.stop() == 0
        served.reader.join()
        lines = [json.loads(line) for line in served.said if line.startswith("{")]
        assert sum(line["path"] == "/healthz" for line in lines) == 20


def test_a_database_that_is_not_there_is_told_before_anything_starts(bvinv):
    path = bvinv.path.with_name("none.db")
    ran = bvinv(f"--db {path} serve")
    assert (
        ran.refused(3)
        == f"error[not-found]: there is no database at {path}\nhint: run: bvinv init\n"
    )
    assert not path.exists()


def test_without_keys_it_does_not_serve_others(bvinv):
    assert_refused(
        bvinv,
        "serve --host 0.0.0.0",
        "without keys or tokens, anybody who reaches 0.0.0.0 could do anything",
        "bvinv keys create --name checkout --role service, or stay on --host 127.0.0.1",
    )


@pytest.mark.parametrize("name", ["BVINV_RATE_LIMIT", "BVINV_LOGIN_LIMIT"])
def test_a_limit_that_is_none_is_told_by_its_name(bvinv, monkeypatch, name):
    monkeypatch.setenv(name, "often")
    hint = "write for example 600/minute;20/second, or nothing for no limit"
    assert_refused(bvinv, "serve", f"{name} is 'often', which is no limit", hint)


@pytest.mark.parametrize(
    ("line", "detail", "hint"),
    [
        ("--host ''", "the host is empty", "try --host 127.0.0.1"),
        ("--tls-key k.pem", "a TLS key needs its certificate", "say --tls-certificate too"),
        ("--tls-certificate none.pem", "there is no file none.pem", None),
        (
            "--port 65536",
            "Invalid value for '--port': Input should be less than or equal to 65535",
            "see: bvinv serve --help",
        ),
    ],
)
def test_what_it_cannot_serve_with_is_refused(bvinv, line, detail, hint):
    assert_refused(bvinv, f"serve {line}", detail, hint)


def test_whoever_is_no_admin_does_not_serve(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_ROLE", "staff")
    assert "error[not-permitted]" in bvinv("serve").refused(6)


def test_other_commands_do_not_load_what_serving_needs(bvinv):
    code = "import bvinv.commands.serve, sys; print({'fastapi', 'uvicorn'} & {*sys.modules})"
    words = [serving.sys.executable, "-c", code]
    ran = subprocess.run(words, check=True, capture_output=True, text=True)
    assert ran.stdout == "set()\n"
    assert cli.COMMANDS["serve"] == "The HTTP API, for shops and services."
