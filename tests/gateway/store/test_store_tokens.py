"""Venues' tokens: one login in the fleet, sealed in Redis, renewed ahead, never replaced by an older one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from adapters.contract import Token
from adapters.errors import NoAnswer
from adapters.models import AccountName, VenueName
from gateway.store import keys
from gateway.store import tokens as module
from gateway.store.client import Store
from gateway.store.scripts import Script
from gateway.store.tokens import AccountTokens, TokenVault
from tests.redis_process import RedisProcess

SEAL = bytes(range(32))
ACCOUNT = AccountName("main")
HOUR_US = 3_600_000_000


class Clock:
    """The venue's clock, moved by hand."""

    def __init__(self) -> None:
        self.now_us = 1_700_000_000_000_000

    def venue_time_ms(self) -> int:
        return self.now_us // 1_000

    def time_us(self) -> int:
        return self.now_us

    def doubt(self) -> None: ...


class Logins:
    """The venue's side: every login gives another token."""

    def __init__(self, clock: Clock):
        self.count = 0
        self.fails = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self._clock = clock

    async def __call__(self) -> Token:
        self.started.set()
        await self.gate.wait()
        self.count += 1
        if self.fails:
            self.fails -= 1
            raise NoAnswer(VenueName("v"), "no answer to the login")
        return Token(f"secret-token-{self.count}", self._clock.now_us + HOUR_US, HOUR_US)


class Fleet:
    """Several replicas' caches of one account."""

    def __init__(self, replicas: list[AccountTokens], clock: Clock, venue: VenueName, store: Store):
        self.replicas = replicas
        self.clock = clock
        self.logins = Logins(clock)
        self.venue = venue
        self.store = store


@asynccontextmanager
async def fleet(url: str, size: int = 3, *, seal: bytes = SEAL) -> AsyncIterator[Fleet]:
    clock, venue = Clock(), VenueName(f"v-{uuid4().hex[:8]}")
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(Store.open(url)) for _ in range(size)]
        replicas = []
        for store in stores:
            vault = TokenVault(seal)
            vault.open(store)
            replicas.append(vault.cache(venue, ACCOUNT, clock))
        yield Fleet(replicas, clock, venue, stores[0])


@pytest.fixture
async def three(shared_redis: RedisProcess) -> AsyncIterator[Fleet]:
    async with fleet(shared_redis.url) as made:
        yield made


async def test_a_hundred_callers_on_three_replicas_make_one_login(three: Fleet) -> None:
    calls = [replica.get(three.logins) for replica in three.replicas for _ in range(100)]
    assert set(await asyncio.gather(*calls)) == {"secret-token-1"}
    assert three.logins.count == 1


async def test_each_expiry_costs_one_more_login(three: Fleet) -> None:
    for expiry in range(1, 4):
        calls = [replica.get(three.logins) for replica in three.replicas for _ in range(20)]
        assert set(await asyncio.gather(*calls)) == {f"secret-token-{expiry}"}
        assert three.logins.count == expiry
        three.clock.now_us += HOUR_US


async def test_a_token_about_to_end_is_not_used_any_more(three: Fleet) -> None:
    replica = three.replicas[0]
    await replica.get(three.logins)
    three.clock.now_us += HOUR_US - 9_000_000
    assert await replica.get(three.logins) == "secret-token-2"


async def test_the_death_of_whoever_logs_in_hands_the_login_on(three: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of the dead one lapses; the others' calls go through with one login more."""
    monkeypatch.setattr(module, "LEASE_MS", 300)
    dying, *others = three.replicas
    three.logins.gate.clear()
    first = asyncio.create_task(dying.get(three.logins))
    await three.logins.started.wait()
    assert dying._refreshing is not None
    # A killed process cannot release its lease either.
    monkeypatch.setattr(module, "_RELEASE", Script("nothing", "return 0"))
    dying._refreshing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    three.logins.gate.set()
    assert set(await asyncio.gather(*(other.get(three.logins) for other in others))) == {"secret-token-1"}
    assert three.logins.count == 1


async def test_a_caller_that_leaves_does_not_end_the_login_of_the_others(three: Fleet) -> None:
    replica = three.replicas[0]
    three.logins.gate.clear()
    leaving = asyncio.create_task(replica.get(three.logins))
    staying = asyncio.create_task(replica.get(three.logins))
    await three.logins.started.wait()
    leaving.cancel()
    three.logins.gate.set()
    assert await staying == "secret-token-1"


async def test_a_refused_token_is_replaced_once_for_all(three: Fleet) -> None:
    await asyncio.gather(*(replica.get(three.logins) for replica in three.replicas))
    for replica in three.replicas:
        await replica.refused("secret-token-1")
    calls = [replica.get(three.logins) for replica in three.replicas for _ in range(20)]
    assert set(await asyncio.gather(*calls)) == {"secret-token-2"}
    assert three.logins.count == 2


async def test_a_refusal_of_a_token_that_was_replaced_meanwhile_changes_nothing(three: Fleet) -> None:
    one, other, _ = three.replicas
    await one.get(three.logins)
    await one.refused("secret-token-1")
    await one.get(three.logins)
    assert await other.get(three.logins) == "secret-token-2"
    await other.refused("secret-token-1")
    assert await other.get(three.logins) == "secret-token-2"
    assert three.logins.count == 2


async def test_a_failed_login_is_told_to_those_who_waited_and_the_next_call_tries_again(three: Fleet) -> None:
    three.logins.fails = 1
    failed: dict[str, str] = {"venue": three.replicas[0]._venue}
    before = REGISTRY.get_sample_value("crossgate_token_failures_total", failed) or 0
    with pytest.raises(NoAnswer):
        await three.replicas[0].get(three.logins)
    assert REGISTRY.get_sample_value("crossgate_token_failures_total", failed) == before + 1
    assert await three.replicas[0].get(three.logins) == "secret-token-2"


async def test_renewal_comes_ahead_of_expiry_and_once_in_the_fleet(three: Fleet) -> None:
    await asyncio.gather(*(replica.get(three.logins) for replica in three.replicas))
    due_s = three.replicas[0].renew_in_s()
    assert 0.80 * 3600 <= due_s <= 0.90 * 3600
    await asyncio.gather(*(replica.renew(three.logins) for replica in three.replicas))
    assert three.logins.count == 1
    three.clock.now_us += round(due_s * 1e6) + 1_000
    assert three.replicas[0].renew_in_s() == 0
    await asyncio.gather(*(replica.renew(three.logins) for replica in three.replicas))
    await asyncio.gather(*(replica.renew(three.logins) for replica in three.replicas))  # those who were not first look
    assert three.logins.count == 2
    assert {await replica.get(three.logins) for replica in three.replicas} == {"secret-token-2"}


def test_accounts_are_renewed_at_different_times() -> None:
    vault, clock = TokenVault(SEAL), Clock()
    token = Token("t", clock.now_us + HOUR_US, HOUR_US)
    times = {vault.cache(VenueName("v"), AccountName(f"a{n}"), clock)._renew_at_us(token) for n in range(40)}
    assert len(times) == 40
    assert max(times) - min(times) > 0.05 * HOUR_US


async def test_redis_holds_no_token_in_clear_and_another_seal_opens_none(three: Fleet) -> None:
    await three.replicas[0].get(three.logins)
    fields = await three.store.command("HGETALL", keys.token(three.venue, ACCOUNT))
    assert b"secret-token" not in b"".join(fields.values())
    assert TokenVault(bytes(32)).unseal(fields[b"sealed"]) is None


async def test_an_older_token_never_overwrites_a_newer_one(three: Fleet) -> None:
    one, other, _ = three.replicas
    await one.get(three.logins)
    newer = await one._keep(Token("newer", three.clock.now_us + HOUR_US, HOUR_US), above=await one._read())
    older = await other._keep(Token("older", three.clock.now_us + HOUR_US, HOUR_US), above=None)
    assert (newer.token.value, older.token.value) == ("newer", "newer")


async def test_a_renewal_that_fails_leaves_the_token_in_use_until_its_end(three: Fleet) -> None:
    one = three.replicas[0]
    await one.get(three.logins)
    three.clock.now_us += round(one.renew_in_s() * 1e6) + 1_000
    three.logins.fails = 10
    with pytest.raises(NoAnswer):
        await one.renew(three.logins)
    assert {await replica.get(three.logins) for replica in three.replicas} == {"secret-token-1"}
    three.clock.now_us += HOUR_US // 5
    with pytest.raises(NoAnswer):
        await one.get(three.logins)


@pytest.mark.parametrize(
    ("field", "poison"),
    [
        ("sealed", b""),
        ("sealed", b"x"),
        ("sealed", b"secret-token-9"),
        ("sealed", bytes(200)),
        ("generation", b""),
        ("generation", b"x"),
    ],
)
async def test_a_token_that_somebody_else_wrote_is_not_used(three: Fleet, field: str, poison: bytes) -> None:
    one, other, _ = three.replicas
    await one.get(three.logins)
    await three.store.command("HSET", keys.token(three.venue, ACCOUNT), field, poison)
    assert await other.get(three.logins) == "secret-token-2"
    assert await one.get(three.logins) == "secret-token-1"


async def test_without_redis_a_replica_logs_in_for_itself() -> None:
    with RedisProcess() as redis:
        async with fleet(redis.url, 1) as alone:
            [replica] = alone.replicas
            redis.kill()
            assert await replica.get(alone.logins) == "secret-token-1"
            assert await replica.get(alone.logins) == "secret-token-1"
            assert alone.logins.count == 1


def test_a_token_does_not_show_itself() -> None:
    assert "hush" not in repr(Token("hush", 0, 0))
