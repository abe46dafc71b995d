"""An order that is cancelled while it waits for budget never leaves, ends cancelled, and binds its id."""

import asyncio

import pytest

from adapters.contract import Call, CallKind
from adapters.models import OrderStatus
from gateway.orders.lifecycle import CALLED_OFF
from gateway.orders.placing import Placed
from gateway.orders.record import CancelState, State
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import BOT, Replica, limit_order, until

PLACE = Call("place", CallKind.ORDER, "account")


@pytest.fixture
def exchange(exchange: Exchange) -> Exchange:
    """Room for five calls in a long while, of which one is kept for cancels."""
    exchange.limit, exchange.period_ms = 5, 20_000
    return exchange


async def waiting(on: Replica) -> "asyncio.Task[Placed]":
    """An order in the limiter's queue, once its claim is written."""
    for _ in range(4):
        async with on.throttle().grant(PLACE) as grant:
            grant.start()
            grant.answered({})
    task = asyncio.create_task(on.placing.place(BOT, limit_order(max_wait_s=60.0, valid_until_ms=on_time(on))))
    async with asyncio.timeout(5):
        while (await on.record()) is None:  # noqa: ASYNC110  # it is written by another task
            await asyncio.sleep(0.005)
    return task


def on_time(on: Replica) -> int:
    return on.clock.redis_time_ms() + 120_000


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_waiting_order_that_is_cancelled_never_leaves(one: Replica, other: Replica, elsewhere: bool) -> None:
    task = await waiting(one)
    cancelled = await (other if elsewhere else one).cancelling.cancel(BOT, (await one.known()).intent.order_id)
    assert (cancelled.state, cancelled.result.status, cancelled.result.reason, cancelled.result.cancel) == (
        State.DONE,
        OrderStatus.CANCELLED,
        CALLED_OFF,
        CancelState.DONE,
    )
    if not elsewhere:  # whoever waits for it is told at once; elsewhere, when its turn comes
        placed = await asyncio.wait_for(task, 5)
        assert placed.record.result == cancelled.result
    task.cancel()
    again = await other.placing.place(BOT, limit_order())
    assert (again.is_new, again.record.result.reason) == (False, CALLED_OFF)
    assert one.exchange.arrivals == []


@pytest.mark.usefixtures("the_long_way")
async def test_an_order_that_another_replica_called_off_is_not_sent_when_its_turn_comes(
    one: Replica, other: Replica
) -> None:
    async def cancelled_just_before() -> None:
        await other.cancelling.cancel(BOT, (await one.known()).intent.order_id)

    one.exchange.before_begin_send = cancelled_just_before
    placed = await one.placing.place(BOT, limit_order())
    assert (placed.record.state, placed.record.result.reason) == (State.DONE, CALLED_OFF)
    assert one.exchange.arrivals == []
    assert one.exchange.cancels == 0


async def test_an_order_that_has_left_is_cancelled_at_the_venue(one: Replica, other: Replica) -> None:
    async def cancelled_just_after() -> None:
        record = await one.known()
        assert record.state is State.SENT
        cancelled = await other.cancelling.cancel(BOT, record.intent.order_id)
        assert cancelled.result.reason != CALLED_OFF

    one.exchange.before_answer = cancelled_just_after
    placed = await one.placing.place(BOT, limit_order())
    assert placed.record.result.status is OrderStatus.CANCELLED
    assert one.exchange.cancels == 1
    await until(lambda: len(one.in_flight) == 0)
