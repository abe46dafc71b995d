"""The short way of an order: claim, spending and begin_send in one trip, and no faster than its turn."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.limiter import LimiterSettings, Passage
from gateway.orders.record import State
from gateway.orders.records import Admission, Claim
from gateway.store.scripts import Script
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, limit_order, replica, until
from tests.gateway.orders.test_sending import raising, refused, until_up
from tests.redis_process import RedisProcess, eventually

CONTENT = b"\x00" * 32


async def admit(
    on: Replica, client_order_id: str = "one", *, nonce: str = "a", content: bytes = CONTENT, **changes: Any
) -> tuple[Admission, Passage]:
    """The script alone, with a passage of its own."""
    _, _, intents = on.placing.check(BOT, limit_order(client_order_id))
    passage = on.account.passage("bot")
    assert passage is not None
    admission = await on.records.admit(
        [changed(intent, **changes) for intent in intents],
        passage,
        nonce=nonce,
        content=content,
        claim_lease_ms=60_000,
        clock_difference_ms=5_000,
        window_ms=2_000,
        lease_ms=60_000,
    )
    return admission, passage


async def left(on: Replica) -> int:
    """Units of the account's rule."""
    return next(rule.remaining for rule in await on.limiter.status(account=ACCOUNT) if rule.name == "account")


async def stored(on: Replica) -> dict[bytes, object]:
    """All that is kept of the venue's orders and limits."""
    found: dict[bytes, object] = {}
    for name in sorted(await on.store.command("KEYS", f"cg:{{{on.venue}}}:*")):
        kind = await on.store.command("TYPE", name)
        reads = {b"hash": ("HGETALL", name), b"zset": ("ZRANGE", name, 0, -1, "WITHSCORES"), b"string": ("GET", name)}
        if b"limit:replicas" not in name and kind in reads:
            found[name] = await on.store.command(*reads[bytes(kind)])
    return found


# --- the script


async def test_an_admitted_order_is_claimed_paid_for_and_timed_at_once(one: Replica) -> None:
    before = await left(one)
    admission, passage = await admit(one)
    record = await one.known()
    assert (admission.claimed.claim, admission.claimed.order_id) == (Claim.CLAIMED, record.intent.order_id)
    assert (record.state, record.version, record.nonce) == (State.SENT, 2, "a")
    assert admission.leave is not None
    assert admission.leave.send_ms == record.send_ms == record.created_ms + 5_000
    assert record.window_ms == 2_000
    assert admission.spent is not None
    grant = passage.answered(admission.spent)
    assert grant is not None
    assert grant.tightest is not None
    assert await left(one) == before - 1
    grant.leave()
    await eventually(lambda: is_left(one, before))


async def is_left(on: Replica, units: int) -> bool:
    return await left(on) == units


async def test_admitting_twice_gives_the_same_time_and_spends_once(one: Replica) -> None:
    first, _ = await admit(one)
    before = await stored(one)
    second, _ = await admit(one)
    assert (second.claimed, second.leave) == (first.claimed, first.leave)
    assert second.spent is None
    assert await stored(one) == before


@pytest.mark.parametrize(
    ("again", "claim"),
    [
        ({"nonce": "b"}, Claim.EXISTS),
        ({"nonce": "b", "content": b"\x01" * 32}, Claim.CONFLICT),
        ({"client_order_id": "late", "valid_until_ms": 1}, Claim.EXPIRED),
    ],
)
async def test_what_is_not_claimed_spends_nothing_and_changes_nothing(
    one: Replica, again: dict[str, Any], claim: Claim
) -> None:
    await admit(one)
    before = await stored(one)
    admission, _ = await admit(one, **again)
    assert (admission.claimed.claim, admission.leave, admission.spent) == (claim, None, None)
    assert await stored(one) == before


async def test_a_claim_given_up_meanwhile_is_not_sent_by_a_second_run(one: Replica) -> None:
    await admit(one)
    record = await one.known()
    await one.abandon(record)
    one.exchange.hidden |= {"resting", "history", "fills"}
    await one.sweep.once()
    before = await left(one)
    admission, _ = await admit(one)
    assert admission.leave is not None
    assert (admission.leave.send_ms, admission.spent) == (None, None)
    assert await left(one) == before


@pytest.fixture
async def narrow(orders_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    """There is one unit for orders, and one in reserve for cancels."""
    exchange.limit, exchange.period_ms = 2, 600
    async with replica(orders_redis.url, exchange) as running:
        yield running


async def test_without_units_it_is_only_claimed_and_a_second_run_may_go_on(narrow: Replica) -> None:
    await narrow.placing.place(BOT, limit_order("first"))
    admission, passage = await admit(narrow)
    assert (admission.claimed.claim, admission.leave) == (Claim.CLAIMED, None)
    assert admission.spent is not None
    assert passage.answered(admission.spent) is None
    assert (await narrow.known()).state is State.CLAIMED

    async def is_admitted() -> bool:
        return (await admit(narrow))[0].leave is not None

    await eventually(is_admitted)
    assert (await narrow.known()).state is State.SENT


# --- the order's way


@pytest.mark.parametrize(
    ("needs_log_in", "scripts"), [(False, ["admit", "update"]), (True, ["claim", "spend", "begin_send", "update"])]
)
async def test_an_order_takes_two_trips_where_it_need_not_wait_and_four_where_it_must(
    orders_redis: RedisProcess, exchange: Exchange, needs_log_in: bool, scripts: list[str]
) -> None:
    exchange.needs_log_in = needs_log_in
    async with replica(orders_redis.url, exchange) as on:
        run, called = on.store.run, list[str]()

        def noted(script: Script, *operands: Any, **_: Any) -> Any:
            called.append(script.name)
            return run(script, *operands)

        on.store.run = noted  # type: ignore[method-assign]
        await on.placing.place(BOT, limit_order())
        assert [name for name in called if name in scripts] == scripts


async def test_an_order_that_nobody_is_before_is_admitted_with_its_claim(one: Replica) -> None:
    states: list[State] = []

    async def look() -> None:
        states.append((await one.known()).state)

    one.exchange.before_begin_send = look
    record = (await one.placing.place(BOT, limit_order())).record
    [arrival] = one.exchange.arrivals
    assert states == [State.SENT]
    assert arrival.send_time.timestamp_ms == record.send_ms == (await one.known()).send_ms
    assert arrival.send_time.window_ms == record.window_ms == (await one.known()).window_ms
    assert (record.state, record.version) == (State.LIVE, (await one.known()).version)


@pytest.mark.usefixtures("the_long_way")
async def test_an_order_that_takes_a_login_first_is_claimed_before(one: Replica) -> None:
    states: list[State] = []

    async def look() -> None:
        states.append((await one.known()).state)

    one.exchange.before_begin_send = look
    assert (await one.placing.place(BOT, limit_order())).record.state is State.LIVE
    assert states == [State.CLAIMED]


async def test_one_id_on_two_replicas_at_once_is_one_order(one: Replica, other: Replica) -> None:
    placed = await asyncio.gather(*(on.placing.place(BOT, limit_order()) for on in (one, other, one, other)))
    assert sorted(one.is_new for one in placed) == [False, False, False, True]
    assert len({one.record.intent.order_id for one in placed}) == len(one.exchange.arrivals) == 1


async def test_as_many_orders_as_there_are_units_go_and_the_others_wait(narrow: Replica) -> None:
    results = await asyncio.gather(
        *(narrow.placing.place(BOT, limit_order(str(number), max_wait_s=0)) for number in range(4)),
        return_exceptions=True,
    )
    refusals = [one for one in results if isinstance(one, Refusal)]
    assert {(one.code, one.outcome) for one in refusals} == {(Code.RATE_LIMIT_EXCEEDED, Outcome.NOT_SENT)}
    assert (len(refusals), len(narrow.exchange.arrivals)) == (3, 1)
    assert (await narrow.placing.place(BOT, limit_order("5", max_wait_s=5))).is_new


async def test_an_order_does_not_overtake_one_that_waits(narrow: Replica) -> None:
    await narrow.placing.place(BOT, limit_order("first"))
    waiting = asyncio.create_task(narrow.placing.place(BOT, limit_order("second", max_wait_s=5)))
    await until(lambda: narrow.account.passage("bot") is None)
    assert (await narrow.placing.place(BOT, limit_order("third", max_wait_s=5))).is_new
    assert waiting.done()
    assert (await waiting).is_new


async def test_units_of_an_order_that_never_left_come_back(one: Replica) -> None:
    before = await left(one)
    one.exchange.before_begin_send = raising(ZeroDivisionError())  # the adapter has the grant and does not use it
    with pytest.raises(ZeroDivisionError):
        await one.placing.place(BOT, limit_order())
    await eventually(lambda: is_left(one, before))


QUICK_GRANTS = LimiterSettings(assume_unspent=True, grant_life_s=0.05)


async def outlive_the_grant() -> None:
    given_s = time.monotonic()
    await until(lambda: time.monotonic() > given_s + QUICK_GRANTS.grant_life_s)


async def test_an_adapter_that_dawdles_asks_again_whether_the_order_is_still_ours(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    async with replica(orders_redis.url, exchange, limiter_settings=QUICK_GRANTS) as on:

        async def dawdle() -> None:
            exchange.hidden |= {"resting", "history", "fills"}
            await on.abandon(await on.known())
            await on.sweep.once()
            await outlive_the_grant()

        exchange.before_begin_send = dawdle
        refusal = await refused(on)
        assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
        assert exchange.arrivals == []


async def test_a_grant_that_ended_before_the_first_byte_is_asked_for_anew(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    async with replica(orders_redis.url, exchange, limiter_settings=QUICK_GRANTS) as on:
        outlived = list[bool]()

        async def nap() -> None:
            if not outlived:
                outlived.append(True)
                await outlive_the_grant()

        exchange.before_first_byte = nap
        record = (await on.placing.place(BOT, limit_order())).record
        [arrival] = exchange.arrivals
        assert arrival.send_time.timestamp_ms == record.send_ms == (await on.known()).send_ms


# --- Redis


@pytest.fixture
async def alone(tmp_path: Path, exchange: Exchange) -> AsyncIterator[tuple[Replica, RedisProcess]]:
    """On a Redis that may be killed, and that keeps what it was told."""
    with RedisProcess(tmp_path) as redis:
        async with replica(redis.url, exchange) as running:
            yield running, redis


async def test_an_admitted_order_goes_though_redis_dies_and_is_known_after(
    alone: tuple[Replica, RedisProcess],
) -> None:
    on, redis = alone

    async def die() -> None:
        redis.kill()

    on.exchange.before_begin_send = die
    assert (await on.placing.place(BOT, limit_order())).record.state is State.LIVE
    redis.start()
    await until_up(on.store)
    assert (await on.known()).state is State.SENT
    await on.abandon(await on.known())
    await on.sweep.once()
    assert (await on.known()).state is State.LIVE
    assert not (await on.placing.place(BOT, limit_order())).is_new
    assert len(on.exchange.arrivals) == 1


async def test_an_admission_that_is_not_heard_of_sends_nothing_and_frees_the_id(one: Replica) -> None:
    admit_it = one.records.admit

    async def unheard(*args: Any, **kwargs: Any) -> Admission:
        await admit_it(*args, **kwargs)
        raise StoreUnavailable("the answer was lost", may_have_run=True)

    one.records.admit = unheard  # type: ignore[method-assign]  # the one fault no real Redis makes on demand
    refusal = await refused(one)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
    assert await one.keys_of_orders() == set()
    one.records.admit = admit_it  # type: ignore[method-assign]
    assert (await one.placing.place(BOT, limit_order())).is_new
    assert len(one.exchange.arrivals) == 1
