"""The venue's time as a replica knows it: measured against Redis, whatever this machine's own clock says."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from adapters.errors import NoAnswer
from adapters.models import VenueName
from gateway import clock as clocks
from gateway.clock import VenueClock
from gateway.store.client import Store
from tests.gateway.feeds.scripted import OpenThrottle
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import until
from tests.redis_process import RedisProcess

V = VenueName("sim")


@pytest.fixture(scope="module")
def clock_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@asynccontextmanager
async def measuring(exchange: Exchange, url: str) -> AsyncIterator[VenueClock]:
    clock = VenueClock()
    async with Store.open(url) as store:
        task = asyncio.create_task(clock.keep_measured(exchange.venue(), OpenThrottle(), store))
        yield clock
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("ahead_ms", [0, 90_000, -90_000])
async def test_a_venues_clock_is_known(clock_redis: RedisProcess, ahead_ms: int) -> None:
    exchange = Exchange(V, clock_ahead_ms=ahead_ms)
    async with measuring(exchange, clock_redis.url) as clock:
        await until(lambda: clock.is_measured)
        assert abs(clock.venue_time_ms() - exchange.now_ms) < 100
        assert abs(clock.offset_ms - ahead_ms) < 100
        assert abs(clock.venue_minus_redis_ms - ahead_ms) < 100  # Redis runs on this machine


async def test_a_step_of_this_machines_clock_moves_nothing(
    clock_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Exchange(V)
    async with measuring(exchange, clock_redis.url) as clock:
        await until(lambda: clock.is_measured)
        venue_ms, difference_ms = clock.venue_time_ms(), clock.venue_minus_redis_ms
        monkeypatch.setattr(VenueClock, "time_us", lambda _: time.time_ns() // 1_000 - 3_600_000_000)
        assert abs(clock.venue_time_ms() - venue_ms) < 500
        assert clock.venue_minus_redis_ms == difference_ms
        assert abs(clock.offset_ms - 3_600_000) < 500


async def test_a_clock_is_measured_only_when_both_are(
    clock_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_PAUSE_S", 0.01)
    exchange = Exchange(V, clock_ahead_ms=50_000)

    async def fail(_source: str) -> None:
        raise NoAnswer(V, "silence")

    exchange.on_read = fail
    async with measuring(exchange, clock_redis.url) as clock:
        await until(lambda: len(exchange.reads) > 2)
        assert not clock.is_measured
        assert (clock.offset_ms, clock.venue_minus_redis_ms) == (0, 0)

        async def answer(_source: str) -> None: ...

        exchange.on_read = answer
        await until(lambda: clock.is_measured)


async def test_a_clock_in_doubt_is_measured_anew_and_its_step_believed(
    clock_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_PAUSE_S", 0.01)
    exchange = Exchange(V)
    async with measuring(exchange, clock_redis.url) as clock:
        await until(lambda: clock.is_measured)
        exchange.clock_ahead_ms = -10_000
        clock.doubt()
        await until(lambda: abs(clock.venue_minus_redis_ms + 10_000) < 100)


async def test_doubts_without_end_cost_one_measurement_a_pause(clock_redis: RedisProcess) -> None:
    exchange = Exchange(V)
    async with measuring(exchange, clock_redis.url) as clock:
        await until(lambda: clock.is_measured)
        for _ in range(20):
            clock.doubt()
            await asyncio.sleep(0.005)
        assert len(exchange.reads) == 1


def test_a_clock_that_was_never_measured_shows_our_own_time() -> None:
    clock = VenueClock()
    assert abs(clock.venue_time_ms() - time.time() * 1_000) < 500
    assert (clock.is_measured, clock.venue_minus_redis_ms) == (False, 0)
