"""No webhook reaches what is not public, however its address is written or wrapped."""

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.addresses import CLOSED, AddressRefused, Rule, checked

CLOSED_4 = [network for network in CLOSED if isinstance(network, IPv4Network)]
CLOSED_6 = [network for network in CLOSED if isinstance(network, IPv6Network)]
PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "2a00:1450:4001:80e::200e")
NOTHING_ELSE = Rule()
WRAPPINGS: dict[str, Callable[[int], int]] = {
    "mapped": lambda inner: 0xFFFF << 32 | inner,
    "compatible": lambda inner: inner,
    "NAT64": lambda inner: 0x64FF9B << 96 | inner,
    "6to4": lambda inner: 0x2002 << 112 | inner << 80 | 1,
    "Teredo, its server": lambda inner: 0x20010000 << 96 | inner << 64 | (~0x08080808 & 0xFFFFFFFF),
    "Teredo, its client": lambda inner: 0x20010000 << 96 | 0x08080808 << 64 | ~inner & 0xFFFFFFFF,
    "ISATAP": lambda inner: 0x26062800 << 96 | 0x5EFE << 32 | inner,
    "ISATAP of a public one": lambda inner: 0x26062800 << 96 | 0x02005EFE << 32 | inner,
}


def inside(networks: list[IPv4Network] | list[IPv6Network]) -> st.SearchStrategy[int]:
    """Any address of any of the networks, their first and last ones above all."""
    bounds = [(int(network[0]), int(network[-1])) for network in networks]
    return st.sampled_from(bounds).flatmap(lambda pair: st.integers(*pair))


@given(inside(CLOSED_4))
def test_no_closed_address_is_reached(number: int) -> None:
    assert not NOTHING_ELSE.allows(IPv4Address(number))


@given(inside(CLOSED_6))
def test_no_closed_address_of_ipv6_is_reached(number: int) -> None:
    address = IPv6Address(number)
    wraps_a_public_one = address in IPv6Network("2001::/32")
    assert wraps_a_public_one or not NOTHING_ELSE.allows(address)


@given(inside(CLOSED_4), st.sampled_from(sorted(WRAPPINGS)))
def test_no_closed_address_is_reached_in_any_wrapping(number: int, wrapping: str) -> None:
    assert not NOTHING_ELSE.allows(IPv6Address(WRAPPINGS[wrapping](number)))


@given(st.integers(0, 2**128 - 1))
def test_of_ipv6_only_what_is_handed_out_is_reached(number: int) -> None:
    address = IPv6Address(number)
    if NOTHING_ELSE.allows(address):
        inner = [ip_address(number & 0xFFFFFFFF)]
        assert number >> 125 == 1 or NOTHING_ELSE.allows(inner[0])


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached(text: str) -> None:
    assert NOTHING_ELSE.allows(ip_address(text))


@pytest.mark.parametrize("wrapping", ["mapped", "NAT64", "6to4"])
def test_a_public_address_is_reached_through_what_wraps_it(wrapping: str) -> None:
    inner = int(IPv4Address("93.184.216.34"))
    assert NOTHING_ELSE.allows(IPv6Address(WRAPPINGS[wrapping](inner)))


@pytest.mark.parametrize(
    ("rule", "address", "host", "allowed"),
    [
        ("10.1.0.0/16", "10.1.2.3", "", True),
        ("10.1.0.0/16", "10.2.2.3", "", False),
        ("10.1.0.0/16", "::ffff:10.1.2.3", "", True),
        ("10.1.0.0/16", "::ffff:10.2.2.3", "", False),
        ("10.1.0.0/16", "fe80::5efe:a01:203", "", False),
        ("127.0.0.1", "127.0.0.1", "", True),
        ("127.0.0.1", "127.0.0.2", "", False),
        ("fd00::/8, 10.0.0.0/8", "fd00::1", "", True),
        ("hooks.internal", "10.0.0.1", "hooks.internal", True),
        ("hooks.internal", "10.0.0.1", "HOOKS.internal", True),
        ("hooks.internal", "10.0.0.1", "other.internal", False),
        ("", "127.0.0.1", "localhost", False),
    ],
)
def test_what_is_allowed_beside_public_addresses_is_said(
    rule: str, address: str, host: str, allowed: bool
) -> None:
    assert Rule.read(rule).allows(ip_address(address), host) is allowed


@pytest.mark.parametrize("text", ["10.0.0.1/8", "300.0.0.0/8", "::zz", "10.0.0.0/33"])
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Rule.read(text)


async def _addresses(host: str, *answers: str) -> list[str]:
    async def resolve(_host: str, _port: int) -> list[str]:
        return list(answers)

    return [str(one) for one in await checked(host, 443, NOTHING_ELSE, resolve)]


def test_one_address_that_is_not_public_among_others_refuses_all() -> None:
    with pytest.raises(AddressRefused):
        asyncio.run(_addresses("mixed.example", "93.184.216.34", "127.0.0.1"))
    with pytest.raises(AddressRefused):
        asyncio.run(_addresses("mixed.example", "93.184.216.34", "fe80::1%eth0"))
    with pytest.raises(AddressRefused):
        asyncio.run(_addresses("nowhere.example"))
    found = asyncio.run(_addresses("a.example", "93.184.216.34", "2606:2800:220:1::1"))
    assert found == ["93.184.216.34", "2606:2800:220:1::1"]


def test_an_address_in_the_place_of_a_name_is_not_resolved() -> None:
    assert asyncio.run(_addresses("93.184.216.34", "127.0.0.1")) == ["93.184.216.34"]
    with pytest.raises(AddressRefused):
        asyncio.run(_addresses("169.254.169.254", "93.184.216.34"))
