"""Zanbara's bars: what belongs into one, ranges and pages, and the channel that tells them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sandbox.config import ClockKind
from sandbox.matching.events import Trade
from sandbox.tape import Candle, Chart
from sandbox.zanbara.bars import DAY_MS, HOUR_MS, INTERVALS_MS, MINUTE_MS, WEEK_MS, Bars, opening_ms
from tests.sandbox.zanbara_desks import STILL, Socket, Venue, golden, names, shape, socket, venue

WEDNESDAY_MS = 1_759_881_600_000  # midnight UTC
PATH = "/v1/market/klines/SOL-PERP"


@asynccontextmanager
async def stepped() -> AsyncIterator[Venue]:
    """A venue whose time stands still, ten seconds into a minute, until it is told to go on."""
    config = replace(STILL, clock=ClockKind.STEPPED, clock_start_ms=WEDNESDAY_MS + 10_000)
    async with venue(config) as v:
        yield v


def chart(*trades: tuple[int, str]) -> Chart:
    """A chart of trades of one each, by time in milliseconds and price."""
    made = Chart()
    for time_ms, price in trades:
        at = Decimal(price)
        trade = Trade("SOL-PERP", 1, at, Decimal(1), at, 1, 2, True, time_ms * 1000)
        made.add(Candle.of(trade, trade.time_us))
    return made


def test_days_begin_at_midnight_and_weeks_on_mondays() -> None:
    moment_ms = WEDNESDAY_MS + 12_345_678
    assert opening_ms(moment_ms, DAY_MS) == WEDNESDAY_MS
    assert opening_ms(moment_ms, WEEK_MS) == WEDNESDAY_MS - 2 * DAY_MS


@pytest.mark.parametrize("interval", INTERVALS_MS)
def test_a_bar_holds_the_trades_from_its_opening_to_its_close(interval: str) -> None:
    length_ms = INTERVALS_MS[interval]
    open_ms = opening_ms(WEDNESDAY_MS + 5 * HOUR_MS, length_ms)
    last_ms = open_ms + length_ms - 1
    seen = chart((open_ms, "100"), (open_ms + length_ms // 2, "90"), (last_ms, "120"), (last_ms + 1, "110"))
    bars = Bars(seen, interval, Decimal(1))
    assert bars.opening_at(open_ms).as_json() == {
        **{"open_time": open_ms, "close_time": last_ms, "open": "100.00000000", "high": "120.00000000"},
        **{"low": "90.00000000", "close": "120.00000000", "volume": "3.00000000", "amount": "310.00000000"},
        "trades": 3,
    }
    assert bars.running((last_ms + 1) * 1000).as_json()["close"] == "110.00000000"


def test_a_range_holds_the_bars_that_open_in_it() -> None:
    bars = Bars(chart((WEDNESDAY_MS, "100")), "1m", Decimal(1))
    minute = [WEDNESDAY_MS + number * MINUTE_MS for number in range(10)]
    now_us = (minute[5] + 1) * 1000
    assert list(bars.opens_ms(start_ms=0, end_ms=2**62, now_us=now_us)) == minute[5::-1]
    assert list(bars.opens_ms(start_ms=minute[1], end_ms=minute[3], now_us=now_us)) == minute[3:0:-1]
    assert list(bars.opens_ms(start_ms=minute[1] + 1, end_ms=minute[4] - 1, now_us=now_us)) == minute[3:1:-1]
    assert list(bars.opens_ms(start_ms=minute[6], end_ms=2**62, now_us=now_us)) == []
    assert list(Bars(Chart(), "1m", Decimal(1)).opens_ms(start_ms=0, end_ms=2**62, now_us=now_us)) == []


async def test_weeks_of_minutes_are_paged_like_any_list() -> None:
    async with stepped() as v:
        await v.a.placed(price="150.11", quantity="0.5")
        await v.pass_time(40 * DAY_MS)
        page = await v.get(f"{PATH}?interval=1m&limit=2&page=28800")
        assert page["total"] == 40 * 1440 + 1
        assert [bar["close"] for bar in page["items"]] == ["150.11000000"] * 2
        weeks = await v.get(f"{PATH}?interval=1w")
        assert [bar["trades"] for bar in weeks["items"]] == [1, 0, 0, 0, 0, 0, 0]


# -- the channel -------------------------------------------------------------------------------------------------------


async def subscribed(s: Socket, interval: str = "1m") -> dict[str, Any]:
    acknowledged = await s.subscribe("klines", "SOL-PERP", interval=interval)
    assert (acknowledged["type"], acknowledged["interval"]) == ("subscribed", interval)
    return await s.next()


async def test_the_channel_begins_with_the_running_bar_and_follows_it() -> None:
    async with stepped() as v, socket(v) as s:
        first = await subscribed(s)
        assert (first["type"], first["interval"], first["sequence"]) == ("snapshot", "1m", 1)
        assert (first["data"]["open_time"], first["data"]["open"]) == (WEDNESDAY_MS, "150.10000000")
        assert (first["data"]["volume"], first["data"]["closed"]) == ("0.00000000", False)
        await v.a.placed(price="150.11", quantity="0.5")
        await v.pass_time(1000)
        update = await s.next()
        assert shape(update) == shape(golden("stream_klines_update_synthetic"))
        assert (update["type"], update["data"]["close"], update["data"]["closed"]) == ("update", "150.11000000", False)
        page = await v.get(f"{PATH}?interval=1m")
        assert page["items"] == [{name: update["data"][name] for name in names(update["data"])[:-1]}]


async def test_a_bar_that_is_over_is_told_closed_before_the_next_one() -> None:
    async with stepped() as v, socket(v) as s:
        await v.a.placed(price="150.11", quantity="0.5")
        await subscribed(s)
        await v.pass_time(49_900)
        await v.a.placed(side="sell", price="150.09", quantity="0.25")
        await v.pass_time(120_100)
        told = [(await s.next())["data"] for _ in range(4)]
        assert [(bar["open_time"] - WEDNESDAY_MS, bar["closed"], bar["trades"]) for bar in told] == [
            *((0, True, 2), (60_000, True, 0), (120_000, True, 0)),
            (180_000, False, 0),
        ]
        assert {bar["close"] for bar in told} == {"150.09000000"}


async def test_intervals_are_subscriptions_of_their_own() -> None:
    async with stepped() as v, socket(v) as s:
        for interval in ("1m", "1h"):
            await subscribed(s, interval)
        await s.send(type="unsubscribe", channel="klines", symbol="SOL-PERP", interval="1m", id=4)
        gone = await s.next()
        assert (gone["type"], gone["interval"], gone["id"]) == ("unsubscribed", "1m", 4)
        await v.a.placed(price="150.11", quantity="0.5")
        await v.pass_time(1000)
        assert (await s.next())["interval"] == "1h"
        again = await s.subscribe("klines", "SOL-PERP", interval="1h")
        assert again["type"] == "subscribed"
        await s.send(type="ping")
        assert (await s.next())["type"] == "pong"  # nothing was told twice


async def test_a_second_listener_hears_the_same_bars() -> None:
    async with stepped() as v, socket(v) as s, socket(v) as late:
        await subscribed(s)
        await v.a.placed(price="150.11", quantity="0.5")
        snapshot = await subscribed(late)
        assert (await s.next())["data"] == snapshot["data"]
        await v.a.placed(price="150.11", quantity="0.5")
        await v.pass_time(1000)
        first, second = await s.next(), await late.next()
        assert first["data"] == second["data"]
        assert [first["sequence"], second["sequence"]] == [3, 2]


@pytest.mark.parametrize(
    ("interval", "code"),
    [(None, "MISSING_PARAMETER"), ("2m", "INVALID_PARAMETER"), (1, "INVALID_PARAMETER"), ([], "INVALID_PARAMETER")],
)
async def test_the_channel_needs_an_interval(interval: Any, code: str) -> None:
    async with venue() as v, socket(v) as s:
        for kind in ("subscribe", "unsubscribe"):
            await s.send(type=kind, channel="klines", symbol="SOL-PERP", interval=interval)
            error = (await s.next())["error"]
            assert (error["code"], error["field"]) == (code, "interval")
