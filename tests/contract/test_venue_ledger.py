"""What every venue tells of what changed an account's cash."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.errors import NotSupported
from adapters.models import LedgerEntry, LedgerKind, OrderType, Side
from tests.adapters.doubles import SystemClock
from tests.contract.venues import Rig


async def read(rig: Rig, since_ms: int, *, limit: int = 100, **changes: Any) -> list[LedgerEntry]:
    """The ledger to its end, in pages of `limit`; newest first."""
    assert rig.rich.history is not None
    terms: dict[str, Any] = {"market": None, "limit": limit, "throttle": rig.throttle}
    until_ms, after, entries = changes.pop("until_ms", 9_999_999_999_999), None, list[LedgerEntry]()
    while True:
        page = await rig.rich.history.ledger(since_ms, until_ms, after=after, **(terms | changes))
        assert len(page.entries) <= limit
        entries += page.entries
        if (after := page.next) is None:
            return entries


async def read_once(rig: Rig, since_ms: int, shows: Callable[[list[LedgerEntry]], bool]) -> list[LedgerEntry]:
    """The ledger, once it shows what it must: histories lag."""
    async with asyncio.timeout(10):
        while True:
            entries = await read(rig, since_ms)
            if shows(entries):
                return entries
            await asyncio.sleep(0.05)


async def test_a_round_trip_is_booked_and_read_by_pages_of_any_size(rig: Rig) -> None:
    since_ms = SystemClock().venue_time_ms() - 1_000
    await rig.place(rig.request(type=OrderType.MARKET))
    await rig.place(rig.request(type=OrderType.MARKET, side=Side.SELL, reduce_only=True))

    def shows(entries: list[LedgerEntry]) -> bool:
        return sum(one.kind is LedgerKind.TRADING_FEE for one in entries) >= 2

    entries = await read_once(rig, since_ms, shows)
    assert {one.kind for one in entries} <= rig.can.ledger_kinds
    assert all(one.amount < 0 for one in entries if one.kind is LedgerKind.TRADING_FEE)
    times = [one.time_us for one in entries]
    assert times == sorted(times, reverse=True)
    assert min(times) >= since_ms * 1_000
    oldest_ms = times[-1] // 1_000
    until_ms = times[0] // 1_000
    whole = await read(rig, oldest_ms, until_ms=until_ms)
    assert len(whole) >= 2
    for limit in (1, 3):
        assert await read(rig, oldest_ms, until_ms=until_ms, limit=limit) == whole
    assert await read(rig, until_ms + 1, until_ms=until_ms + 3_600_000) == []


async def test_by_market_only_where_the_venue_says_which(rig: Rig) -> None:
    if rig.can.ledger_by_market:
        entries = await read(rig, 0, market=rig.market)
        assert {one.symbol for one in entries} <= {rig.market.symbol}
        return
    with pytest.raises(NotSupported):
        await read(rig, 0, market=rig.market)


async def test_a_cursor_that_never_was_is_refused(rig: Rig) -> None:
    assert rig.rich.history is not None
    with pytest.raises(ValueError, match="cursor"):
        await rig.rich.history.ledger(0, 1, market=None, after="x", limit=1, throttle=rig.throttle)
