"""The limiter on a real Redis: who goes first, what a grant costs, and what replicas see of each other."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.contract import Call, CallKind, LimitRule, Limits, LimitScope
from adapters.errors import GrantExpired
from adapters.models import AccountName, VenueName
from gateway.errors import Code, Outcome, Refusal
from gateway.limiter import ON_SPENT, PRESENCE, CallerLeft, Limiter, LimiterSettings, Presence, RuleStatus
from gateway.limiter.rules import Rulebook
from gateway.store.client import Store
from tests.gateway.limiter.judge import most_in_any_window
from tests.redis_process import RedisProcess, eventually

ACCOUNT = AccountName("main")
READ = Call("depth", CallKind.MARKET_READ, "read")
ORDER = Call("place", CallKind.ORDER, "order")
CANCEL = Call("cancel", CallKind.CANCEL, "order")
UNSPENT = LimiterSettings(assume_unspent=True, hard_timeout_s=5.0, grant_life_s=1.0, reserve_share=0.0)


def limits(limit: int, period_ms: int, *, of_account: int = 1000) -> Limits:
    rules = (
        LimitRule("ip", LimitScope.IP, limit, period_ms),
        LimitRule("orders", LimitScope.ACCOUNT, of_account, period_ms),
    )
    return Limits(rules, {"read": (("ip", 1),), "order": (("ip", 1), ("orders", 2))})


@pytest.fixture
def url(shared_redis: RedisProcess) -> str:
    return shared_redis.url


@asynccontextmanager
async def replica(
    url: str, venue: VenueName, its_limits: Limits, settings: LimiterSettings = UNSPENT
) -> AsyncIterator[Limiter]:
    async with Store.open(url, timeout_s=2.0) as store, Limiter(store, venue, its_limits, settings) as limiter:
        yield limiter


async def spend(limiter: Limiter, call: Call, *, max_wait_s: float = 0.0, answer: bool = True) -> None:
    async with limiter.throttle(client="bot", account=ACCOUNT, max_wait_s=max_wait_s).grant(call) as grant:
        grant.start()
        if answer:
            grant.answered({})


async def remaining(limiter: Limiter) -> dict[str, int]:
    return {rule.name: rule.remaining for rule in await limiter.status(account=ACCOUNT)}


async def until_left(limiter: Limiter, ip: int) -> None:
    """What ended is told to Redis behind our back."""

    async def is_so() -> bool:
        return (await remaining(limiter))["ip"] == ip

    await eventually(is_so)


async def test_a_grant_debits_every_rule_of_the_call_and_shows_the_tightest(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(10, 500, of_account=6)) as limiter:
        spent: list[RuleStatus] = []
        ON_SPENT.set(spent.append)
        throttle = limiter.throttle(client="bot", account=ACCOUNT)
        async with throttle.grant(ORDER) as grant:
            grant.start()
            grant.answered({})
        assert await remaining(limiter) == {"ip": 9, "orders": 4}
        [tightest] = spent
        assert (tightest.name, tightest.limit, tightest.remaining) == ("orders", 6, 4)
        assert time.time() <= tightest.reset_unix_s <= time.time() + 2
        await spend(limiter, READ)
        assert await remaining(limiter) == {"ip": 8, "orders": 4}
        assert [rule.name for rule in await limiter.status()] == ["ip"]


async def test_a_block_left_before_start_costs_nothing(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(10, 500)) as limiter:
        async with limiter.throttle(client="bot").grant(READ):
            pass
        await until_left(limiter, 10)


async def test_a_started_call_without_an_answer_stays_in_flight(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(1, 200)) as limiter:
        await spend(limiter, READ, answer=False)
        with pytest.raises(Refusal) as caught:
            await spend(limiter, READ, max_wait_s=0.1)
        assert caught.value.code is Code.RATE_LIMIT_EXCEEDED


async def test_an_answered_call_returns_its_units_one_period_later(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(1, 200)) as limiter:
        await spend(limiter, READ)
        started = time.monotonic()
        await spend(limiter, READ, max_wait_s=2.0)
        assert 0.19 <= time.monotonic() - started < 1.0


async def test_a_grant_that_grew_too_old_is_void_and_costs_nothing(url: str, venue: VenueName) -> None:
    settings = LimiterSettings(assume_unspent=True, grant_life_s=1e-6)
    async with replica(url, venue, limits(10, 500), settings) as limiter:
        with pytest.raises(GrantExpired):
            await spend(limiter, READ)
        await until_left(limiter, 10)


async def test_refused_at_once_with_the_time_it_would_have_taken(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(2, 2000)) as limiter:
        await asyncio.gather(spend(limiter, READ), spend(limiter, READ))
        for max_wait_s in (0.0, 1.0):
            started = time.monotonic()
            with pytest.raises(Refusal) as caught:
                await spend(limiter, ORDER, max_wait_s=max_wait_s)
            assert time.monotonic() - started < 0.5
            refusal = caught.value
            assert refusal.outcome is Outcome.NOT_SENT
            assert refusal.details is not None
            assert refusal.details["rule"] == "ip"
            assert 1000 < refusal.details["would_wait_ms"] <= 2020
            assert refusal.retry_after_s is not None


async def test_the_place_in_line_counts_for_an_early_refusal(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(1, 1000)) as limiter:
        await spend(limiter, READ)
        waiting = asyncio.ensure_future(spend(limiter, READ, max_wait_s=1.5))
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as caught:
            await spend(limiter, READ, max_wait_s=1.5)
        assert caught.value.details is not None
        assert caught.value.details["would_wait_ms"] > 1500
        await waiting


async def test_a_cancel_overtakes_queued_reads(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(1, 600)) as limiter:
        await spend(limiter, READ)
        served: list[str] = []

        async def wait(call: Call) -> None:
            await spend(limiter, call, max_wait_s=5.0)
            served.append(call.name)

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(wait(READ))
            await asyncio.sleep(0.01)
            group.create_task(wait(CANCEL))  # of another set of rules: only the address's limit is shared
        assert served == ["cancel", "depth", "depth", "depth"]


async def test_the_reserve_is_for_cancels(url: str, venue: VenueName) -> None:
    settings = LimiterSettings(assume_unspent=True, reserve_share=0.05)
    async with replica(url, venue, limits(10, 2000), settings) as limiter:
        results = await asyncio.gather(*(spend(limiter, ORDER) for _ in range(12)), return_exceptions=True)
        assert sum(isinstance(result, Refusal) for result in results) == 3
        await spend(limiter, CANCEL)
        with pytest.raises(Refusal):
            await spend(limiter, CANCEL)


async def test_a_caller_that_left_the_queue_spends_nothing(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(2, 300)) as limiter:
        await asyncio.gather(spend(limiter, READ), spend(limiter, READ))
        leaving = asyncio.ensure_future(spend(limiter, READ, max_wait_s=5.0))
        staying = asyncio.ensure_future(spend(limiter, READ, max_wait_s=5.0))
        await asyncio.sleep(0.02)
        leaving.cancel()
        await asyncio.wait([leaving])
        await staying
        assert (await remaining(limiter))["ip"] == 1


async def test_a_read_whose_caller_hung_up_leaves_the_queue_and_what_others_wait_for_goes_on(
    url: str, venue: VenueName
) -> None:
    async with replica(url, venue, limits(1, 500)) as limiter:
        await spend(limiter, READ)

        async def read(*, hangs_up: str) -> str:
            presence = Presence(asyncio.current_task())
            PRESENCE.set(presence)
            if hangs_up == "before":
                presence.leave()
            wait = spend(limiter, READ, max_wait_s=5)
            # Work done together with others is a task of its own.
            work = asyncio.create_task(wait) if hangs_up == "with others" else wait
            if hangs_up != "before":
                asyncio.get_running_loop().call_soon(presence.leave)
            try:
                await work
            except CallerLeft:
                return "left"
            return "answered"

        ways = ("before", "while it waits", "with others")
        told = await asyncio.gather(*(asyncio.create_task(read(hangs_up=way)) for way in ways))
        assert told == ["left", "left", "answered"]


async def test_a_caller_that_left_while_redis_was_asked_spends_nothing(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(50, 5000)) as limiter:
        await spend(limiter, READ)
        rng = random.Random(1)
        for _ in range(200):
            leaving = asyncio.ensure_future(limiter.throttle(client="bot").grant(READ).__aenter__())
            for _ in range(rng.randint(0, 6)):
                await asyncio.sleep(0 if rng.random() < 0.5 else 0.0001)
            if not leaving.cancel():
                leaving.result().leave()
            await asyncio.wait([leaving])
        await until_left(limiter, 49)


async def test_a_full_queue_refuses(url: str, venue: VenueName) -> None:
    settings = LimiterSettings(assume_unspent=True, queue_max=2)
    async with replica(url, venue, limits(2, 400), settings) as limiter:
        results = await asyncio.gather(
            *(spend(limiter, READ, max_wait_s=5.0) for _ in range(4)), return_exceptions=True
        )
        assert [getattr(result, "code", None) for result in results] == [None, None, *[Code.RATE_LIMIT_EXCEEDED] * 2]


async def test_too_many_closes_the_rule_on_every_replica(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(100, 200)) as one, replica(url, venue, limits(100, 200)) as other:
        async with one.throttle(client="bot", account=ACCOUNT).grant(ORDER) as grant:
            grant.start()
            grant.refused(0.5)
        await one.status()  # behind the message in the same pipeline
        with pytest.raises(Refusal) as caught:
            await spend(other, ORDER)
        assert caught.value.details is not None
        assert caught.value.details["rule"] == "orders"
        assert 300 < caught.value.details["would_wait_ms"] <= 500
        await spend(other, READ)  # the account was closed, not the address
        started = time.monotonic()
        await spend(other, ORDER, max_wait_s=2.0)
        assert 0.2 < time.monotonic() - started < 1.5


async def test_an_empty_redis_is_a_spent_budget_unless_said_otherwise(url: str, venue: VenueName) -> None:
    settings = LimiterSettings(hard_timeout_s=0.4, grant_life_s=0.1)
    async with replica(url, venue, limits(100, 200), settings) as limiter:
        with pytest.raises(Refusal) as caught:
            await spend(limiter, READ)
        assert caught.value.details is not None
        assert 400 < caught.value.details["would_wait_ms"] <= 600
        await spend(limiter, READ, max_wait_s=2.0)


async def test_who_still_waits_when_the_limiter_stops_is_told(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(1, 5000)) as limiter:
        await spend(limiter, READ)
        waiting = asyncio.ensure_future(spend(limiter, READ, max_wait_s=30.0))
        await asyncio.sleep(0.01)
    with pytest.raises(Refusal) as caught:
        await waiting
    assert caught.value.code is Code.SHUTTING_DOWN


async def test_nobody_waits_any_more_once_the_limiter_stops_serving(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(1, 5000)) as limiter:
        await spend(limiter, READ)
        waiting = asyncio.ensure_future(spend(limiter, READ, max_wait_s=30.0))
        await asyncio.sleep(0.01)
        limiter.stop_serving()
        for late, outcome in ((waiting, None), (spend(limiter, ORDER, max_wait_s=30.0), Outcome.NOT_SENT)):
            with pytest.raises(Refusal) as caught:
                await late
            assert (caught.value.code, caught.value.outcome) == (Code.SHUTTING_DOWN, outcome)
        assert not limiter.is_serving
    with pytest.raises(Refusal):
        await spend(limiter, READ)
    assert not limiter.is_serving


async def test_calls_that_limits_cannot_price_are_a_mistake_of_the_caller(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(10, 1000)) as limiter:
        with pytest.raises(ValueError, match="counted per account"):
            await limiter.throttle(client="bot").grant(ORDER).__aenter__()
        with pytest.raises(ValueError, match="no cost class"):
            await limiter.throttle(client="bot").grant(Call("x", CallKind.ORDER, "x")).__aenter__()
    with pytest.raises(ValueError, match="cannot debit"):
        Rulebook(venue, Limits((), {"read": (("ip", 1),)}), UNSPENT)


async def test_replicas_that_come_and_go_never_exceed_the_limit_and_use_nearly_all_of_it(
    url: str, venue: VenueName
) -> None:
    limit, period_s, periods = 40, 0.3, 9
    arrivals_us: list[int] = []
    rng = random.Random(7)
    start = time.monotonic()
    end = start + period_s * periods

    async def bot(limiter: Limiter) -> None:
        throttle = limiter.throttle(client="bot", max_wait_s=10.0)
        while time.monotonic() < end:
            async with throttle.grant(READ) as grant:
                grant.start()
                await asyncio.sleep(rng.random() * 0.001)  # the network there
                arrivals_us.append(time.monotonic_ns() // 1000)
                await asyncio.sleep(rng.random() * 0.001)  # and back
                if rng.random() < 0.98:
                    grant.answered({})

    settings = LimiterSettings(assume_unspent=True, hard_timeout_s=0.3, grant_life_s=0.2, reserve_share=0)

    async def one_replica(until: float) -> None:
        async with replica(url, venue, limits(limit, int(period_s * 1000)), settings) as limiter:
            bots = [asyncio.create_task(bot(limiter)) for _ in range(15)]
            await asyncio.wait(bots, timeout=until - time.monotonic())
            for one in bots:
                one.cancel()
            await asyncio.gather(*bots, return_exceptions=True)

    async with asyncio.TaskGroup() as group:
        group.create_task(one_replica(end))
        for number in range(4):
            await asyncio.sleep(period_s)
            group.create_task(one_replica(end - (4 - number) * period_s))
    assert most_in_any_window(arrivals_us, int(period_s * 1e6)) <= limit
    assert len(arrivals_us) > 0.75 * limit * periods  # a busy machine answers late; the sums alone are tested for 98 %


async def test_a_venue_without_limits_lets_every_call_go(url: str, venue: VenueName) -> None:
    free = Limits(rules=(), debits={"read": ()})
    async with replica(url, venue, free) as limiter:
        for _ in range(50):
            async with limiter.throttle(client="bot").grant(Call("depth", CallKind.MARKET_READ, "read")) as grant:
                grant.start()
                grant.answered({})
        assert await limiter.status(account=ACCOUNT) == ()
