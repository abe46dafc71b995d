"""Asking again: where an id is one order for ever, doubt is ended by the same bytes, and never in a second order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from adapters.contract import Deduplication
from adapters.errors import InvalidRequest, OutcomeUnknown
from adapters.models import OrderStatus, VenueName
from gateway.orders import lifecycle
from gateway.orders.asking_again import SOURCE
from gateway.orders.cancelling import NotCancellable
from gateway.orders.record import OrderRecord, State
from tests.gateway.orders.exchange import CAPABILITIES, Exchange, nothing
from tests.gateway.orders.replica import BOT, QUICK, Replica, limit_order, replica, until
from tests.gateway.orders.samples import INTENT
from tests.gateway.orders.test_sending import raising
from tests.redis_process import RedisProcess, eventually

V = VenueName("v")
LOST = OutcomeUnknown(V, "no usable answer")
WIDE = QUICK.model_copy(update={"window_ms": 5_000})


@pytest.fixture
async def one(orders_redis: RedisProcess) -> AsyncIterator[Replica]:
    """At a venue that takes an id for one order for ever."""
    exchange = Exchange(
        VenueName(f"v{uuid4().hex}"), capabilities=replace(CAPABILITIES, deduplication=Deduplication.FOREVER)
    )
    async with replica(orders_redis.url, exchange, settings=WIDE) as running:
        yield running


async def settled(on: Replica) -> None:
    async def is_settled() -> bool:
        return (await on.known()).state is not State.UNKNOWN

    await eventually(is_settled)


async def test_an_order_that_never_arrived_is_placed_by_the_same_bytes(one: Replica) -> None:
    one.exchange.on_arrival = raising(LOST)
    assert (await one.placing.place(BOT, limit_order())).record.state is State.UNKNOWN
    await settled(one)
    first, second = one.exchange.arrivals
    assert (first.body, first.send_time) == (second.body, second.send_time)
    [order] = one.exchange.orders.values()
    result = (await one.known()).result
    assert (result.venue_order_id, result.evidence) == (order.venue_order_id, SOURCE)


async def test_an_order_that_was_taken_is_shown_and_not_placed_again(one: Replica) -> None:
    one.exchange.before_answer = raising(LOST)
    await one.placing.place(BOT, limit_order())
    await settled(one)
    assert len(one.exchange.orders) == 1
    assert (await one.known()).result.status is OrderStatus.PENDING


async def test_a_refusal_of_the_second_leaves_the_first_unknown(one: Replica) -> None:
    one.exchange.on_arrival = raising(LOST, InvalidRequest(V, "too little", venue_code="X"))
    await one.placing.place(BOT, limit_order())
    await one.in_flight.drain(5)
    assert len(one.exchange.arrivals) == 2
    assert (await one.known()).state is State.UNKNOWN


async def test_an_order_that_was_called_off_is_not_sent_again(one: Replica) -> None:
    one.exchange.on_arrival = raising(LOST, LOST)
    placed = (await one.placing.place(BOT, limit_order())).record
    await until(lambda: len(one.exchange.arrivals) == 2)
    with pytest.raises(NotCancellable):
        await one.cancelling.cancel(BOT, placed.intent.order_id)
    await one.in_flight.drain(5)
    assert len(one.exchange.arrivals) == 2
    assert one.exchange.orders == {}


async def test_what_another_replica_held_is_never_sent_by_the_sweep(one: Replica, orders_redis: RedisProcess) -> None:
    """It may have told its client that nothing was sent: it never heard that its leave was written down."""
    async with replica(orders_redis.url, one.exchange, settings=WIDE, name="b") as dead:
        one.exchange.before_first_byte = raising(ZeroDivisionError("it dies"))
        with pytest.raises(ZeroDivisionError):
            await dead.placing.place(BOT, limit_order())
    one.exchange.before_first_byte = nothing
    await one.abandon(await one.known())
    await one.sweep.once()
    await one.in_flight.drain(5)
    assert (await one.known()).state is State.UNKNOWN
    assert one.exchange.arrivals == []


async def test_a_venue_that_takes_an_id_twice_is_never_sent_it_again(orders_redis: RedisProcess) -> None:
    exchange = Exchange(VenueName(f"v{uuid4().hex}"))
    async with replica(orders_redis.url, exchange, settings=WIDE) as running:
        exchange.on_arrival = raising(LOST)
        await running.placing.place(BOT, limit_order())
        assert len(running.in_flight) == 0
    assert len(exchange.arrivals) == 1


UNKNOWN = OrderRecord(INTENT, State.UNKNOWN, version=3, created_ms=1, updated_ms=1, send_ms=10_000, window_ms=5_000)


def test_the_same_bytes_go_again_only_while_they_are_good_and_wanted() -> None:
    in_time = {"venue_ms": 14_999, "redis_ms": UNKNOWN.intent.valid_until_ms - 1}
    assert lifecycle.may_be_sent_again(UNKNOWN, **in_time)
    assert not lifecycle.may_be_sent_again(UNKNOWN, **(in_time | {"venue_ms": 15_000}))
    assert not lifecycle.may_be_sent_again(UNKNOWN, **(in_time | {"redis_ms": UNKNOWN.intent.valid_until_ms}))
    assert not lifecycle.may_be_sent_again(lifecycle.cancel_missed(UNKNOWN, now_ms=1), **in_time)
    assert not lifecycle.may_be_sent_again(replace(UNKNOWN, state=State.SENT), **in_time)


def test_a_refusal_settles_nothing_once_it_was_sent_again() -> None:
    again = lifecycle.sent_again(UNKNOWN)
    assert lifecycle.refused(again, None, reason="VENUE_REJECTED") == again
