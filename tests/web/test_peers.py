"""The address of whoever asks, and what proxies say of it."""

import pytest

from bvinv.core.errors import InvalidInput
from bvinv.web.peers import Peers, household


def scope(client: str | None, *forwarded: str) -> dict:
    headers = [(b"x-forwarded-for", one.encode("latin-1")) for one in forwarded]
    return {"client": (client, 1) if client else None, "headers": headers}


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("9.9.9.9", [], "9.9.9.9"),
        ("9.9.9.9", ["1.2.3.4"], "9.9.9.9"),
        (None, ["1.2.3.4"], "-"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("127.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.7"], "1.2.3.4"),
        ("10.1.2.3", ["10.0.0.7,10.0.0.8"], "10.0.0.7"),
        ("127.0.0.1", ["1.2.3.4, garbage"], "127.0.0.1"),
        ("127.0.0.1", ["garbage, 10.0.0.7"], "10.0.0.7"),
        ("127.0.0.1", ["", " , "], "127.0.0.1"),
        ("127.0.0.1", ["\xff\x00"], "127.0.0.1"),
        ("127.0.0.1", ["2001:DB8::1"], "2001:db8::1"),
        ("::ffff:127.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("fd00::1", ["1.2.3.4"], "1.2.3.4"),
    ],
)
def test_the_address_is_that_of_the_last_hop_that_is_not_trusted(client, forwarded, address):
    peers = Peers("127.0.0.1, 10.0.0.0/8 ,fd00::/8")
    assert peers.address(scope(client, *forwarded)) == address


def test_where_nobody_is_trusted_nobody_is_believed():
    assert Peers("").address(scope("127.0.0.1", "1.2.3.4")) == "127.0.0.1"


@pytest.mark.parametrize("said", ["proxy", "10.0.0.0/33", "1.2.3", "127.0.0.1;10.0.0.1", "*"])
def test_what_is_no_address_is_refused(said):
    with pytest.raises(InvalidInput, match="BVINV_TRUSTED_PROXIES"):
        Peers(said)


def test_of_the_newer_protocol_a_subscriber_has_more_than_one_address():
    assert household("2001:db8:1:2:3::4") == household("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert (household("1.2.3.4"), household("-")) == ("1.2.3.4", "-")
