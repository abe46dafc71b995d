"""A venue's clock that is put forward or back, or drifts: clients see it, and everything behind it goes on."""

import asyncio
import json
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import connect

from sandbox.clock import SteadyClock, SteppedClock
from sandbox.config import ClockKind, SandboxConfig
from sandbox.tape import MINUTE_US, SECOND_US, Candle, Chart
from sandbox.ticks import Ticks
from sandbox.world import World
from tests.sandbox import zanbara_desks as zanbara
from tests.sandbox.clients import Venue, venue, wish

START_MS = 1_759_800_000_000
HOUR_MS = 3_600_000
STEPPED = SandboxConfig(clock=ClockKind.STEPPED, clock_start_ms=START_MS)
STILL = replace(STEPPED, makers=False, book_levels=5)


async def told(v: Venue, **body: int) -> Any:
    answer = await v.http.post("/sim/clock", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_drifting_clock_is_right_when_it_begins_and_wrong_by_its_share_later() -> None:
    fast, true = SteadyClock(START_MS * 1000), SteadyClock(START_MS * 1000)
    fast.drift(500_000)
    begun_us = true.now_us()
    assert abs(fast.now_us() - begun_us) < 5_000_000
    while (passed_us := true.now_us() - begun_us) < 10_000:
        pass
    assert fast.now_us() - begun_us >= passed_us * 3 // 2 - 2  # each of the three is rounded
    before_us = fast.now_us()
    fast.drift(-500_000)
    assert fast.now_us() >= before_us
    assert fast.drift_ppm == -500_000


def test_ticks_go_on_after_a_step_as_far_away_as_they_were() -> None:
    ticks = Ticks(tick_us=100, start_us=1000)
    assert list(ticks.due(1030)) == [1000]
    ticks.clock_stepped(-500)
    assert list(ticks.due(599)) == []
    assert list(ticks.due(700)) == [600, 700]
    ticks.clock_stepped(10_000)
    assert list(ticks.due(10_799)) == []
    assert list(ticks.due(10_800)) == [10_800]


def moment(time_us: int, price: int) -> Candle:
    at = Decimal(price)
    return Candle(time_us, at, at, at, at, Decimal(1), at, 1)


def test_candles_of_a_time_that_comes_again_stay_in_order() -> None:
    chart, hour_us = Chart(), 60 * MINUTE_US
    for time_us, price in ((hour_us, 100), (hour_us + 2 * MINUTE_US, 110), (hour_us + MINUTE_US, 90), (hour_us, 80)):
        chart.add(moment(time_us, price))
    minutes = chart.grouped(lambda at_us: at_us - at_us % MINUTE_US, shortest_us=MINUTE_US, from_us=0, until_us=2**60)
    assert [(candle.start_us // MINUTE_US, int(candle.close), candle.trades) for candle in minutes] == [
        (60, 80, 2), (61, 90, 1), (62, 110, 1),
    ]  # fmt: skip


def test_a_chart_that_is_full_forgets_its_oldest_for_one_in_its_middle() -> None:
    chart = Chart()
    for second in range(0, 2 * 7_200, 2):
        chart.add(moment(second * SECOND_US, 100))
    chart.add(moment(7_201 * SECOND_US, 90))
    chart.add(moment(0, 80))  # older than all that are kept
    seconds = chart.grouped(lambda at_us: at_us, shortest_us=SECOND_US, from_us=0, until_us=2**60)
    starts = [candle.start_us // SECOND_US for candle in seconds]
    assert len(starts) == 7_200
    assert starts == sorted(starts)
    assert starts[0] == 2
    assert 7_201 in starts


@pytest.mark.parametrize("by_ms", [-HOUR_MS, HOUR_MS])
async def test_clients_see_the_step_and_the_market_goes_on(by_ms: int) -> None:
    async with venue(STEPPED) as v, connect(v.urls.ws_url) as socket, asyncio.timeout(10):
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": ["markPrice.SOL_USDC", "depth.200ms.SOL_USDC"]}))
        await told(v, advance_ms=2050)
        clock = await told(v, step_ms=by_ms)
        now_ms = START_MS + 2050 + by_ms
        assert (clock["time"], clock["stepped_ms"]) == (now_ms, by_ms)
        assert (await v.http.get("/api/v1/time")).text == str(now_ms)
        assert (await v.a.call("GET", "/api/v1/capital", timestamp=START_MS)).status_code == 400
        assert (await v.a.call("GET", "/api/v1/capital", timestamp=now_ms)).status_code == 200
        before = await v.get("/api/v1/depth", symbol="SOL_USDC")
        for _ in range(40):
            await told(v, advance_ms=100)
        assert int((await v.get("/api/v1/depth", symbol="SOL_USDC"))["lastUpdateId"]) > int(before["lastUpdateId"])
        (trade,) = await v.get("/api/v1/trades", symbol="SOL_USDC", limit="1")
        assert now_ms < trade["timestamp"] <= now_ms + 4000
        (candle,) = await v.get("/api/v1/klines", symbol="SOL_USDC", interval="1h", startTime=now_ms // 1000)
        assert int(candle["trades"]) >= 1
        marks, depths = 0, 0
        while marks < 3 or depths < 15:
            frame = json.loads(await socket.recv())
            if now_ms <= frame["data"]["E"] // 1000 <= now_ms + 4000:
                marks += frame["stream"].startswith("markPrice")
                depths += frame["stream"].startswith("depth")


def test_prices_follow_the_time_that_passed() -> None:
    def indexes(*steps_ms: int) -> list[Decimal]:
        world = World(STEPPED, SteppedClock(START_MS * 1000))
        found = []
        for step_ms in steps_ms:
            world.step_clock(step_ms)
            world.clock.leap(1000)
            world.advance()
            found.append(world.simulation.engine.prices.index("SOL_USDC_PERP"))
        return found

    assert indexes(-HOUR_MS, 7 * HOUR_MS, -500) == indexes(0, 0, 0)


def test_nothing_in_a_history_is_hidden_by_a_step() -> None:
    world = World(STILL, SteppedClock(START_MS * 1000))
    simulation, account = world.simulation, world.simulation.engine.accounts["desk-a"]
    simulation.place(account, wish("buy", None, "1"), world.clock.now_us())
    world.step_clock(-HOUR_MS)
    assert len(list(simulation.records.fills("desk-a", world.clock.now_us()))) == 1


async def test_a_clock_that_stands_still_does_not_drift() -> None:
    async with venue(STILL) as v:
        answer = await v.http.post("/sim/clock", json={"drift_ppm": 100})
        assert (answer.status_code, answer.json()["error"].split(",")[0]) == (400, "a stepped clock does not run")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "`advance_ms` is how many milliseconds"),
        ({"advance_ms": -1}, "`advance_ms` is how many milliseconds"),
        ({"advance_ms": 1.5}, "`advance_ms` is a whole number"),
        ({"step_ms": -START_MS - 1}, "`step_ms` goes back behind 1970"),
        ({"drift_ppm": 500_001}, "`drift_ppm` is from"),
        ({"forward": 1}, "no member forward"),
    ],
)
async def test_what_a_clock_cannot_do_is_said(body: dict[str, Any], error: str) -> None:
    async with venue(STILL) as v:
        answer = await v.http.post("/sim/clock", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(error)


async def test_a_drifting_venue_says_so() -> None:
    async with venue() as v:
        assert (await told(v, drift_ppm=-200))["drift_ppm"] == -200
        assert abs((await v.get("/sim/clock"))["time"] - time.time() * 1000) < 60_000


async def test_zanbara_s_tokens_follow_the_clock_and_its_sockets_do_not() -> None:
    async with zanbara.venue(zanbara.STILL) as v, zanbara.socket(v) as socket:
        await v.a.login()
        await v.a.get("/v1/account/balance")
        await v.sim("POST", "clock", {"step_ms": 2 * HOUR_MS})
        assert zanbara.refusal(await v.a.call("GET", "/v1/account/balance"))[:2] == (401, "AUTHENTICATION_FAILED")
        await socket.send(type="ping")
        assert (await socket.next())["type"] == "pong"


@pytest.mark.parametrize(
    ("channel", "more"), [("orderbook", {"depth": 5}), ("ticker", {}), ("klines", {"interval": "1m"})]
)
async def test_zanbara_s_streams_go_on_after_a_step_back(channel: str, more: dict[str, Any]) -> None:
    config = replace(zanbara.LIVELY, clock=ClockKind.STEPPED, clock_start_ms=START_MS)
    async with zanbara.venue(config) as v, zanbara.socket(v) as socket:
        await socket.subscribe(channel, "SOL-PERP", **more)
        await v.sim("POST", "clock", {"advance_ms": 500})
        assert (await socket.update(channel))["timestamp"] == START_MS + 500
        await v.sim("POST", "clock", {"step_ms": -HOUR_MS})
        for _ in range(4):
            await v.sim("POST", "clock", {"advance_ms": 500})
        frame = await socket.until(lambda frame: frame["timestamp"] < START_MS)
        assert (frame["type"], frame["channel"]) == ("update", channel)
