"""What every answer has to be, whatever was asked."""

import re

from tests.api import Answer

MARK = "OPEN-SESAME"
CODES = {
    *("malformed", "unauthenticated", "not-permitted", "not-found", "method-not-allowed"),
    *("request-timeout", "conflict", "insufficient-stock", "too-large", "invalid-input"),
    *("unsupported-media-type", "precondition-required", "rate-limited", "busy"),
}
# What no answer says: a file, a statement, a traceback, a driver.
LEAK = re.compile(
    r"Traceback|File \"|site-packages|\.py\b|/tmp/|/work/|SELECT |INSERT |UPDATE |sqlite|psycopg"
    r"|pydantic|postgresql"
)
# A body that is good.
WISH = {"reservation_id": "R-1", "sku": "HX-1", "quantity": 1}


def sound(answer: Answer) -> Answer:
    """Return the answer, after seeing that it is as all of them have to be."""
    head = answer.headers
    assert answer.status < 500, answer
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", head["x-request-id"])
    assert head["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in head["content-security-policy"]
    if answer.status not in (204, 304) and "content-length" in head and answer.body:
        assert head["content-length"] == str(len(answer.body))
    if answer.status >= 400:
        assert head["cache-control"] == "no-store"
        problem = answer.refused(answer.status, answer.json["code"])
        assert problem["code"] in CODES
        assert problem["type"] == f"urn:bvinv:error:{problem['code']}"
        assert {"title", "detail"} <= problem.keys()
        said = answer.body.decode()
        assert MARK not in said, said
        assert not LEAK.search(said), said
    return answer
