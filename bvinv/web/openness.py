"""Whether the server may start as open as it was asked to."""

import ipaddress

from bvinv.core.errors import InvalidInput


def check_open(host: str, has_keys: bool, tokens: object | None) -> None:
    """Raise InvalidInput where others could reach the server and nobody has to say who they are.

    `tokens` is what reads them, None where none are accepted.
    """
    if has_keys or tokens is not None or is_loopback(host):
        return
    raise InvalidInput(
        f"without keys or tokens, anybody who reaches {host or 'this machine'} could do anything",
        hint="bvinv keys create --name checkout --role service, or stay on --host 127.0.0.1",
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches the address: 127.0.0.0/8, ::1 or localhost."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
