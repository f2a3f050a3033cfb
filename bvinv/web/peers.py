"""Where a request comes from: the address of whoever sent it, behind proxies that are trusted.

What `X-Forwarded-For` says is anybody's invention, up to the address that a trusted proxy has
added; so it is read from its end, and only where the connection itself comes from such a proxy.
"""

import ipaddress
from typing import Any

from bvinv.core.errors import InvalidInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NOWHERE = "-"  # a connection that has no address, a Unix socket's


class Peers:
    """Knows the proxies that are trusted."""

    def __init__(self, trusted: str) -> None:
        """Trust these addresses and networks, with commas between them. Raises InvalidInput."""
        self._networks = [_network(one.strip()) for one in trusted.split(",") if one.strip()]

    def address(self, scope: Any) -> str:
        """Return the address of the last hop that is not trusted."""
        client = scope.get("client")
        found = str(client[0]) if client else NOWHERE
        if not self._networks or not self._trusts(_address(found)):
            return found
        said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for hop in reversed(said.decode("latin-1").split(",")):
            address = _address(hop.strip())
            if address is None:
                break
            found = str(address)
            if not self._trusts(address):
                break
        return found

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def household(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or the first 64 bits of an IPv6 address."""
    found = _address(address)
    if found is None or found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))


def _network(said: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(said, strict=False)
    except ValueError:
        raise InvalidInput(
            f"BVINV_TRUSTED_PROXIES says {said[:100]!r}, which is no address",
            hint="write for example 127.0.0.1,10.0.0.0/8",
        ) from None


def _address(said: str) -> Address | None:
    try:
        found = ipaddress.ip_address(said.partition("%")[0])
    except ValueError:
        return None
    return (found.version == 6 and found.ipv4_mapped) or found
