"""A key's address whitelist: single addresses, ranges in the last octet, networks. Empty allows everybody."""

import ipaddress
from collections.abc import Sequence


def allows(entries: Sequence[str], address: str) -> bool:
    """Whether any entry holds the address; raises `ValueError` for an entry that is none of the three kinds."""
    if not entries:
        return True
    client = ipaddress.ip_address(address)
    return any(_holds(entry, client) for entry in entries)


def _holds(entry: str, client: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if "/" in entry:
        return client in ipaddress.ip_network(entry, strict=False)
    first, dash, last = entry.partition("-")
    lowest = ipaddress.ip_address(first)
    if not dash:
        return client == lowest
    if client.version != 4 or lowest.version != 4:
        return False
    highest = ipaddress.ip_address(f"{first.rpartition('.')[0]}.{last}")
    return int(lowest) <= int(client) <= int(highest)
