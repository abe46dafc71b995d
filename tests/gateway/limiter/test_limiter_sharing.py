"""How clients and replicas share one budget, on a real Redis."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from adapters.contract import LimitHeaders, Limits
from adapters.models import VenueName
from gateway.errors import Refusal
from gateway.limiter import AccountTerms, ClientTerms, Limiter, LimiterSettings
from gateway.store.client import Store
from tests.gateway.limiter.test_limiter import ACCOUNT, CANCEL, ORDER, READ, UNSPENT, limits, replica, spend
from tests.redis_process import RedisProcess

HEADERS = LimitHeaders("x-limit", "x-remaining", "x-reset")


@pytest.fixture
def url(shared_redis: RedisProcess) -> str:
    return shared_redis.url


async def test_equal_clients_on_three_replicas_get_equal_shares(url: str, venue: VenueName) -> None:
    got: Counter[str] = Counter()
    period_s, until = 0.6, time.monotonic() + 2.4

    async def bot(limiter: Limiter, name: str) -> None:
        throttle = limiter.throttle(client=name, max_wait_s=60.0)
        while True:
            async with throttle.grant(READ) as grant:
                grant.start()
                await asyncio.sleep(0)
                grant.answered({})
                got[name] += time.monotonic() > until - 3 * period_s

    async with AsyncExitStack() as stack:
        shared = limits(100, int(period_s * 1000))
        replicas = [await stack.enter_async_context(replica(url, venue, shared)) for _ in range(3)]
        homes = [replicas[0]] * 14 + [replicas[1]] * 5 + [replicas[2]]
        bots = [asyncio.create_task(bot(home, f"bot-{number}")) for number, home in enumerate(homes)]
        await asyncio.sleep(until - time.monotonic())
        for one in bots:
            one.cancel()
        await asyncio.wait(bots)
    assert len(got) == len(homes)
    assert sum(got.values()) ** 2 / (len(homes) * sum(units**2 for units in got.values())) >= 0.95


async def test_no_client_has_more_than_its_share_in_use_but_may_cancel(url: str, venue: VenueName) -> None:
    terms = {"greedy": ClientTerms(max_share=0.3)}
    async with (
        Store.open(url, timeout_s=2.0) as store,
        Limiter(store, venue, limits(10, 5000), UNSPENT, terms=lambda name: terms.get(name, ClientTerms())) as limiter,
    ):
        greedy = limiter.throttle(client="greedy", account=ACCOUNT, max_wait_s=0.0)
        for _ in range(3):
            async with greedy.grant(ORDER) as grant:
                grant.start()
        with pytest.raises(Refusal) as caught:
            await greedy.grant(ORDER).__aenter__()
        assert caught.value.details is not None
        assert caught.value.details["rule"] == "ip (share of greedy)"
        async with greedy.grant(CANCEL) as grant:
            grant.start()
        await spend(limiter, ORDER)


async def test_a_paced_rule_spreads_its_limit(url: str, venue: VenueName) -> None:
    settings = LimiterSettings(assume_unspent=True, reserve_share=0.0, pace={"ip": 4})
    async with replica(url, venue, limits(8, 1200), settings) as limiter:
        started = time.monotonic()
        await asyncio.gather(*(spend(limiter, READ, max_wait_s=5.0) for _ in range(6)))
        assert time.monotonic() - started >= 0.6  # two at once, then two every quarter of the period
        await asyncio.gather(*(spend(limiter, CANCEL) for _ in range(2)))


async def test_what_is_spent_is_shown_by_client_on_every_replica(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(20, 5000)) as one, replica(url, venue, limits(20, 5000)) as other:
        await asyncio.gather(*(spend(one, READ) for _ in range(2)))
        async with other.throttle(client="address 203.0.113.7").grant(READ) as grant:
            grant.start()
        async with other.throttle(client="idle").grant(READ):
            pass
        await other.consumption()
        assert (await one.consumption())["ip"] == {"bot": 2, "public": 1}


async def test_a_refusal_closes_everywhere_and_one_call_probes_alone(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(100, 200)) as one, replica(url, venue, limits(100, 200)) as other:
        async with one.throttle(client="bot").grant(READ) as grant:
            grant.start()
            grant.refused(0.3)
        await one.status()
        with pytest.raises(Refusal):
            await spend(other, READ)
        async with one.throttle(client="bot", max_wait_s=2.0).grant(READ) as probe:
            probe.start()
            for limiter in (one, other):
                with pytest.raises(Refusal):
                    await spend(limiter, READ)
            probe.answered({})
        await one.status()
        await asyncio.gather(*(spend(limiter, READ, max_wait_s=2.0) for limiter in (one, other, one, other)))


async def test_a_ban_closes_the_address(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(100, 200)) as one, replica(url, venue, limits(100, 200)) as other:
        async with one.throttle(client="bot", account=ACCOUNT).grant(ORDER) as grant:
            grant.start()
            grant.refused(30.0, is_ban=True)
        await one.status()
        for call in (READ, CANCEL):
            with pytest.raises(Refusal) as caught:
                await spend(other, call)
            assert caught.value.details is not None
            assert (caught.value.details["rule"], caught.value.details["would_wait_ms"] > 29_000) == ("ip", True)


async def test_an_accounts_changed_terms_count_at_once(url: str, venue: VenueName) -> None:
    async with replica(url, venue, limits(100, 60_000, of_account=20)) as limiter:
        await spend(limiter, ORDER)
        limiter.take_up({ACCOUNT: AccountTerms(foreign_budget=0.5)})
        account = next(rule for rule in await limiter.status(account=ACCOUNT) if rule.name == "orders")
        assert (account.limit, account.remaining) == (10, 8)
        with pytest.raises(ValueError, match="tier 3 of 0"):
            limiter.take_up({ACCOUNT: AccountTerms(tier=3)})
        await asyncio.gather(*(spend(limiter, ORDER) for _ in range(4)))
        with pytest.raises(Refusal):
            await spend(limiter, ORDER)


def headers(limit: int, remaining: int, reset_s: int) -> dict[str, str]:
    return {"x-limit": str(limit), "x-remaining": str(remaining), "x-reset": str(reset_s)}


async def test_the_venues_word_counts_while_somebody_else_spends(url: str, venue: VenueName) -> None:
    shared = limits(10, 60_000)
    told = Limits(shared.rules, shared.debits, headers=HEADERS)
    reset_s = int(time.time()) + 30
    async with replica(url, venue, told) as one, replica(url, venue, told) as other:

        async def answered(limiter: Limiter, remaining: int) -> None:
            async with limiter.throttle(client="bot", max_wait_s=0.0).grant(READ) as grant:
                grant.start()
                grant.answered(headers(10, remaining, reset_s))
            await limiter.status()

        await answered(one, 9)
        assert [rule.remaining for rule in await other.status()] == [9]
        await answered(other, 3)  # two are ours: five are somebody's
        [ip] = await one.status()
        assert (ip.remaining, ip.foreign) == (3, 5)
        await answered(one, 2)
        await asyncio.gather(spend(one, READ), spend(one, READ))
        with pytest.raises(Refusal) as caught:
            await spend(other, READ)
        assert caught.value.details is not None
        assert 20_000 < caught.value.details["would_wait_ms"] <= 31_000
