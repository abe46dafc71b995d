"""Leave without waiting: like any other grant for whoever has it, and only for those whom nobody is before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.contract import Call, CallKind, LimitRule, Limits, LimitScope
from adapters.models import AccountName, VenueName
from gateway.limiter import Grant, Limiter, LimiterSettings, Passage
from gateway.limiter.line import Line, Waiter
from gateway.limiter.redis_spend import _SPEND
from gateway.store import keys
from gateway.store.client import Store
from tests.redis_process import RedisProcess, eventually

ACCOUNT = AccountName("a1")
ORDER = Call("place", CallKind.ORDER, "order")
READ = Call("positions", CallKind.ACCOUNT_READ, "read")
CANCEL = Call("cancel", CallKind.CANCEL, "cancel")
LONG_MS = 60_000


@pytest.fixture
async def store(shared_redis: RedisProcess) -> AsyncIterator[Store]:
    async with Store.open(shared_redis.url, timeout_s=2.0) as running:
        yield running


@asynccontextmanager
async def limiter_of(store: Store, venue: VenueName, limit: int, period_ms: int = LONG_MS) -> AsyncIterator[Limiter]:
    """Orders and reads share one rule; cancels debit another one too, so they wait elsewhere."""
    rules = tuple(LimitRule(name, LimitScope.ACCOUNT, limit, period_ms) for name in ("account", "cancels"))
    both = (("account", 1), ("cancels", 1))
    limits = Limits(rules, {"order": both[:1], "read": both[:1], "cancel": both})
    async with Limiter(store, venue, limits, LimiterSettings(assume_unspent=True)) as limiter:
        yield limiter


def passage_of(limiter: Limiter, call: Call = ORDER, client: str = "bot") -> Passage | None:
    return limiter.passage(call, client=client, account=ACCOUNT, egress="default")


async def passed(limiter: Limiter, store: Store, call: Call = ORDER) -> Grant | None:
    passage = passage_of(limiter, call)
    assert passage is not None
    return passage.answered(await store.run(_SPEND, passage.keys, passage.arguments))


async def left(limiter: Limiter) -> int:
    return next(rule.remaining for rule in await limiter.status(account=ACCOUNT) if rule.name == "account")


async def until_left(limiter: Limiter, units: int) -> None:
    async def is_so() -> bool:
        return await left(limiter) == units

    await eventually(is_so)


async def test_it_spends_is_settled_and_is_told_like_any_grant(store: Store, venue: VenueName) -> None:
    async with limiter_of(store, venue, 10, 300) as limiter:
        grant = await passed(limiter, store)
        assert grant is not None
        assert grant.tightest is not None
        assert (grant.tightest.name, grant.tightest.remaining) == ("account", 9)
        assert await left(limiter) == 9
        grant.start()
        grant.answered({})
        grant.leave()
        await until_left(limiter, 10)
        assert await limiter.consumption(account=ACCOUNT) == {"account": {"bot": 1}, "cancels": {}}


async def test_one_that_is_not_used_gives_its_units_back(store: Store, venue: VenueName) -> None:
    async with limiter_of(store, venue, 10) as limiter:
        grant = await passed(limiter, store)
        assert grant is not None
        grant.leave()
        await until_left(limiter, 10)


async def test_what_is_spent_is_not_given_and_the_reserve_is_left_to_cancels(store: Store, venue: VenueName) -> None:
    async with limiter_of(store, venue, 2) as limiter:
        assert await passed(limiter, store) is not None
        assert await passed(limiter, store) is None
        assert await left(limiter) == 1


@asynccontextmanager
async def waiting(limiter: Limiter, store: Store, call: Call) -> AsyncIterator[None]:
    """Somebody waits with `call`, for want of units."""
    while await passed(limiter, store, CANCEL) is not None:
        pass
    throttle = limiter.throttle(client="other", account=ACCOUNT, max_wait_s=2 * LONG_MS / 1000)
    task = asyncio.create_task(throttle.acquire(call))
    await asyncio.sleep(0)  # lets it join the queue
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("call", [ORDER, READ])
async def test_nobody_passes_those_who_wait_for_the_same(store: Store, venue: VenueName, call: Call) -> None:
    async with limiter_of(store, venue, 2) as limiter, waiting(limiter, store, call):
        assert passage_of(limiter) is None


async def test_nobody_passes_those_who_are_more_urgent(store: Store, venue: VenueName) -> None:
    async with limiter_of(store, venue, 2) as limiter, waiting(limiter, store, CANCEL):
        assert passage_of(limiter) is None


async def test_who_waits_elsewhere_and_is_less_urgent_holds_nobody_up(store: Store, venue: VenueName) -> None:
    elsewhere = Call("positions", CallKind.ACCOUNT_READ, "cancel")
    async with limiter_of(store, venue, 2) as limiter, waiting(limiter, store, elsewhere):
        assert passage_of(limiter) is not None


async def test_while_redis_is_away_nobody_passes(venue: VenueName) -> None:
    with RedisProcess() as redis:
        async with Store.open(redis.url, timeout_s=0.2) as store, limiter_of(store, venue, 10) as limiter:
            assert passage_of(limiter) is not None
            redis.kill()

            async def is_down() -> bool:
                return not store.is_up

            await eventually(is_down)
            assert passage_of(limiter) is None


async def test_nobody_passes_the_more_urgent_who_wait_on_another_replica(store: Store, venue: VenueName) -> None:
    """What comes back is theirs by what they have claimed, whoever asks first."""
    rule = keys.limit_rule(venue, LimitScope.ACCOUNT, ACCOUNT, "account")

    async def is_claimed() -> bool:
        return bool(await store.command("HEXISTS", rule, "q"))

    async with limiter_of(store, venue, 3) as one, limiter_of(store, venue, 3) as other:
        first, second = await passed(other, store), await passed(other, store)
        assert first is not None
        assert second is not None
        waiting = asyncio.create_task(one.throttle(client="bot", account=ACCOUNT, max_wait_s=120).acquire(ORDER))
        await eventually(is_claimed)
        first.leave()
        await until_left(other, 2)
        assert await passed(other, store, READ) is None
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def test_one_that_passed_has_had_its_turn() -> None:
    line: Line[str] = Line()
    line.pass_by("busy", 1)
    for client in ("busy", "quiet"):
        line.add(Waiter(client, 1, CallKind.ORDER, (1,), 100.0, client))
    assert [waiter.ticket for _, _, waiter in line.ordered] == ["quiet", "busy"]
