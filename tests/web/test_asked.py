"""What requests say in their paths, queries, heads and texts. Source: RELIABILITY.md, H-02."""

import re
from unicodedata import normalize

from tests import books
from tests.conftest import mostly_on_sqlite
from tests.web.sound import MARK, WISH, sound

TEXTS = [
    *(
        "",
        " ",
        "a" * 100_000,
        "\0",
        "a\0b",
        "\u202eabc",
        "👩‍👩‍👧",
        "é",
        "%",
        "_",
        "'",
        '"',
    ),
    *(
        "--",
        "\\",
        "a" + "\u0301" * 10_000,
        "\n",
        "\r\n",
        "\x1b[31m",
        "\x7f",
        "=",
        ",",
    ),
    *("' OR '1'='1", "'; DROP TABLE product; --", '" MATCH "', "${7*7}", "{{7*7}}", "<script>"),
    *("../../etc/passwd", "R/1", "null", "0", "\ufeff", "\ufffe", "\U0010ffff", "ﬀ", "İ", "ß"),
]


def test_a_text_comes_back_as_it_was_or_is_refused(api):
    """Of what is kept, only the Unicode form may change, and the spaces around it go."""
    for number, text in enumerate(TEXTS):
        wish = {"reservation_id": text, "sku": "HX-2", "quantity": 1, "ttl_seconds": 1}
        made = sound(api.post("/stock/reserve", wish, "service"))
        if made.status < 300:
            kept = made.json["reservation_id"]
            assert kept == normalize("NFC", text.strip(" "))
            if not {"/", "?", "%"} & {*kept}:
                again = sound(api.get(f"/reservations/{kept}", "service"))
                assert again.json["reservation_id"] == kept
            api.database.clock.advance(books.SECOND)
        for field in ("sku", "warehouse", "strategy", "channel", "expires_at"):
            wish = {"reservation_id": f"T-{number}", "sku": "HX-1", "quantity": 1, field: text}
            refused = sound(api.post("/stock/reserve", wish, "service"))
            assert refused.status in (404, 409, 422), (field, text, refused)


def test_an_id_is_the_same_however_its_letters_are_put_together(api):
    wish = {"reservation_id": " e\u0301 ", "sku": "HX-2", "quantity": 1}
    assert api.post("/stock/reserve", wish, "service").json["reservation_id"] == "é"
    again = api.post("/stock/reserve", wish | {"reservation_id": "é"}, "service")
    assert (again.status, again.json["replayed"]) == (200, True)
    assert api.get("/reservations/e\u0301", "service").status == 200


def test_lone_surrogates_and_bad_utf_8_are_refused(api):
    for text in (b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff\xfe"', b'"\xc3"'):
        for template in (
            b'{"reservation_id": %s, "sku": "HX-1", "quantity": 1}',
            b'{"reservation_id": "R", "sku": %s, "quantity": 1}',
            b'{"reservation_id": "R", "sku": "HX-1", "quantity": 1, %s: 1}',
        ):
            refused = api.post("/stock/reserve", body=template % text, role="service")
            assert sound(refused).status == 400, text


def test_no_path_breaks_anything(api):
    names = ["%00", "%ff", "%c3", "%ed%a0%80", "%2e%2e%2f", "%2F", "a%2Fb", "%", "%zz", "%0d%0a"]
    names += ["a" * 10_000, "%CC%81" * 2_000, "'--", "%E2%80%AEabc", "*", "HX-1;x=1"]
    names += ["..", ".", "HX-1%00", "%F0%9F%91%A9", "\x7f", "\\..\\", "x" * 101, "%25", "+"]
    for name in names:
        for prefix in ("/stock/", "/products/", "/books/", "/reservations/", "/", "/events/"):
            found = sound(api.get(prefix + name, "admin"))
            assert found.status in (400, 404, 405, 422), (prefix, name, found)


def test_no_query_breaks_anything(api):
    values = [
        "%00",
        "%ff",
        "%ed%a0%80",
        "a" * 10_000,
        "%CC%81" * 2_000,
        "'--",
        "-1",
        "1_0",
        "1e400",
    ]
    values += ["9" * 5_000, "NaN", "", "%D9%A3", str(2**63), "1&after=2", "%F0%9F%91%A9", "5.0"]
    for value in values:
        for path in ("/stock/HX-1", "/products", "/books/search", "/nope"):
            for name in ("after", "limit", "q", "type", "sku", MARK):
                sound(api.get(f"{path}?{name}={value}", "admin"))
        for name in ("after", MARK):
            assert sound(api.get(f"/events?{name}={value}", "admin")).status in (400, 422)


@mostly_on_sqlite
def test_no_header_breaks_anything(api):
    values = ["", " ", "\xff\xfe", "\x00", "a" * 10_000, "\x1b[31m", ",", '"', "W/", "*", '""', "é"]
    names = ["x_request_id", "idempotency_key", "if_none_match", "if_match", "last_event_id"]
    names += ["accept_encoding", "content_type", "content_encoding", "content_length", "host"]
    names += ["origin", "x_forwarded_for", "accept", "cookie", "transfer_encoding", "range"]
    for name in names:
        for value in values:
            sound(api.get("/stock/HX-1", **{name: value}))
            wish = WISH | {"reservation_id": f"{name}"}
            sound(api.post("/stock/reserve", wish, "service", **{name: value}))


def test_an_id_of_the_client_comes_back_if_it_is_a_plain_one(api):
    assert api.get("/healthz", x_request_id="a-B.9_").headers["x-request-id"] == "a-B.9_"
    seen = set()
    for said in ("a b", "a" * 65, "ä", "a\n", "", '"', "<b>"):
        made = api.get("/nope", x_request_id=said).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{16}", made)
        seen.add(made)
    assert len(seen) == 7
