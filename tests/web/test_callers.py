"""Who asks: keys, tokens, and nobody in particular where the door is open."""

import time

import jwt
import pytest

from bvinv.core import keys
from tests.api import Api
from tests.books import act

SECRET = "correct-horse-battery-staple-4711-0815"
ISSUER, AUDIENCE = "https://id.example", "bvinv"
TOKENS = {"jwt_secret": SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
MARK = "OPEN-SESAME"


@pytest.fixture
def tokens(stocked):
    found = Api(stocked, **TOKENS)
    yield found
    found.close()


def token(role="service", subject="shop", secret=SECRET, header=None, **more) -> str:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "role": role, "iat": now}
    said |= {"exp": now + 600, **more}
    return jwt.encode(said, secret, "HS256", headers=header)


def test_a_key_is_shown_in_its_own_header_or_as_a_bearer(api):
    key = api.keys["viewer"]
    for said in (
        {"x_api_key": key},
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key} "},
    ):
        assert api.get("/stock/HX-1", None, **said).status == 200, said


UNKNOWN = [
    {},
    {"x_api_key": ""},
    {"x_api_key": MARK},
    {"x_api_key": "bvinv_" + "A" * 43},
    {"x_api_key": "bvinv_" + "A" * 100_000},
    {"x_api_key": "bvinv_ÿþý\x00' OR 1=1 --"},
    {"x_api_key": "\xff" * 43},
    {"authorization": MARK},
    {"authorization": "Bearer"},
    {"authorization": f"Bearer {MARK}"},
    {"authorization": "Bearer bvinv_" + "ÿ" * 43},
    {"authorization": "Bearer a.b.c"},
    {"authorization": "Bearer " + ".".join("A" * 3_000 for _ in range(3))},
    {"authorization": "Basic YWRtaW46YWRtaW4="},
    {"authorization": "\x01\xff \xff"},
    {"x_api_key": MARK, "authorization": f"Bearer {MARK}"},
]


def test_who_shows_nothing_that_is_known_is_refused(tokens):
    for said in UNKNOWN:
        refused = tokens.get("/stock/HX-1", None, **said)
        refused.refused(401, "unauthenticated")
        assert refused.headers["www-authenticate"] == 'Bearer realm="bvinv"'
        assert MARK.encode() not in refused.body


def test_a_good_key_next_to_a_bad_token_counts_and_not_the_other_way_round(tokens):
    good = tokens.keys["viewer"]
    assert (
        tokens.get("/stock/HX-1", None, x_api_key=good, authorization="Bearer x.y.z").status == 200
    )
    tokens.get(
        "/stock/HX-1", None, x_api_key=good + "x", authorization=f"Bearer {token()}"
    ).refused(401, "unauthenticated")


def test_a_revoked_key_is_refused_at_once(api):
    for _ in range(2):
        assert api.get("/stock/HX-1").status == 200
    act(api.database, lambda session: keys.revoke(session, name="web"))
    _soon(api, lambda: api.get("/stock/HX-1").status == 401)
    assert api.get("/stock/HX-1", "service").status == 200


def _soon(api, holds) -> None:
    """See that it holds now; on PostgreSQL within the second that news may take."""
    end = time.monotonic() + (1.0 if api.database.url else 0.0)
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    assert found


def test_a_token_counts_with_its_role_until_it_expires(tokens):
    said = {"authorization": f"Bearer {token()}"}
    for _ in range(2):
        assert tokens.get("/stock/HX-1", None, **said).status == 200
    as_key = {"x_api_key": said["authorization"].removeprefix("Bearer ")}
    tokens.get("/stock/HX-1", None, **as_key).refused(401, "unauthenticated")
    made = {"reservation_id": "R", "sku": "HX-1", "quantity": 1}
    assert tokens.post("/stock/reserve", made, None, **said).status == 201
    tokens.post("/stock/receive", {}, None, **said).refused(403, "not-permitted")
    old = token(iat=int(time.time()) - 900, exp=int(time.time()) - 1)
    tokens.get("/stock/HX-1", None, authorization=f"Bearer {old}").refused(401, "unauthenticated")


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_token_is_not_believed_longer_than_it_says(tokens):
    at = time.time()
    caller = tokens.run(_found(tokens.worker, token(exp=int(at) + 2)))
    assert caller == ("shop", "service")
    [(_, ends)] = tokens.worker.callers._known.values()
    assert ends == int(at) + 2


async def _found(worker, said: str):
    version = worker.watch.version()
    worker.callers.known(b"", b"", version, 0)
    return await worker.caller(b"", said.encode(), version)


FORGED = [
    {"secret": SECRET[::-1]},
    {"role": "root"},
    {"aud": "others"},
    {"iss": "https://id.example.evil"},
    {"exp": 1e30},
    {"subject": "a\x00b"},
    {"header": {"jku": "https://evil.example/keys"}},
    {"header": {"kid": "../../dev/null"}},
    {"header": {"kid": "' OR 1=1"}},
    {"header": {"crit": ["x"]}},
    {"header": {"typ": "refresh"}},
    {"nbf": int(time.time()) + 900},
]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_forged_token_is_refused(tokens):
    for forged in FORGED:
        said = {"authorization": f"Bearer {token(**forged)}"}
        tokens.get("/stock/HX-1", None, **said).refused(401, "unauthenticated")


def test_a_lowered_role_and_a_blocked_subject_count_at_once(tokens):
    said = {"authorization": f"Bearer {token(role='admin')}"}
    assert tokens.get("/stock/HX-1/history", None, **said).status == 200
    act(tokens.database, lambda session: keys.limit(session, name="shop", role="viewer"))
    _soon(tokens, lambda: tokens.get("/stock/HX-1/history", None, **said).status == 403)
    assert tokens.get("/stock/HX-1", None, **said).status == 200
    act(tokens.database, lambda session: keys.revoke(session, name="shop"))
    _soon(tokens, lambda: tokens.get("/stock/HX-1", None, **said).status == 401)


def test_a_limit_does_not_raise_a_role(tokens):
    act(tokens.database, lambda session: keys.limit(session, name="shop", role="admin"))
    said = {"authorization": f"Bearer {token(role='viewer')}"}
    assert tokens.get("/stock/HX-1", None, **said).status == 200
    tokens.get("/stock/HX-1/history", None, **said).refused(403, "not-permitted")


def test_a_role_that_is_too_low_is_told_which_it_takes(api):
    problem = api.post("/stock/reserve", {"anything": MARK}, "viewer").refused(403, "not-permitted")
    assert (problem["role"], problem["needed"]) == ("viewer", "service")
    assert MARK not in str(problem)


# --- The open door --------------------------------------------------------------------------------


@pytest.fixture
def opened(stocked):
    found = Api(stocked, keys=False)
    yield found
    found.close()


def test_the_door_is_open_until_the_first_key_is_made_and_never_again(opened):
    assert opened.get("/stock/HX-1").status == 200
    assert (
        opened.post("/stock/reserve", {"reservation_id": "R", "sku": "HX-1", "quantity": 1}).status
        == 201
    )
    opened.get("/stock/HX-1", x_api_key="bvinv_" + "A" * 43).refused(401, "unauthenticated")

    made = act(opened.database, lambda session: keys.create(session, name="a", role="viewer"))
    _soon(opened, lambda: opened.get("/stock/HX-1").status == 401)
    shown = {"x_api_key": made.key.get_secret_value()}
    assert opened.get("/stock/HX-1", **shown).status == 200

    act(opened.database, lambda session: keys.revoke(session, name="a"))
    _soon(opened, lambda: opened.get("/stock/HX-1", **shown).status == 401)
    opened.get("/stock/HX-1").refused(401, "unauthenticated")


def test_a_server_with_tokens_has_no_open_door(stocked):
    found = Api(stocked, keys=False, **TOKENS)
    try:
        found.get("/stock/HX-1").refused(401, "unauthenticated")
    finally:
        found.close()


HOSTS = [
    *((one, 200) for one in ("localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1")),
    *((one, 200) for one in ("127.0.0.1:8000", "[::1]", "[::1]:8000", "127.0.0.2")),
    *((one, 403) for one in ("evil.example", "evil.example:8000", "localhost.evil.example")),
    *((one, 403) for one in ("127.0.0.1.nip.io", "localhost@evil.example", "", "::1", "[::1")),
    *((one, 403) for one in ("[localhost]", "127.0.0.1:x", "0.0.0.0:8000", "192.168.1.5")),
    *((one, 403) for one in ("localhost:8000:1", "\xff", "2130706433", "127.1")),
]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_open_door_answers_to_no_other_name(opened):
    for host, status in HOSTS:
        answer = opened.get("/stock/HX-1", host=host)
        assert answer.status == status, host
        if status == 403:
            answer.refused(403, "not-permitted")
            assert "evil" not in answer.body.decode()


ORIGINS = [
    ("http://localhost:8000", 200),
    ("https://localhost:8000", 200),
    ("http://localhost", 403),
    ("http://localhost:3000", 403),
    ("http://evil.example", 403),
    ("null", 403),
    ("", 403),
]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_through_the_open_door_no_page_of_another_site_gets_in(opened):
    for number, (origin, status) in enumerate(ORIGINS):
        said = {"host": "localhost:8000", "origin": origin}
        wanted = {"reservation_id": f"R-{number}", "sku": "HX-1", "quantity": 1}
        assert opened.get("/stock/HX-1", **said).status == status, origin
        made = opened.post("/stock/reserve", wanted, **said)
        assert made.status == (201 if status == 200 else 403), origin


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_a_page_may_send_without_asking_is_no_body_of_ours(opened):
    body = b'{"reservation_id": "R", "sku": "HX-1", "quantity": 1}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        opened.post("/stock/reserve", body=body, content_type=kind).refused(
            415, "unsupported-media-type"
        )


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_with_a_key_the_name_of_the_server_is_its_own_affair(api):
    said = {"host": "shop.example", "origin": "https://shop.example"}
    assert api.get("/stock/HX-1", **said).status == 200
