"""Cancelling: safe to repeat, possible without the store, and never said to be under way when it is not."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest

from adapters.errors import InvalidRequest, NeverSent, NoAnswer, OutcomeUnknown, VenueError
from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.cancelling import NotCancellable
from gateway.orders.record import CancelState, OrderRecord, State
from gateway.settings import Scope
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import BOT, Replica, client, limit_order, market_order, replica
from tests.redis_process import RedisProcess


async def placed(on: Replica) -> OrderRecord:
    return (await on.placing.place(BOT, limit_order())).record


async def refused(on: Replica, order_id: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.cancelling.cancel(BOT, order_id)
    return caught.value


async def not_cancellable(on: Replica, order_id: str) -> OrderRecord:
    with pytest.raises(NotCancellable) as caught:
        await on.cancelling.cancel(BOT, order_id)
    return caught.value.record


async def test_a_resting_order_is_cancelled(one: Replica) -> None:
    order_id = (await placed(one)).intent.order_id
    record = await one.cancelling.cancel(BOT, order_id)
    assert (record.state, record.result.status, record.result.cancel) == (
        State.DONE,
        OrderStatus.CANCELLED,
        CancelState.DONE,
    )
    assert (await one.known()).result == record.result


async def test_a_cancel_may_be_repeated(one: Replica, other: Replica) -> None:
    order_id = (await placed(one)).intent.order_id
    first = await one.cancelling.cancel(BOT, order_id)
    again = await other.cancelling.cancel(BOT, order_id)
    assert again.result == first.result
    assert one.exchange.cancels == 1


async def test_many_cancels_at_once_cancel_one_order(one: Replica, other: Replica) -> None:
    order_id = (await placed(one)).intent.order_id
    records = await asyncio.gather(*(on.cancelling.cancel(BOT, order_id) for on in (one, other) for _ in range(5)))
    assert {record.result.status for record in records} == {OrderStatus.CANCELLED}


async def test_a_cancel_the_venue_took_and_has_not_done_is_on_its_way(one: Replica) -> None:
    one.exchange.cancels_take_time = True
    order_id = (await placed(one)).intent.order_id
    record = await one.cancelling.cancel(BOT, order_id)
    assert (record.state, record.result.status, record.result.cancel) == (
        State.LIVE,
        OrderStatus.PENDING,
        CancelState.REQUESTED,
    )
    found, _ = await one.finding.get(BOT, order_id)
    assert (found.state, found.result.cancel) == (State.DONE, CancelState.DONE)


@pytest.mark.parametrize("cancels_take_time", [False, True])
async def test_a_cancel_is_told_also_if_the_stream_told_the_orders_end_first(
    one: Replica, other: Replica, cancels_take_time: bool
) -> None:
    record = await placed(one)

    async def the_stream_is_faster() -> None:
        [order] = one.exchange.of(record.intent.venue_client_id)
        ended = await other.settling.seen(record, order, "stream")
        assert (ended.state, ended.result.cancel) == (State.DONE, None)

    one.exchange.cancels_take_time = cancels_take_time
    one.exchange.before_cancel_answer = the_stream_is_faster
    cancelled = await one.cancelling.cancel(BOT, record.intent.order_id)
    assert (cancelled.state, cancelled.result.cancel) == (State.DONE, CancelState.DONE)
    assert (await one.known()).result == cancelled.result


async def test_a_filled_order_cannot_be_cancelled(one: Replica) -> None:
    order_id = (await one.placing.place(BOT, market_order())).record.intent.order_id
    assert (await not_cancellable(one, order_id)).result.status is OrderStatus.FILLED
    assert one.exchange.cancels == 0


async def test_an_order_that_filled_unseen_cannot_be_cancelled(one: Replica) -> None:
    record = await placed(one)
    one.exchange.change(record.intent.venue_client_id, status=OrderStatus.FILLED, filled_quantity=Decimal(1))
    ended = await not_cancellable(one, record.intent.order_id)
    assert (ended.state, ended.result.status) == (State.DONE, OrderStatus.FILLED)


async def test_an_order_cancelled_by_others_counts_as_cancelled(one: Replica) -> None:
    record = await placed(one)
    one.exchange.change(record.intent.venue_client_id, status=OrderStatus.CANCELLED)
    assert (await one.cancelling.cancel(BOT, record.intent.order_id)).result.status is OrderStatus.CANCELLED


async def test_a_cancel_of_an_order_still_on_its_way_is_not_said_to_be_under_way(one: Replica) -> None:
    sent, answer = asyncio.Event(), asyncio.Event()

    async def travel() -> None:
        sent.set()
        await answer.wait()

    one.exchange.on_arrival = travel
    placing = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await sent.wait()
    order_id = (await one.known()).intent.order_id
    assert (await not_cancellable(one, order_id)).state is State.SENT
    answer.set()
    assert (await placing).record.state is State.LIVE
    assert (await one.cancelling.cancel(BOT, order_id)).result.status is OrderStatus.CANCELLED


async def test_a_cancel_of_an_order_nobody_finds_is_not_said_to_be_under_way(one: Replica) -> None:
    async def lose() -> None:
        raise OutcomeUnknown(one.venue, "no answer")

    one.exchange.on_arrival = lose
    record = await placed(one)
    assert (await not_cancellable(one, record.intent.order_id)).state is State.UNKNOWN


@pytest.mark.parametrize("error", [NoAnswer, NeverSent])
async def test_a_look_after_the_venues_no_that_fails_does_not_deny_the_cancel(
    one: Replica, error: type[VenueError]
) -> None:
    """The cancel reached the venue; that its order could not be looked for afterwards is another matter."""
    record = await placed(one)
    one.exchange.change(record.intent.venue_client_id, status=OrderStatus.FILLED, filled_quantity=Decimal(1))

    async def fail(_source: str) -> None:
        raise error(one.venue, "the histories are down")

    one.exchange.on_read = fail
    assert (await not_cancellable(one, record.intent.order_id)).state is State.LIVE


async def test_a_look_without_budget_does_not_say_that_the_cancel_was_not_sent(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    exchange.limit, exchange.period_ms = 3, 60_000
    async with replica(orders_redis.url, exchange) as narrow:
        record = await placed(narrow)
        exchange.change(record.intent.venue_client_id, status=OrderStatus.FILLED, filled_quantity=Decimal(1))
        await exchange.read("balances", narrow.account.throttle("other", 0))
        assert (await not_cancellable(narrow, record.intent.order_id)).state is State.LIVE
        assert exchange.cancels == 1


async def test_a_cancel_without_budget_was_not_sent(orders_redis: RedisProcess, exchange: Exchange) -> None:
    exchange.limit, exchange.period_ms = 2, 60_000
    async with replica(orders_redis.url, exchange) as narrow:
        order_id = (await placed(narrow)).intent.order_id
        await narrow.cancelling.cancel(BOT, order_id)
        await narrow.store.command("DEL", f"cg:{{{exchange.name}}}:order:record:{order_id}")
        refusal = await refused(narrow, order_id)
        assert (refusal.code, refusal.outcome) == (Code.RATE_LIMIT_EXCEEDED, Outcome.NOT_SENT)
        assert exchange.cancels == 1


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [
        (OutcomeUnknown, Code.VENUE_TIMEOUT, Outcome.UNKNOWN),
        (NeverSent, Code.VENUE_UNAVAILABLE, Outcome.NOT_SENT),
        (InvalidRequest, Code.ORDER_REJECTED, Outcome.REJECTED),
    ],
)
async def test_what_became_of_a_cancel_that_failed_is_said(
    one: Replica, error: type[VenueError], code: Code, outcome: Outcome
) -> None:
    order_id = (await placed(one)).intent.order_id

    async def fail() -> None:
        raise error(one.venue, "no")

    one.exchange.before_cancel = fail
    refusal = await refused(one, order_id)
    assert (refusal.code, refusal.outcome) == (code, outcome)
    assert (await one.known()).result.cancel is None


async def test_a_foreign_order_is_not_there_and_is_not_cancelled(one: Replica) -> None:
    order_id = (await placed(one)).intent.order_id
    for who in (client("other"), client("bot", Scope.CANCEL, accounts=())):
        with pytest.raises(Refusal) as caught:
            await one.cancelling.cancel(who, order_id)
        assert caught.value.code is Code.ORDER_NOT_FOUND
    assert one.exchange.cancels == 0


# --- without the store


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest.fixture
async def alone(own_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    async with replica(own_redis.url, exchange) as running:
        yield running


async def test_the_id_suffices_to_cancel(alone: Replica, own_redis: RedisProcess) -> None:
    record = await placed(alone)
    own_redis.kill()
    cancelled = await alone.cancelling.cancel(BOT, record.intent.order_id)
    assert cancelled.result.status is OrderStatus.CANCELLED
    assert (cancelled.intent.account, cancelled.intent.symbol, cancelled.intent.price) == (
        record.intent.account,
        record.intent.symbol,
        record.intent.price,
    )
    assert alone.exchange.resting() == []


async def test_without_a_record_nothing_is_claimed_of_an_order_that_does_not_rest(
    alone: Replica, own_redis: RedisProcess
) -> None:
    order_id = (await alone.placing.place(BOT, market_order())).record.intent.order_id
    own_redis.kill()
    refusal = await refused(alone, order_id)
    assert (refusal.code, refusal.outcome) == (Code.ORDER_NOT_FOUND, Outcome.REJECTED)


async def test_a_cancel_under_way_without_the_store_says_that_its_end_is_not_known(
    alone: Replica, own_redis: RedisProcess
) -> None:
    order_id = (await placed(alone)).intent.order_id
    alone.exchange.cancels_take_time = True
    own_redis.kill()
    refusal = await refused(alone, order_id)
    assert (refusal.code, refusal.outcome) == (Code.STORE_UNAVAILABLE, Outcome.UNKNOWN)
    assert alone.exchange.cancels == 1


async def test_redis_dying_during_a_cancel_hides_no_answer(alone: Replica, own_redis: RedisProcess) -> None:
    order_id = (await placed(alone)).intent.order_id

    async def die() -> None:
        own_redis.kill()

    alone.exchange.before_cancel = die
    assert (await alone.cancelling.cancel(BOT, order_id)).result.status is OrderStatus.CANCELLED
