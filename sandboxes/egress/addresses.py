"""From a name to an address that may be connected to. What was checked is what is connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from sandboxes.egress import words

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
RESOLVE_SECONDS = 10

# Beside what `ipaddress` knows to be private, reserved, multicast and so on: ways to write an IPv4 address as an
# IPv6 one (a translator may lead them anywhere), and what Python 3.11 calls global though it isn't.
WRAPPED = tuple(
    map(
        ipaddress.ip_network,
        (
            *("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
            *("2001::/32", "2002::/16", "fec0::/10", "192.88.99.0/24", "100.64.0.0/10", "192.0.0.0/24"),
        ),
    )
)


async def resolve(host: str, port: int) -> list[str]:
    """The host's addresses by the system's resolver. Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_SECONDS):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_public(address: Address) -> bool:
    """Whether it is an ordinary address of the internet."""
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address.version == each.version and address in each for each in WRAPPED)


def may_be_private(address: Address) -> bool:
    """Whether an operator can open it: a network of one's own, or this host. Never link-local (where clouds give
    out credentials), multicast or 0.0.0.0."""
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return not (isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.sixtofour))


async def checked(host: str, port: int, private: Collection[tuple[str, int]], ask: Resolve) -> list[str]:
    """The addresses to connect to, all of them checked. One that is not allowed refuses the name: a name with
    both is how a rebinding begins. Raises Denied."""
    try:
        found: list[Any] = [ipaddress.ip_address(each) for each in await ask(host, port)]
    except (OSError, ValueError, UnicodeError):  # TimeoutError is an OSError
        raise words.unresolved(host) from None
    allowed = may_be_private if (host, port) in private else is_public
    if not found:
        raise words.unresolved(host)
    if not all(is_public(each) or allowed(each) for each in found):
        raise words.not_public(host)
    return [str(each) for each in found]
