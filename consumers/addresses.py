"""Where may a webhook be sent? To public addresses, and where this house explicitly allows.

What a name resolves to is checked, address by address, and then the checked address is connected
to: a name that means another machine a moment later gains nothing.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as texts; for the port that will be asked for."""

# Source: IANA's registries of special-purpose addresses, and those of multicast and reserved ones.
# Not `is_global`: what that says changes with the release of Python.
CLOSED: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # a cloud's hosts, to their guests: as 169.254.169.254, but public
            *("::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"),
            *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        ),
    )
)
UNICAST: Final = IPv6Network("2000::/3")  # all that is handed out to be reached from everywhere
TRANSLATED: Final = IPv6Network("64:ff9b::/96")  # NAT64, RFC 6052
COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291, 2.5.5.1; deprecated, and still taken by some
SIX_TO_FOUR: Final = IPv6Network("2002::/16")
TEREDO: Final = IPv6Network("2001::/32")
MAPPED: Final = IPv6Network("::ffff:0:0/96")
WRAPPERS: Final = (MAPPED, TRANSLATED, COMPATIBLE, SIX_TO_FOUR, TEREDO)
ISATAP: Final = (0x00005EFE, 0x02005EFE)  # RFC 5214, 6.1: before the last 32 bits


class AddressRefused(Exception):
    """No webhook is sent to {host}: {why}."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__((self.__doc__ or "").format(host=host, why=why))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed beside public addresses: networks, and hosts wherever they resolve to."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> "Rule":
        """The rule of a setting: networks and hosts, separated by commas.

        Raises:
            ValueError: a part that looks like a network is none.
        """
        parts = [part.strip().lower() for part in text.split(",") if part.strip()]
        networks = [part for part in parts if ":" in part or part[-1].isdigit()]
        hosts = frozenset(parts) - frozenset(networks)
        return cls(tuple(ip_network(part) for part in networks), hosts)

    def allows(self, address: Address, host: str = "") -> bool:
        """Whether this address may be connected to, for a name that resolves to it."""
        if host.lower() in self.hosts or self._names(address):
            return True
        inner = list(unwrapped(address))
        if not all(self._names(one) or is_public(one) for one in inner):
            return False
        # What is in a wrapper is all that it means; ISATAP stands in an address of its own.
        only_wraps = any(address in wrapper for wrapper in WRAPPERS)
        return (bool(inner) and only_wraps) or is_public(address)

    def _names(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def is_public(address: Address) -> bool:
    """Whether it is an address that everybody reaches, and in itself: nothing is wrapped in it."""
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return not any(address in network for network in CLOSED)


def unwrapped(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that packets to an IPv6 address come to in the end; none for most."""
    if isinstance(address, IPv4Address):
        return
    whole = int(address)
    last, before = IPv4Address(whole & 0xFFFFFFFF), whole >> 32 & 0xFFFFFFFF
    if address in MAPPED or address in TRANSLATED:
        yield last
    elif address in SIX_TO_FOUR:
        yield IPv4Address(whole >> 80 & 0xFFFFFFFF)
    elif address in TEREDO:
        yield IPv4Address(whole >> 64 & 0xFFFFFFFF)
        yield IPv4Address(int(last) ^ 0xFFFFFFFF)
    elif address in COMPATIBLE and whole > 1:
        yield last
    if before in ISATAP:
        yield last


async def checked(host: str, port: int, rule: Rule, resolve: Resolve) -> list[Address]:
    """The addresses of a host, each of which may be connected to.

    Raises:
        AddressRefused: there is none, or one of them may not: whoever mixes them means no good.
    """
    try:
        texts = [str(ip_address(host))]
    except ValueError:
        texts = list(dict.fromkeys(await resolve(host, port)))
    addresses = [ip_address(text.partition("%")[0]) for text in texts]
    if not addresses:
        raise AddressRefused(host, "it has no address")
    for address in addresses:
        if not rule.allows(address, host):
            raise AddressRefused(host, f"{address} is not public")
    return addresses
