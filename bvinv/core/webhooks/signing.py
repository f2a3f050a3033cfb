"""Signatures of what is sent to webhooks, in the form of Standard Webhooks 1.0.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets

_PREFIX = "whsec_"


def new_secret() -> str:
    """Return a new secret: 256 random bits, written as receivers' libraries take them."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def headers(secret: str, *, event: int, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that let a receiver know who sent a body, when, and which event it is.

    The id is the same each time an event is sent; `at` is the instant of this time, in seconds.
    Raises ValueError for a secret that is none.
    """
    name = f"evt_{event}"
    signed = b".".join((name.encode("ascii"), str(at).encode("ascii"), body))
    key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    digest = hmac.new(key, signed, hashlib.sha256)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest.digest()).decode('ascii')}",
        "content-type": "application/cloudevents+json; charset=utf-8",
    }
