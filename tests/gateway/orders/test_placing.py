"""Placing orders: at most one of an id reaches the venue, whoever asks, however often, on whichever replica."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.models import MarketStatus, OrderStatus, OrderType, TimeInForce
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.placing import Placed
from gateway.orders.record import State
from gateway.settings import Scope
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import BOT, Replica, client, limit_order, market_order, replica, until
from tests.redis_process import RedisProcess


class Gate:
    """A hook that says when it was reached and waits to be opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.open.wait()


async def refused(on: Replica, order: Any, who: Any = BOT) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.placing.place(who, order)
    return caught.value


async def test_a_resting_order_is_live(one: Replica, exchange: Exchange) -> None:
    placed = await one.placing.place(BOT, limit_order())
    record = placed.record
    assert placed.is_new
    assert (record.state, record.result.status) == (State.LIVE, OrderStatus.PENDING)
    [arrival] = exchange.arrivals
    assert arrival.request.venue_client_id == record.intent.venue_client_id
    assert arrival.send_time.timestamp_ms == record.send_ms
    assert await one.record() == replace(record, created_ms=(await one.known()).created_ms, **_kept(await one.known()))


def _kept(record: Any) -> dict[str, Any]:
    """What only Redis knows exactly: its own times."""
    return {"updated_ms": record.updated_ms, "lease_until_ms": record.lease_until_ms}


async def test_a_filled_order_is_done(one: Replica) -> None:
    record = (await one.placing.place(BOT, market_order())).record
    assert (record.state, record.result.status, record.result.filled_quantity) == (
        State.DONE,
        OrderStatus.FILLED,
        Decimal(1),
    )


async def test_a_retry_gets_the_first_answer_and_sends_nothing(one: Replica, other: Replica) -> None:
    first = await one.placing.place(BOT, limit_order())
    for again in (await one.placing.place(BOT, limit_order()), await other.placing.place(BOT, limit_order())):
        assert not again.is_new
        assert again.record.result == first.record.result
        assert again.record.intent == first.record.intent
    assert len(one.exchange.arrivals) == 1


async def test_another_spelling_is_the_same_order(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    again = limit_order(
        price=Decimal("100.00"),
        symbol="SOL_USDC",
        time_in_force=TimeInForce.GTC,
        labels=("a",),
        valid_until_ms=9_999_999_999_999,
        max_wait_s=1.0,
    )
    assert not (await one.placing.place(BOT, again)).is_new
    assert len(one.exchange.arrivals) == 1


async def test_other_content_under_the_same_id_is_a_conflict(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    refusal = await refused(one, limit_order(price=Decimal(101)))
    assert (refusal.code, refusal.outcome) == (Code.IDEMPOTENCY_CONFLICT, Outcome.NOT_SENT)
    assert len(one.exchange.arrivals) == 1


async def test_the_same_id_of_another_client_is_another_order(one: Replica) -> None:
    first = await one.placing.place(BOT, limit_order())
    second = await one.placing.place(client("other"), limit_order())
    assert second.is_new
    assert first.record.intent.order_id != second.record.intent.order_id
    assert len(one.exchange.arrivals) == 2


async def test_many_callers_on_two_replicas_send_one_order(one: Replica, other: Replica) -> None:
    calls = [on.placing.place(BOT, limit_order()) for on in (one, other) for _ in range(20)]
    placed = await asyncio.gather(*calls)
    assert len(one.exchange.arrivals) == 1
    assert [each.is_new for each in placed].count(True) == 1
    assert {each.record.intent.order_id for each in placed} == {placed[0].record.intent.order_id}
    assert {each.record.state for each in placed} == {State.LIVE}


async def test_a_second_caller_waits_for_the_first(one: Replica, other: Replica) -> None:
    gate = one.exchange.before_answer = Gate()
    first = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await gate.reached.wait()
    second = asyncio.create_task(other.placing.place(BOT, limit_order()))
    _, waiting = await asyncio.wait([second], timeout=0.05)
    assert waiting
    gate.open.set()
    assert (await first).record.state is State.LIVE
    assert (await second).record.state is State.LIVE
    assert len(one.exchange.arrivals) == 1


async def test_different_ids_go_side_by_side(one: Replica) -> None:
    await asyncio.gather(*(one.placing.place(BOT, limit_order(str(number))) for number in range(30)))
    assert len(one.exchange.arrivals) == 30
    assert len({arrival.request.venue_client_id for arrival in one.exchange.arrivals}) == 30


async def test_orders_whose_venue_ids_collide_step_aside(one: Replica) -> None:
    """With five ids at the venue and three salts each, some find one free and some do not; none shares one."""
    one.exchange.client_ids = 5
    results = await asyncio.gather(
        *(one.placing.place(BOT, limit_order(str(number))) for number in range(12)), return_exceptions=True
    )
    placed = [result for result in results if isinstance(result, Placed)]
    refusals = [result for result in results if isinstance(result, Refusal)]
    assert len(placed) + len(refusals) == 12
    assert {(refusal.code, refusal.outcome) for refusal in refusals} == {(Code.ACCOUNT_NOT_READY, Outcome.NOT_SENT)}
    ids = [arrival.request.venue_client_id for arrival in one.exchange.arrivals]
    assert len(ids) == len(set(ids)) == len(placed) > 1


@pytest.mark.parametrize("moment", ["before_begin_send", "before_first_byte", "on_arrival", "before_answer"])
async def test_a_caller_that_leaves_does_not_stop_its_order(one: Replica, moment: str) -> None:
    gate = Gate()
    setattr(one.exchange, moment, gate)
    call = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await gate.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.open.set()
    await until(lambda: len(one.in_flight) == 0)
    assert len(one.exchange.arrivals) == 1
    assert (await one.known()).state is State.LIVE
    assert not (await one.placing.place(BOT, limit_order())).is_new


# --- refusals, and what they say of an order that was accepted before


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (limit_order(account="nobody"), Code.ACCOUNT_NOT_FOUND),
        (limit_order(symbol="NO-SUCH"), Code.MARKET_NOT_FOUND),
        (limit_order(price=Decimal("0.001")), Code.INVALID_PRECISION),
        (limit_order(type=OrderType.ICEBERG), Code.NOT_SUPPORTED),
        (market_order(time_in_force=TimeInForce.FOK), Code.NOT_SUPPORTED),
        (limit_order(valid_until_ms=1), Code.VALID_UNTIL_PASSED),
        (limit_order(valid_until_ms=0), Code.VALID_UNTIL_PASSED),
    ],
)
async def test_what_is_refused_binds_no_id(one: Replica, order: Any, code: Code) -> None:
    refusal = await refused(one, order)
    assert refusal.code is code
    assert refusal.outcome in {Outcome.NOT_SENT, None}
    assert (await one.placing.place(BOT, limit_order())).is_new
    assert len(one.exchange.arrivals) == 1


async def test_an_account_that_was_not_granted_is_not_there(one: Replica) -> None:
    refusal = await refused(one, limit_order(), client("stranger", Scope.TRADE, accounts=()))
    assert refusal.code is Code.ACCOUNT_NOT_FOUND
    assert one.exchange.arrivals == []


async def test_a_retry_after_its_valid_until_is_not_told_that_nothing_was_sent(one: Replica) -> None:
    soon_ms = one.exchange.now_ms + 250
    first = await one.placing.place(BOT, limit_order(valid_until_ms=soon_ms))
    await until(lambda: one.exchange.now_ms > soon_ms)
    again = await one.placing.place(BOT, limit_order(valid_until_ms=soon_ms))
    assert not again.is_new
    assert again.record.intent == first.record.intent
    fresh = await refused(one, limit_order("two", valid_until_ms=soon_ms))
    assert fresh.code is Code.VALID_UNTIL_PASSED


async def test_a_retry_while_the_market_is_halted_gets_the_first_answer(
    one: Replica, orders_redis: RedisProcess
) -> None:
    first = await one.placing.place(BOT, limit_order())
    one.exchange.markets[0] = replace(one.exchange.markets[0], status=MarketStatus.HALTED)
    async with replica(orders_redis.url, one.exchange) as restarted:
        again = await restarted.placing.place(BOT, limit_order())
        assert (again.is_new, again.record.intent) == (False, first.record.intent)
        assert (await refused(restarted, limit_order(price=Decimal(99)))).code is Code.IDEMPOTENCY_CONFLICT
        assert (await refused(restarted, limit_order("two"))).code is Code.ORDER_REJECTED


async def test_without_a_measured_clock_nothing_is_sent(orders_redis: RedisProcess, exchange: Exchange) -> None:
    async with replica(orders_redis.url, exchange, is_clock_measured=False) as blind:
        refusal = await refused(blind, limit_order())
        assert (refusal.code, refusal.outcome) == (Code.ACCOUNT_NOT_READY, Outcome.NOT_SENT)
        assert exchange.arrivals == []
        assert await blind.record() is None


async def test_a_retry_without_a_measured_clock_gets_the_first_answer(one: Replica, orders_redis: RedisProcess) -> None:
    await one.placing.place(BOT, limit_order())
    async with replica(orders_redis.url, one.exchange, is_clock_measured=False) as blind:
        assert not (await blind.placing.place(BOT, limit_order())).is_new


async def test_checking_sends_nothing_and_binds_nothing(one: Replica) -> None:
    _, _, intents = one.placing.check(BOT, limit_order())
    assert len({intent.venue_client_id for intent in intents}) == len(intents)
    assert one.exchange.arrivals == []
    assert await one.keys_of_orders() == set()
