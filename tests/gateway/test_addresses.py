"""Allow-lists, and who is calling when a proxy stands between."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import AllowList, client_address, parse_address, parse_entry

addresses = st.ip_addresses(v=4)


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("203.0.113.10", ["203.0.113.10", "::ffff:203.0.113.10"], ["203.0.113.11", "203.0.113.1"]),
        ("203.0.113.20-30", ["203.0.113.20", "203.0.113.30"], ["203.0.113.19", "203.0.113.31"]),
        ("203.0.113.250-203.0.114.5", ["203.0.114.0"], ["203.0.114.6"]),
        ("203.0.113.0/24", ["203.0.113.0", "203.0.113.255"], ["203.0.112.255", "203.0.114.0"]),
        ("2001:db8::/64", ["2001:db8::1"], ["2001:db8:0:1::"]),
        ("2001:db8::1-2001:db8::9", ["2001:db8::5"], ["2001:db8::a"]),
        ("0.0.0.0/0", ["198.51.100.1"], ["2001:db8::1"]),
    ],
)
def test_an_entry_takes_in_what_it_says(entry: str, inside: list[str], outside: list[str]) -> None:
    allowed = AllowList([entry])
    assert all(address in allowed for address in inside)
    assert not any(address in allowed for address in outside)


@pytest.mark.parametrize(
    "entry",
    [
        "", "-", "x", "203.0.113.30-20", "203.0.113.5/24", "203.0.113.0/33", "203.0.113.1-", "203.0.113.1-256",
        "203.0.113.1-2001:db8::1", "010.0.0.1", "1.2.3", "2001:db8::1-5", "203.0.113.1 - 9", "203.0.113.0/24-30",
    ],
)  # fmt: skip
def test_an_entry_that_is_none_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an address") as caught:
        parse_entry(entry)
    assert repr(entry) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "x", "010.0.0.1", "1.2.3.4:80", "fe80::1%eth0", "[::1]", "1.2.3.4, 5.6.7.8", "0x7f.1", "2130706433"]
)
def test_what_is_no_address_is_in_no_list(text: str) -> None:
    assert parse_address(text) is None
    assert text not in AllowList(["0.0.0.0/0", "::/0"])


def test_an_empty_list_takes_in_nobody() -> None:
    assert not AllowList([])
    assert "127.0.0.1" not in AllowList([])


@given(addresses, addresses, addresses)
def test_a_range_is_between_its_ends(one: IPv4Address, two: IPv4Address, probe: IPv4Address) -> None:
    first, last = sorted((one, two))
    assert (str(probe) in AllowList([f"{first}-{last}"])) is (first <= probe <= last)


PROXIES = AllowList(["192.0.2.0/24"])


@given(st.text(max_size=60))
def test_a_peer_that_is_no_proxy_is_not_believed(said: str) -> None:
    assert client_address("203.0.113.1", said, PROXIES) == "203.0.113.1"


@given(st.text(max_size=60), addresses.filter(lambda address: str(address) not in PROXIES))
def test_what_stands_before_the_last_untrusted_hop_is_not_believed(said: str, caller: IPv4Address) -> None:
    assert client_address("192.0.2.1", f"{said},{caller}, 192.0.2.9", PROXIES) == str(caller)


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        (None, "192.0.2.1"),
        ("", "192.0.2.1"),
        ("unknown", "192.0.2.1"),
        ("198.51.100.1, garbage", "192.0.2.1"),
        ("198.51.100.1, garbage, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.8, 192.0.2.9", "192.0.2.8"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_the_walk_ends_at_the_last_hop_that_can_be_vouched_for(forwarded: str | None, caller: str) -> None:
    assert client_address("192.0.2.1", forwarded, PROXIES) == caller
