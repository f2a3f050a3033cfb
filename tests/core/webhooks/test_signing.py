"""Signatures: the specification's own example, and what a receiver refuses."""

import pytest

from bvinv.core.webhooks import signing
from tests.core.webhooks.receiver import is_genuine

AT = 1_614_265_330
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_over_id_time_and_body():
    # The vector of the reference libraries, with our id.
    body = b'{"test": 2432232314}'
    headers = signing.headers(SECRET, event=7, at=AT, body=body)

    assert headers["webhook-id"] == "evt_7"
    assert headers["webhook-timestamp"] == str(AT)
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert is_genuine(SECRET, headers, body, now=AT + 300)


@pytest.mark.parametrize(
    ("change", "late"),
    [
        ({}, 301),  # replayed later
        ({}, -301),
        ({"webhook-timestamp": str(AT + 301)}, 301),
        ({"webhook-timestamp": "soon"}, 0),
        ({"webhook-id": "evt_8"}, 0),
        ({"webhook-signature": ""}, 0),
        ({"webhook-signature": "v1,AAAA"}, 0),
        ({"webhook-signature": "v2,AAAA v1a,BBBB"}, 0),
    ],
)
def test_a_receiver_refuses_what_is_forged_or_old(change, late):
    headers = signing.headers(SECRET, event=7, at=AT, body=b"{}")
    assert is_genuine(SECRET, headers, b"{}", now=AT)

    assert not is_genuine(SECRET, headers | change, b"{}", now=AT + late)
    assert not is_genuine(SECRET, headers, b"{ }", now=AT)
    assert not is_genuine(signing.new_secret(), headers, b"{}", now=AT)


def test_secrets_differ():
    assert signing.new_secret() != signing.new_secret()
