"""Hosts: the public Internet and nothing else, however it is spelt."""

import pytest

from bvinv.core import catalog, hosts, product_fields
from bvinv.core.errors import InvalidInput
from tests import books

NOT_PUBLIC = [
    *("127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "2130706433", "0177.0.0.1"),
    *("017700000001", "0", "0.0.0.0", "00.0.0.0", "127.0.0.1.", "127.000.000.001", "0x7f.1"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]"),
    *("[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0::1]"),
    *("[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]"),
    *("[2001:db8::1]", "[100::1]", "[::1", "::1", "[v1.x]", "[2606:2800::1%251]"),
    *("169.254.169.254", "100.100.100.200", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.0.1", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("localhost", "localhost.", "LOCALHOST", "a.localhost", "printer", "printer.local"),
    *("metadata.google.internal", "nas.lan", "x.home.arpa", "x.onion", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "127．0．0．1", "%31%32%37.0.0.1"),
    *("user@example.com", "user:secret@example.com", "example.com@127.0.0.1"),
    *("example.com\\@127.0.0.1", "127.0.0.1\\@example.com", "example.com:22", "example.com:6379"),
    *("example.com:80", "example.com:0443", "example.com:x", "example.com:443:443", ":443"),
    *("", ".", "a..b.com", "-a.com", "a-.com", "a b.com", "exa\tmple.com", "ex\u200bample.c om"),
    *("faß.de", "a" * 64 + ".com", ".".join(["a" * 60] * 5), "example.c", "1.2.3", "1.2.3.4.5"),
]
OTHER_SCHEMES = [
    "http",
    "file",
    "gopher",
    "ftp",
    "data",
    "javascript",
    "https:",
    "//",
    "ws",
]


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_what_is_not_on_the_public_internet_is_refused(host):
    with pytest.raises(InvalidInput):
        product_fields.image_url(f"https://{host}/cover.png")
    with pytest.raises(InvalidInput):
        product_fields.image_url(f"https://{host}")


def test_only_an_ipv6_address_stands_in_brackets():
    with pytest.raises(InvalidInput, match="is not an address on the public Internet"):
        product_fields.image_url("https://[1.1.1.1]/cover.png")


@pytest.mark.parametrize("scheme", OTHER_SCHEMES)
def test_only_https_is_let_in(scheme):
    with pytest.raises(InvalidInput, match="must begin with https://"):
        product_fields.image_url(f"{scheme}://example.com/cover.png")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        ("HTTPS://EXAMPLE.com:443/A.png?B=c#D", "https://example.com/A.png?B=c#D"),
        ("https://example.com.", "https://example.com"),
        ("https://example.com?x=1/2", "https://example.com?x=1/2"),
        ("https://example.com/a@2x.png?u=http://127.0.0.1", None),
        ("https://bücher.de/ä.png", "https://xn--bcher-kva.de/ä.png"),
        ("https://93.184.216.34/a.png", None),
        ("https://[2606:2800:21F:cb07::1]/a", "https://[2606:2800:21f:cb07::1]/a"),
        ("https://my_bucket.s3.amazonaws.com/a", None),
        ("https://127.0.0.1.nip.io/a", None),  # a name: judged by its address when it is fetched
    ],
)
def test_a_public_address_is_kept_as_dns_spells_its_host(given, kept):
    found = product_fields.image_url(given)

    assert found == (kept or given)
    assert product_fields.image_url(found) == found


@pytest.mark.parametrize(
    "given", ["https://example.com/a b", "https://example.com/a\\b", "x" * 2001]
)
def test_an_address_has_no_space_and_no_backslash_and_an_end(given):
    with pytest.raises(InvalidInput):
        product_fields.image_url(given)


def test_a_refused_address_changes_nothing_and_a_password_is_not_repeated(database):
    before = books.snapshot(database)

    with pytest.raises(InvalidInput) as refused:
        fields = {"sku": "A", "title": "T", "image_url": "https://me:secret@example.com/"}
        books.act(database, lambda s: catalog.add(s, fields=fields))

    assert refused.value.detail == "the URL must not have a user name or a password in it"
    assert books.snapshot(database) == before


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "2a00:1450::8a",
        "2001:4860::8",
    ],
)
def test_a_public_address_is_public(address):
    assert hosts.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            one.strip("[]")
            for one in NOT_PUBLIC
            if (one[:1] in "0127[" and "." in one) or ":" in one
        ),
        *("fe80::1%eth0", "2606:4700::1%1", "5f00::1", "3fff::1", "192.88.99.1", "", "example.com"),
        "168.63.129.16",
    ],
)
def test_any_other_address_is_not(address):
    assert not hosts.is_public(address)


def test_a_list_of_hosts_names_hosts_and_all_below_a_host():
    allowed = hosts.listed("img.example.com, .Example.ORG,bücher.de,")

    assert allowed == ["img.example.com", ".example.org", "xn--bcher-kva.de"]
    assert [
        host
        for host in (
            *("img.example.com", "example.com", "a.img.example.com", "example.org"),
            *("a.example.org", "a.b.example.org", "badexample.org", "xn--bcher-kva.de"),
        )
        if hosts.is_listed(host, allowed)
    ] == ["img.example.com", "a.example.org", "a.b.example.org", "xn--bcher-kva.de"]
    assert hosts.is_listed("anything.example", hosts.listed(""))


@pytest.mark.parametrize(
    "said", ["https://example.com", "*.example.com", "localhost", "a b.com", "."]
)
def test_a_list_of_what_are_no_public_hosts_is_refused(said):
    with pytest.raises(InvalidInput):
        hosts.listed(said)
