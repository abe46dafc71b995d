"""The limiter when Redis dies, stops, forgets: no unit twice, refusals in time, cancels always."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.models import VenueName
from gateway.errors import Code, Outcome, Refusal
from gateway.limiter import Limiter, LimiterSettings
from gateway.limiter.emergency import Emergency
from gateway.limiter.rules import Rulebook
from gateway.store import keys
from gateway.store.client import Store
from tests.gateway.limiter.test_limiter import CANCEL, ORDER, READ, limits, remaining, spend
from tests.redis_process import RedisProcess, eventually

SETTINGS = LimiterSettings(assume_unspent=True, hard_timeout_s=0.6, grant_life_s=0.5)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as server:
        yield server


@asynccontextmanager
async def limiter_on(
    redis: RedisProcess, venue: VenueName, limit: int, period_ms: int
) -> AsyncIterator[tuple[Store, Limiter]]:
    async with Store.open(redis.url) as store, Limiter(store, venue, limits(limit, period_ms), SETTINGS) as limiter:
        yield store, limiter


async def until_up(store: Store, *, wanted: bool = True) -> None:
    async def is_so() -> bool:
        return store.is_up is wanted

    await eventually(is_so)


async def test_a_killed_redis_that_kept_its_data_forgets_no_unit(redis: RedisProcess, venue: VenueName) -> None:
    async with limiter_on(redis, venue, 4, 60_000) as (store, limiter):
        for _ in range(3):
            await spend(limiter, READ, answer=False)
        redis.kill()
        with pytest.raises(Refusal) as caught:
            await spend(limiter, ORDER, max_wait_s=5.0)
        assert caught.value.code is Code.STORE_UNAVAILABLE
        assert caught.value.outcome is Outcome.NOT_SENT
        redis.start()
        await until_up(store)
        assert (await remaining(limiter))["ip"] == 1
        await spend(limiter, CANCEL)  # nothing is closed: the state survived
        with pytest.raises(Refusal) as caught:
            await spend(limiter, CANCEL)
        assert caught.value.code is Code.RATE_LIMIT_EXCEEDED


async def test_a_redis_that_forgot_closes_every_rule_for_a_period_and_the_hard_timeout(
    redis: RedisProcess, venue: VenueName
) -> None:
    async with limiter_on(redis, venue, 100, 300) as (store, limiter):
        await spend(limiter, READ)
        await store.command("FLUSHALL")
        seen = time.monotonic()
        with pytest.raises(Refusal) as caught:
            await spend(limiter, READ)
        assert caught.value.details is not None
        assert 700 < caught.value.details["would_wait_ms"] <= 900
        await spend(limiter, CANCEL, max_wait_s=5.0)
        assert time.monotonic() - seen > 0.85


async def test_a_copy_that_lagged_behind_closes_what_it_does_not_know_of(redis: RedisProcess, venue: VenueName) -> None:
    async with limiter_on(redis, venue, 100, 300) as (store, limiter):
        await spend(limiter, READ)
        [key] = await store.command("KEYS", f"*{venue}*:rule:ip:default:ip")
        old = await store.command("DUMP", key)
        await spend(limiter, READ)
        await store.command("RESTORE", key, 10_000, old, "REPLACE")
        with pytest.raises(Refusal) as caught:
            await spend(limiter, READ)
        assert caught.value.details is not None
        assert 700 < caught.value.details["would_wait_ms"] <= 900
        await store.command("DEL", key)  # or one that never heard of it
        with pytest.raises(Refusal):
            await spend(limiter, READ)
        await spend(limiter, READ, max_wait_s=5.0)
        await asyncio.gather(*(spend(limiter, READ) for _ in range(20)))


async def test_a_redis_that_stops_refuses_in_time_and_lets_cancels_pass(redis: RedisProcess, venue: VenueName) -> None:
    async with limiter_on(redis, venue, 100, 60_000) as (store, limiter):
        await spend(limiter, READ)
        redis.pause()
        started = time.monotonic()
        results = await asyncio.gather(
            *(spend(limiter, call, max_wait_s=5.0) for call in [READ, ORDER] * 10 + [CANCEL] * 5),
            return_exceptions=True,
        )
        assert time.monotonic() - started < 1.0
        assert all(isinstance(result, Refusal) and result.code is Code.STORE_UNAVAILABLE for result in results[:20])
        assert results[20:] == [None] * 5
        await until_up(store, wanted=False)
        started = time.monotonic()
        await asyncio.gather(*(spend(limiter, CANCEL) for _ in range(5)))
        with pytest.raises(Refusal):
            await spend(limiter, READ)
        assert time.monotonic() - started < 0.1  # known to be away: nobody waits for it again
        redis.resume()
        await until_up(store)

        async def are_entered() -> bool:
            # The read, and the ten cancels that went without Redis. What it was asked and never answered may have run
            # when it woke; those units come back by themselves.
            return 100 - 11 - 25 <= (await remaining(limiter))["ip"] <= 100 - 11

        await eventually(are_entered)


async def test_callers_who_wait_when_redis_goes_are_told(redis: RedisProcess, venue: VenueName) -> None:
    async with limiter_on(redis, venue, 2, 60_000) as (_, limiter):
        await asyncio.gather(spend(limiter, CANCEL, answer=False), spend(limiter, CANCEL, answer=False))
        read = asyncio.ensure_future(spend(limiter, READ, max_wait_s=100.0))
        cancel = asyncio.ensure_future(spend(limiter, CANCEL, max_wait_s=100.0))
        await asyncio.sleep(0.05)
        assert not read.done()
        assert not cancel.done()
        redis.kill()
        async with asyncio.timeout(5):
            await cancel
            with pytest.raises(Refusal) as caught:
                await read
        assert caught.value.code is Code.STORE_UNAVAILABLE


async def test_scripts_that_redis_lost_are_sent_again(redis: RedisProcess, venue: VenueName) -> None:
    async with limiter_on(redis, venue, 100, 60_000) as (store, limiter):
        await spend(limiter, READ)
        await store.command("SCRIPT", "FLUSH")
        await spend(limiter, READ)
        assert (await remaining(limiter))["ip"] == 98


async def test_replicas_are_counted(redis: RedisProcess, venue: VenueName) -> None:
    async with limiter_on(redis, venue, 100, 60_000) as (store, _), limiter_on(redis, venue, 100, 60_000):

        async def are_two() -> bool:
            return bool(await store.command("ZCARD", keys.limit_replicas(venue)) == 2)

        await eventually(are_two)


def test_the_emergency_share_is_the_reserve_over_the_replicas() -> None:
    rule = Rulebook(VenueName("v"), limits(200, 1000), SETTINGS).visible(None, "default")[0]
    emergency = Emergency(hard_timeout_us=1_000_000)
    emergency.replicas = 2
    within = [emergency.spend((rule,), (1,), 5_000_000) for _ in range(7)]
    assert within == [True] * 5 + [False] * 2  # 5 % of 200, by two
