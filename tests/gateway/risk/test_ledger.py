"""The counted limits in Redis: exact when raced for, all levels or none, and safe to repeat."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from adapters.models import AccountName, VenueName
from gateway.risk.ledger import Beyond, Ledger, Use
from gateway.risk.limits import Level, LevelKind
from gateway.settings import LimitSettings
from gateway.store.client import Store
from tests.redis_process import RedisProcess

V, A = VenueName("v"), AccountName("main")


@pytest.fixture(scope="module")
def risk_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest.fixture
async def store(risk_redis: RedisProcess) -> AsyncIterator[Store]:
    async with Store.open(risk_redis.url) as opened:
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


def level(**limits: Any) -> Level:
    """A level of its own for each test."""
    return Level(LevelKind.CLIENT, uuid4().hex, LimitSettings.model_validate(limits))


async def reserve(ledger: Ledger, levels: list[Level], claim: str | None = None, **how: Any) -> Beyond | None:
    how = {"units": 10_000, "is_open": True} | how
    return await ledger.reserve(V, A, claim or uuid4().hex, "order", levels, **how)


async def test_raced_from_three_replicas_exactly_as_many_are_open_as_allowed(
    risk_redis: RedisProcess, ledger: Ledger
) -> None:
    levels = [level(max_open_orders=50), level(max_open_orders=10)]
    async with Store.open(risk_redis.url) as second, Store.open(risk_redis.url) as third:
        replicas = [ledger, Ledger(second), Ledger(third)]
        answers = await asyncio.gather(*(reserve(replicas[one % 3], levels) for one in range(60)))
    assert answers.count(None) == 10
    assert {answer for answer in answers if answer is not None} == {Beyond(1, "max_open_orders", 11, 0)}
    assert [use.open_orders for use in await ledger.use(levels)] == [10, 10]


async def test_a_refusal_at_one_level_reserves_at_none(ledger: Ledger) -> None:
    wide, narrow = level(daily_notional="100", order_rate={"count": 9, "period_ms": 60_000}), level(daily_notional="1")
    assert await reserve(ledger, [wide, narrow], units=10_001) == Beyond(1, "daily_notional", 10_001, 0)
    assert await ledger.use([wide, narrow]) == [Use(0, 0, 0, 0), Use(0, 0, 0, 0)]


async def test_reserving_twice_reserves_once_and_releasing_twice_releases_once(ledger: Ledger) -> None:
    one = level(max_open_orders=1, daily_notional="10", order_rate={"count": 1, "period_ms": 60_000})
    claim = uuid4().hex
    assert [await reserve(ledger, [one], claim) for _ in range(2)] == [None, None]
    assert await ledger.use([one]) == [Use(1, 10_000, 0, 1)]
    released = [await ledger.release(V, A, claim, traded_units=4_000, was_sent=True) for _ in range(2)]
    assert released == [True, False]
    assert await ledger.use([one]) == [Use(0, 0, 4_000, 1)]


async def test_what_traded_counts_for_the_day_and_the_rest_is_free(ledger: Ledger) -> None:
    one, claim = level(daily_notional="2"), uuid4().hex
    await reserve(ledger, [one], claim, units=20_000)
    assert await reserve(ledger, [one], units=1) == Beyond(0, "daily_notional", 20_001, 0)
    await ledger.release(V, A, claim, traded_units=15_000, was_sent=True)
    assert await reserve(ledger, [one], units=5_001) == Beyond(0, "daily_notional", 20_001, 0)
    assert await reserve(ledger, [one], units=5_000) is None


async def test_what_nobody_knows_is_counted_in_full(ledger: Ledger) -> None:
    one, claim = level(daily_notional="2"), uuid4().hex
    await reserve(ledger, [one], claim, units=12_000)
    await ledger.release(V, A, claim, traded_units=None, was_sent=True)
    assert await ledger.use([one]) == [Use(0, 0, 12_000, 0)]


async def test_another_day_begins_at_nothing(store: Store, ledger: Ledger) -> None:
    one, claim = level(daily_notional="1"), uuid4().hex
    await reserve(ledger, [one], claim)
    await ledger.release(V, A, claim, traded_units=10_000, was_sent=True)
    await store.command("HSET", f"cg:{{risk}}:traded:{one}", "day", 1)
    assert await ledger.use([one]) == [Use(0, 0, 0, 0)]
    assert await reserve(ledger, [one]) is None


async def test_an_order_that_was_not_sent_gives_its_turn_back(ledger: Ledger) -> None:
    one = level(order_rate={"count": 2, "period_ms": 60_000})
    claims = [uuid4().hex, uuid4().hex]
    for claim in claims:
        assert await reserve(ledger, [one], claim) is None
    beyond = await reserve(ledger, [one])
    assert beyond is not None
    assert (beyond.limit, beyond.would_be) == ("order_rate", 3)
    assert 0 < beyond.wait_ms <= 60_000
    await ledger.release(V, A, claims[0], traded_units=0, was_sent=True)
    assert await reserve(ledger, [one]) is not None
    await ledger.release(V, A, claims[1], traded_units=0, was_sent=False)
    assert await reserve(ledger, [one]) is None


async def test_an_order_that_only_reduces_is_counted_by_its_rate_alone(ledger: Ledger) -> None:
    one = level(max_open_orders=0, daily_notional="0", order_rate={"count": 1, "period_ms": 60_000})
    claim = uuid4().hex
    assert await reserve(ledger, [one], claim, is_open=False) is None
    assert await ledger.use([one]) == [Use(0, 0, 0, 1)]
    await ledger.release(V, A, claim, traded_units=10_000, was_sent=True)
    assert await ledger.use([one]) == [Use(0, 0, 0, 1)]


async def test_trying_changes_nothing(ledger: Ledger) -> None:
    one = level(max_open_orders=1, order_rate={"count": 1, "period_ms": 60_000})
    assert await reserve(ledger, [one], "", way="try") is None
    assert await ledger.use([one]) == [Use(0, 0, 0, 0)]
    await reserve(ledger, [one])
    assert await reserve(ledger, [one], "", way="try") == Beyond(0, "max_open_orders", 2, 0)


async def test_an_amendment_counts_the_larger_of_the_two_or_is_refused_whole(ledger: Ledger) -> None:
    wide, narrow, claim = level(daily_notional="9"), level(daily_notional="3"), uuid4().hex
    levels = [wide, narrow]
    await reserve(ledger, levels, claim, units=20_000)
    assert await ledger.amend(V, A, claim, levels, units=30_001) == Beyond(1, "daily_notional", 30_001, 0)
    for units in (30_000, 30_000, 5_000):
        assert await ledger.amend(V, A, claim, levels, units=units) is None
    assert [use.reserved_units for use in await ledger.use(levels)] == [30_000, 30_000]


async def test_nothing_is_left_of_orders_that_have_ended(store: Store, ledger: Ledger) -> None:
    one = level(max_open_orders=100, daily_notional="99999999")
    claims = [uuid4().hex for _ in range(20)]
    for claim in claims:
        await reserve(ledger, [one], claim, units=10**10)
    for claim in claims:
        await ledger.release(V, A, claim, traded_units=0, was_sent=True)
    assert await store.command("KEYS", f"cg:{{risk}}:*:{one}") == []
