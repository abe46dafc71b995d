"""Addresses: allow-lists, and who is calling when a proxy stands between. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address


def parse_entry(entry: str) -> tuple[Address, Address]:
    """First and last address of an entry: `203.0.113.10`, `203.0.113.20-30` or `203.0.113.0/24`.

    Raises `ValueError` naming the entry.
    """
    try:
        first, last = _bounds(entry)
    except ValueError:
        first, last = ip_address("0.0.0.1"), ip_address("0.0.0.0")
    if first.version != last.version or int(last) < int(first):
        raise ValueError(f"{entry!r} is not an address, a range like 203.0.113.20-30, or a network")
    return first, last


def _bounds(entry: str) -> tuple[Address, Address]:
    if "/" in entry:
        network = ip_network(entry)
        return network[0], network[-1]
    start, dash, end = entry.partition("-")
    first = ip_address(start)
    if not dash:
        return first, first
    return first, ip_address(end if "." in end or ":" in end else f"{start.rpartition('.')[0]}.{end}")


class AllowList:
    """A set of addresses, given as entries; an IPv4 address mapped into IPv6 counts as the IPv4 one."""

    def __init__(self, entries: Iterable[str]):
        self._ranges = [parse_entry(entry) for entry in entries]

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __contains__(self, address: str) -> bool:
        parsed = parse_address(address)
        return parsed is not None and any(
            first.version == parsed.version and int(first) <= int(parsed) <= int(last) for first, last in self._ranges
        )


def parse_address(text: str) -> Address | None:
    """The address, strictly read (no leading zeros, no zone); None if it is none."""
    if "%" in text:
        return None
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def client_address(peer: str, forwarded_for: str | None, trusted_proxies: AllowList) -> str:
    """Who is calling: the peer, or behind trusted proxies the last address that none of them vouches for.

    What a peer that is not trusted says of itself is ignored; a malformed entry ends the walk at the hop before it.
    """
    caller = peer
    for hop in reversed((forwarded_for or "").split(",")):
        if caller not in trusted_proxies:
            return caller
        address = parse_address(hop)
        if address is None:
            return caller
        caller = str(address)
    return caller
