"""Which hosts on the Internet may be named and spoken to: public ones only.

A URL that somebody else wrote must not lead into the network that bvinv runs in (OWASP, "Server
Side Request Forgery Prevention"). Names are judged when they are written down, the addresses that
they stand for when somebody connects.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from bvinv.core import text
from bvinv.core.errors import InvalidInput

# RFC 6761, RFC 6762, RFC 8375, RFC 9476 and what is used in private networks all the same.
_PRIVATE_NAMES = (
    *("localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home"),
    *("lan", "arpa", "test", "invalid", "onion", "alt"),
)
_NAME = re.compile(r"(?=.{4,253}\Z)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{2,63}(?<!-)")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_IPV4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
# IDNA 2003 maps these to other letters, IDNA 2008 keeps them: they would name two hosts.
_AMBIGUOUS = re.compile("[ßẞς\u200c\u200d]")
# The registries of special-purpose addresses of the IANA, as of 2025, with multicast and what
# leads from IPv6 to IPv4: Teredo is in 2001::/23, 6to4 is 2002::/16.
_SPECIAL_IPV4 = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    "168.63.129.16/32",  # looks public: the host's own services on every machine of Azure
)
_GLOBAL_IPV6 = "2000::/3"  # everything that is handed out; NAT64, mapped and local ones are not
_SPECIAL_IPV6 = ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

_LIST_HINT = "BVINV_IMAGE_HOSTS names hosts with commas between them: img.example.com,.example.org"


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to one host somewhere on the public Internet."""
    import ipaddress

    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # also one with a zone: fe80::1%eth0
        return False
    if "%" in address:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in ipaddress.IPv4Network(one) for one in _SPECIAL_IPV4)
    special = any(found in ipaddress.IPv6Network(one) for one in _SPECIAL_IPV6)
    return found in ipaddress.IPv6Network(_GLOBAL_IPV6) and not special


@lru_cache(4096)
def public(authority: str) -> str:
    """Return the host of `https://AUTHORITY/…` as it is spelt in DNS: lower case, IDNA.

    Raises InvalidInput for a login, a port other than 443, a name of a private network, and an
    address that is not public or not spelt as usual (decimal, hexadecimal, shortened).
    """
    if "@" in authority:
        raise InvalidInput("the URL must not have a user name or a password in it")
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    if port not in ("", "443"):
        raise InvalidInput(f"the URL must use port 443, not {text.quoted(port)}")
    if host.startswith("[") and host.endswith("]"):
        return _public_literal(host, host[1:-1] if ":" in host else "")
    name = _ascii(host).lower().removesuffix(".")
    if not name:
        raise InvalidInput("the URL names no host")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return _public_literal(name, name if _IPV4.fullmatch(name) else "")
    labels = name.split(".")
    if len(labels) == 1 or labels[-1] in _PRIVATE_NAMES:
        raise InvalidInput(f"{text.quoted(host)} is not a name on the public Internet")
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{text.quoted(host)} is not the name of a host")
    return name


def listed(said: str) -> list[str]:
    """Return the hosts of a list with commas: `img.example.com,.example.org`.

    A name that begins with a dot stands for every host below it. Raises InvalidInput.
    """
    found = []
    for one in filter(None, (part.strip(" ") for part in said.split(","))):
        try:
            name = public(one.removeprefix("."))
        except InvalidInput as error:
            raise InvalidInput(error.detail, hint=_LIST_HINT) from None
        found.append(f".{name}" if one.startswith(".") else name)
    return found


def is_listed(host: str, allowed: Sequence[str]) -> bool:
    """Tell whether the host is on the list; an empty list has every host on it."""
    if not allowed or host in allowed:
        return True
    return any(one.startswith(".") and host.endswith(one) for one in allowed)


def _public_literal(shown: str, address: str) -> str:
    if not is_public(address):
        raise InvalidInput(f"{text.quoted(shown)} is not an address on the public Internet")
    return shown.lower()


def _ascii(host: str) -> str:
    """Return the host in the letters of DNS (RFC 3490: full-width and circled digits, too)."""
    if host.isascii():
        return host
    hint = "write its name as DNS has it, beginning with xn--"
    if _AMBIGUOUS.search(host):
        raise InvalidInput(f"{text.quoted(host)} could be two hosts", hint=hint)
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidInput(f"{text.quoted(host)} is not the name of a host", hint=hint) from None
