"""Sending: what is certain is said, what is not is called unknown, and no fault makes a second order of one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import (
    DefiniteNo,
    GrantExpired,
    InsufficientBalance,
    InvalidRequest,
    NeverSent,
    NoAnswer,
    NotSupported,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    VenueClosed,
    VenueError,
    VenueProtocolError,
    WouldTake,
)
from adapters.models import OrderStatus, VenueName
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders.record import State
from gateway.store.client import Store
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import BOT, Replica, limit_order, replica, until
from tests.redis_process import RedisProcess, eventually

V = VenueName("v")


def raising(*errors: BaseException | None) -> Callable[[], Any]:
    """A hook that raises each of `errors` in turn (None: does nothing), then nothing any more."""
    left = list(errors)

    async def hook() -> None:
        if left and (error := left.pop(0)) is not None:
            raise error

    return hook


async def refused(on: Replica, order: Any = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.placing.place(BOT, order or limit_order())
    return caught.value


# --- what the venue says


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (InsufficientBalance(V, "too little", venue_code="INSUFFICIENT_FUNDS"), Code.INSUFFICIENT_BALANCE, None),
        (InvalidRequest(V, "bad", venue_code="INVALID_ORDER"), Code.ORDER_REJECTED, None),
        (DefiniteNo(V, "no", venue_code="ORDER_LIMIT"), Code.ORDER_REJECTED, None),
        (RateLimited(V, "slow down", retry_after_s=3), Code.RATE_LIMIT_EXCEEDED, None),
        (VenueClosed(V, "maintenance"), Code.VENUE_UNAVAILABLE, None),
    ],
)
async def test_the_venues_no_is_final_and_kept(one: Replica, error: DefiniteNo, code: Code, reason: None) -> None:
    one.exchange.on_arrival = raising(error)
    record = (await one.placing.place(BOT, limit_order())).record
    assert (record.state, record.result.status) == (State.DONE, OrderStatus.REJECTED)
    assert record.result.refusal is not None
    assert (record.result.refusal.code, record.result.refusal.venue_code) == (code, error.venue_code)
    again = await one.placing.place(BOT, limit_order())
    assert (again.is_new, again.record.result) == (False, record.result)
    assert len(one.exchange.arrivals) == 1


async def test_a_post_only_order_that_would_take_is_rejected_and_no_error(one: Replica) -> None:
    one.exchange.on_arrival = raising(WouldTake(V, "would take"))
    record = (await one.placing.place(BOT, limit_order())).record
    assert (record.state, record.result.reason, record.result.refusal) == (State.DONE, "POST_ONLY_WOULD_TAKE", None)


@pytest.mark.parametrize("error", [OutcomeUnknown(V, "no answer"), VenueProtocolError(V, "not JSON")])
@pytest.mark.parametrize("moment", ["on_arrival", "before_answer"])
async def test_silence_is_unknown_and_is_not_sent_again(one: Replica, error: VenueError, moment: str) -> None:
    setattr(one.exchange, moment, raising(error))
    record = (await one.placing.place(BOT, limit_order())).record
    assert (record.state, record.result.status, record.result.unknown_cause) == (State.UNKNOWN, None, error.message)
    again = await one.placing.place(BOT, limit_order())
    assert (again.is_new, again.record.state) == (False, State.UNKNOWN)
    assert len(one.exchange.arrivals) == 1


async def test_a_venue_that_breaks_its_contract_leaves_the_order_to_be_settled(one: Replica) -> None:
    one.exchange.before_answer = raising(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await one.placing.place(BOT, limit_order())
    await one.abandon(await one.known())
    await one.sweep.once()
    assert (await one.known()).state is State.LIVE
    assert len(one.exchange.arrivals) == 1


async def test_a_read_error_after_the_send_is_unknown_too(one: Replica) -> None:
    """No adapter should say so of a write; if one does, nothing may be concluded."""
    one.exchange.before_answer = raising(NoAnswer(V, "no answer"))
    assert (await one.placing.place(BOT, limit_order())).record.state is State.UNKNOWN


# --- what never left


@pytest.mark.parametrize(
    "error",
    [
        Unauthorized(V, "the login was refused"),
        RateLimited(V, "too many logins"),
        NoAnswer(V, "the login was not answered"),
        OutcomeUnknown(V, "the login was not answered"),
        VenueProtocolError(V, "the login was answered with nonsense"),
        NotSupported(V, "no such thing"),
    ],
)
async def test_whatever_goes_wrong_before_the_send_time_is_fixed_frees_the_id(one: Replica, error: VenueError) -> None:
    one.exchange.before_begin_send = raising(error)
    assert (await refused(one)).outcome is Outcome.NOT_SENT
    assert await one.keys_of_orders() == set()
    assert (await one.placing.place(BOT, limit_order())).is_new
    assert len(one.exchange.arrivals) == 1


@pytest.mark.parametrize("moment", ["before_begin_send", "before_first_byte"])
async def test_what_never_left_frees_the_id(one: Replica, moment: str) -> None:
    setattr(one.exchange, moment, raising(NeverSent(V, "connection refused")))
    refusal = await refused(one)
    assert (refusal.code, refusal.outcome) == (Code.VENUE_UNAVAILABLE, Outcome.NOT_SENT)
    assert await one.keys_of_orders() == set()
    assert (await one.placing.place(BOT, limit_order(price=Decimal(99)))).is_new
    assert len(one.exchange.arrivals) == 1


async def test_a_grant_that_expired_is_asked_for_again_and_the_send_time_stays(one: Replica) -> None:
    one.exchange.before_first_byte = raising(GrantExpired(V, "too old"))
    record = (await one.placing.place(BOT, limit_order())).record
    [arrival] = one.exchange.arrivals
    assert arrival.send_time.timestamp_ms == record.send_ms == (await one.known()).send_ms
    assert record.state is State.LIVE


async def test_a_second_expired_grant_gives_the_order_up(one: Replica) -> None:
    one.exchange.before_first_byte = raising(GrantExpired(V, "too old"), GrantExpired(V, "too old"))
    refusal = await refused(one)
    assert (refusal.code, refusal.outcome) == (Code.VENUE_UNAVAILABLE, Outcome.NOT_SENT)
    assert one.exchange.arrivals == []
    assert await one.keys_of_orders() == set()


async def test_no_budget_frees_the_id(orders_redis: RedisProcess, exchange: Exchange) -> None:
    exchange.limit, exchange.period_ms = 2, 600  # one for orders, one in reserve for cancels
    async with replica(orders_redis.url, exchange) as narrow:
        await narrow.placing.place(BOT, limit_order("first"))
        refusal = await refused(narrow, limit_order("second", max_wait_s=0))
        assert (refusal.code, refusal.outcome) == (Code.RATE_LIMIT_EXCEEDED, Outcome.NOT_SENT)
        assert await narrow.record("second") is None
        assert (await narrow.placing.place(BOT, limit_order("second", max_wait_s=3))).is_new
    assert len(exchange.arrivals) == 2


async def test_a_claim_that_waits_for_budget_is_not_taken_for_dead(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    """The wait is longer than the lease of a replica that says nothing."""
    exchange.limit, exchange.period_ms = 2, 900
    async with replica(orders_redis.url, exchange) as narrow:
        await narrow.placing.place(BOT, limit_order("first"))
        waiting = asyncio.create_task(narrow.placing.place(BOT, limit_order("second", max_wait_s=3)))
        while not waiting.done():
            await narrow.sweep.once()
            await asyncio.sleep(0.01)
        assert waiting.result().is_new
    assert len(exchange.arrivals) == 2


async def test_an_order_waits_no_longer_than_it_is_valid(orders_redis: RedisProcess, exchange: Exchange) -> None:
    exchange.limit, exchange.period_ms = 2, 60_000
    async with replica(orders_redis.url, exchange) as narrow:
        await narrow.placing.place(BOT, limit_order("first"))
        late = limit_order("second", max_wait_s=60, valid_until_ms=exchange.now_ms + 200)
        async with asyncio.timeout(2):
            refusal = await refused(narrow, late)
        assert refusal.outcome is Outcome.NOT_SENT
        assert await narrow.record("second") is None


@pytest.mark.usefixtures("the_long_way")
async def test_an_order_that_grew_too_old_in_the_queue_is_not_sent(one: Replica) -> None:
    soon_ms = one.exchange.now_ms + 150

    async def wait() -> None:
        await until(lambda: one.exchange.now_ms > soon_ms)

    one.exchange.before_begin_send = wait
    refusal = await refused(one, limit_order(valid_until_ms=soon_ms))
    assert (refusal.code, refusal.outcome) == (Code.VALID_UNTIL_PASSED, Outcome.NOT_SENT)
    assert one.exchange.arrivals == []
    assert await one.keys_of_orders() == set()


# --- replicas that are too slow, or die


@pytest.mark.usefixtures("the_long_way")
async def test_a_claim_taken_over_while_its_holder_slept_is_never_sent(one: Replica, other: Replica) -> None:
    async def sleep_through_the_lease() -> None:
        await other.abandon(await other.known())
        await other.sweep.once()

    one.exchange.before_begin_send = sleep_through_the_lease
    refusal = await refused(one)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
    assert one.exchange.arrivals == []
    assert await one.record() is None


@pytest.mark.usefixtures("the_long_way")
@pytest.mark.parametrize("is_sent_by_now", [True, False])
async def test_a_holder_that_slept_does_not_free_the_id_its_successor_claimed(
    one: Replica, other: Replica, is_sent_by_now: bool
) -> None:
    """The retry stands under the same order id; freeing it would let a third order out beside the second."""
    second: asyncio.Task[Any] | None = None
    sent, may_answer = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        sent.set()
        await may_answer.wait()

    async def sleep_through_the_lease() -> None:
        nonlocal second
        other.exchange.before_begin_send = hold if not is_sent_by_now else raising()
        if is_sent_by_now:
            other.exchange.before_answer = hold
        await other.abandon(await other.known())
        await other.sweep.once()
        second = asyncio.create_task(other.placing.place(BOT, limit_order()))
        await sent.wait()

    one.exchange.before_begin_send = sleep_through_the_lease
    assert (await refused(one)).outcome is Outcome.NOT_SENT
    assert (await other.known()).state is (State.SENT if is_sent_by_now else State.CLAIMED)
    may_answer.set()
    assert second is not None
    assert (await second).record.state is State.LIVE
    assert not (await one.placing.place(BOT, limit_order())).is_new
    assert len(one.exchange.arrivals) == 1


@pytest.mark.usefixtures("the_long_way")
async def test_a_replica_that_died_after_its_claim_leaves_the_id_free(one: Replica, orders_redis: RedisProcess) -> None:
    gate = asyncio.Event()

    async def never() -> None:
        gate.set()
        await asyncio.Event().wait()

    one.exchange.before_begin_send = never
    async with replica(orders_redis.url, one.exchange, name="doomed") as doomed:
        call = asyncio.create_task(doomed.placing.place(BOT, limit_order()))
        await gate.wait()
        await doomed.in_flight.drain(0)
        with pytest.raises(asyncio.CancelledError):
            await call
    one.exchange.before_begin_send = raising()
    retry = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await one.abandon(await one.known())
    await one.sweep.once()
    assert (await retry).is_new
    assert len(one.exchange.arrivals) == 1


async def test_a_replica_that_died_over_its_send_leaves_an_unknown_order(
    one: Replica, orders_redis: RedisProcess
) -> None:
    gate = asyncio.Event()

    async def never() -> None:
        gate.set()
        await asyncio.Event().wait()

    one.exchange.before_answer = never
    async with replica(orders_redis.url, one.exchange, name="doomed") as doomed:
        call = asyncio.create_task(doomed.placing.place(BOT, limit_order()))
        await gate.wait()
        await doomed.in_flight.drain(0)
        with pytest.raises(asyncio.CancelledError):
            await call
    one.exchange.hidden |= {"resting", "history"}
    await one.abandon(await one.known())
    await one.sweep.once()
    assert (await one.known()).state is State.UNKNOWN
    one.exchange.hidden.clear()
    await one.backdate(await one.known(), 0)
    await one.sweep.once()
    record = await one.known()
    assert (record.state, record.result.evidence) == (State.LIVE, "open orders")
    assert not (await one.placing.place(BOT, limit_order())).is_new
    assert len(one.exchange.arrivals) == 1


async def test_an_answer_after_the_takeover_settles_the_order(one: Replica, other: Replica) -> None:
    async def dawdle() -> None:
        one.exchange.hidden |= {"resting", "history"}
        await other.abandon(await other.known())
        await other.sweep.once()
        assert (await other.known()).state is State.UNKNOWN

    one.exchange.before_answer = dawdle
    assert (await one.placing.place(BOT, limit_order())).record.state is State.LIVE
    assert (await other.known()).state is State.LIVE


# --- Redis


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """One that a test may kill, and that keeps what it was told."""
    with RedisProcess(tmp_path) as redis:
        yield redis


@pytest.fixture
async def alone(own_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    async with replica(own_redis.url, exchange) as running:
        yield running


async def until_up(store: Store) -> None:
    async def is_up() -> bool:
        with contextlib.suppress(StoreUnavailable):
            await store.command("PING")
            return True
        return False

    await eventually(is_up)


async def test_without_redis_nothing_is_sent(alone: Replica, own_redis: RedisProcess) -> None:
    own_redis.kill()
    refusal = await refused(alone)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
    assert alone.exchange.arrivals == []


@pytest.mark.usefixtures("the_long_way")
async def test_redis_dying_between_claim_and_send_sends_nothing(alone: Replica, own_redis: RedisProcess) -> None:
    async def die() -> None:
        own_redis.kill()

    alone.exchange.before_begin_send = die
    refusal = await refused(alone)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
    assert alone.exchange.arrivals == []
    own_redis.start()
    await until_up(alone.store)
    alone.exchange.before_begin_send = raising()
    retry = asyncio.create_task(alone.placing.place(BOT, limit_order()))
    await alone.abandon(await alone.known())
    await alone.sweep.once()
    assert (await retry).is_new
    assert len(alone.exchange.arrivals) == 1


async def test_redis_dying_after_the_send_hides_no_answer_and_no_order(alone: Replica, own_redis: RedisProcess) -> None:
    async def die() -> None:
        own_redis.kill()

    alone.exchange.before_answer = die
    record = (await alone.placing.place(BOT, limit_order())).record
    assert (record.state, record.result.status) == (State.LIVE, OrderStatus.PENDING)
    own_redis.start()
    await until_up(alone.store)
    assert (await alone.known()).state is State.SENT
    await alone.abandon(await alone.known())
    await alone.sweep.once()
    assert (await alone.known()).state is State.LIVE
    assert not (await alone.placing.place(BOT, limit_order())).is_new
    assert len(alone.exchange.arrivals) == 1


@pytest.mark.usefixtures("the_long_way")
async def test_an_unheard_begin_send_sends_nothing_and_is_settled(alone: Replica, own_redis: RedisProcess) -> None:
    """Redis stands still: the script runs when everybody has given up on it."""

    async def stand_still() -> None:
        own_redis.pause()

    alone.exchange.before_begin_send = stand_still
    refusal = await refused(alone)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
    assert alone.exchange.arrivals == []
    own_redis.resume()
    await until_up(alone.store)
    alone.exchange.before_begin_send = raising()
    record = await alone.record()
    assert record is None or record.state in {State.CLAIMED, State.SENT}
    if record is not None:
        await alone.abandon(record)
        await alone.sweep.once()
    placed = (await alone.placing.place(BOT, limit_order())).record
    assert placed.state in {State.LIVE, State.UNKNOWN}
    assert len(alone.exchange.arrivals) == (1 if placed.state is State.LIVE else 0)


@pytest.mark.parametrize(
    "command",
    [
        ("CONFIG", "SET", "maxmemory", 1),
        ("CONFIG", "SET", "min-replicas-to-write", 1),
        ("REPLICAOF", "127.0.0.1", 1),
    ],
)
async def test_a_redis_that_cannot_write_lets_no_order_out_and_every_cancel(
    alone: Replica, command: tuple[str | int, ...]
) -> None:
    """Full, without its replicas, or one itself by now: it still reads, and that must not do."""
    resting = (await alone.placing.place(BOT, limit_order("before"))).record
    await alone.store.command(*command)
    refusal = await refused(alone)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
    assert len(alone.exchange.arrivals) == 1
    cancelled = await alone.cancelling.cancel(BOT, resting.intent.order_id)
    assert cancelled.result.status is OrderStatus.CANCELLED


@pytest.mark.usefixtures("the_long_way")
async def test_a_begin_send_whose_answer_is_lost_frees_the_id(orders_redis: RedisProcess, exchange: Exchange) -> None:
    async with replica(orders_redis.url, exchange) as on:
        begin_send = on.records.begin_send

        async def unheard(*args: Any, **kwargs: Any) -> Any:
            await begin_send(*args, **kwargs)
            raise StoreUnavailable("the answer was lost", may_have_run=True)

        on.records.begin_send = unheard  # type: ignore[method-assign]  # the one fault no real Redis makes on demand
        refusal = await refused(on)
        assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
        assert await on.keys_of_orders() == set()
        assert exchange.arrivals == []
