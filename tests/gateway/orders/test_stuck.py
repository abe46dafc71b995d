"""Stuck orders: what cannot be found out holds its market until the venue shows it or people resolve it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from adapters.errors import EchoMismatch, NoAnswer, OutcomeUnknown
from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.record import OrderRecord, State
from gateway.orders.resolving import Finally, Resolution
from tests.gateway.orders.exchange import Exchange, market
from tests.gateway.orders.replica import ACCOUNT, BOT, QUICK, Replica, client, limit_order, replica
from tests.redis_process import RedisProcess

NOT_PLACED = Resolution(Finally.NOT_PLACED, "venue support, ticket 4711")
HASTY = QUICK.model_copy(update={"stuck_after_ms": 60_000})
OTHER = "BTC-USDC"


@pytest.fixture
async def on(orders_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    exchange.markets.append(market(exchange.name, OTHER))
    async with replica(orders_redis.url, exchange, settings=HASTY) as running:
        yield running


async def lost(on: Replica, client_order_id: str = "one") -> OrderRecord:
    """An order without an answer, sent more than a minute ago."""

    async def lose() -> None:
        raise OutcomeUnknown(on.venue, "no answer")

    on.exchange.before_answer = lose
    record = (await on.placing.place(BOT, limit_order(client_order_id))).record
    on.exchange.before_answer = nothing
    await on.backdate(record, 61_000)
    return record


async def nothing() -> None:
    pass


async def stuck(on: Replica) -> OrderRecord:
    """One that the venue's lookups do not tell of, since they fail."""

    async def fail(_source: str) -> None:
        raise NoAnswer(on.venue, "maintenance")

    async def read(_source: str) -> None:
        pass

    record = await lost(on)
    on.exchange.on_read = fail
    with pytest.raises(NoAnswer):
        await on.sweep.once()
    on.exchange.on_read = read
    return record


async def refused(on: Replica, client_order_id: str = "two", symbol: str = "SOL-USDC") -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.placing.place(BOT, limit_order(client_order_id, symbol=symbol))
    return caught.value


async def test_an_order_looked_up_in_vain_for_too_long_holds_its_market_alone(on: Replica) -> None:
    record = await stuck(on)
    assert (await on.known()).result.is_stuck
    refusal = await refused(on)
    assert (refusal.code, refusal.outcome) == (Code.ACCOUNT_HELD, Outcome.NOT_SENT)
    assert refusal.details == {"order_id": record.intent.order_id}
    assert (await on.placing.place(BOT, limit_order("three", symbol=OTHER))).is_new
    assert (await on.placing.place(BOT, limit_order())).record.state is State.UNKNOWN  # a repeat has its answer


async def test_an_old_order_holds_nothing_while_its_absence_is_being_proven(on: Replica, exchange: Exchange) -> None:
    await lost(on)
    exchange.orders.clear()
    await on.sweep.once()
    known = await on.known()
    assert (known.state, known.result.is_stuck) == (State.UNKNOWN, False)
    assert known.result.absent_since_ms is not None
    assert (await on.placing.place(BOT, limit_order("two"))).is_new


async def test_an_order_that_is_only_late_holds_nothing(on: Replica) -> None:
    async def fail(_source: str) -> None:
        raise NoAnswer(on.venue, "maintenance")

    record = await lost(on)
    await on.backdate(record, 30_000)
    on.exchange.on_read = fail
    with pytest.raises(NoAnswer):
        await on.sweep.once()
    assert not (await on.known()).result.is_stuck


async def test_a_cancel_passes_where_a_market_is_held(on: Replica) -> None:
    resting = (await on.placing.place(BOT, limit_order("resting"))).record
    await stuck(on)
    assert (await on.cancelling.cancel(BOT, resting.intent.order_id)).result.status is OrderStatus.CANCELLED


async def test_what_the_venue_shows_after_all_frees_the_market(on: Replica) -> None:
    record = await stuck(on)
    await on.backdate(record, 61_000)
    await on.sweep.once()
    found = await on.known()
    assert (found.state, found.result.is_stuck) == (State.LIVE, False)
    assert (await on.placing.place(BOT, limit_order("two"))).is_new


@pytest.mark.usefixtures("the_long_way")
async def test_an_order_waiting_for_its_turn_is_not_sent_into_a_held_market(on: Replica) -> None:
    async def get_stuck() -> None:
        on.exchange.before_begin_send = nothing
        await stuck(on)

    on.exchange.before_begin_send = get_stuck
    assert (await refused(on)).code is Code.ACCOUNT_HELD
    assert await on.record("two") is None


async def test_an_answer_that_shows_another_order_is_stuck_at_once(on: Replica) -> None:
    async def answer_with_another() -> None:
        raise EchoMismatch(on.venue, "it shows another price than was sent")

    on.exchange.before_answer = answer_with_another
    record = (await on.placing.place(BOT, limit_order())).record
    assert (record.state, record.result.is_stuck) == (State.UNKNOWN, True)
    assert (await refused(on)).code is Code.ACCOUNT_HELD
    on.exchange.change(record.intent.venue_client_id, price=Decimal(99))
    await on.backdate(record, 0)
    await on.sweep.once()
    assert (await on.known()).result.is_stuck  # the venue has another order than was meant
    on.exchange.change(record.intent.venue_client_id, price=record.intent.price)
    await on.backdate(record, 0)
    await on.sweep.once()
    assert (await on.known()).state is State.LIVE


async def test_resolving_settles_an_order_by_hand_and_says_who_did(on: Replica) -> None:
    record = await stuck(on)
    resolution = Resolution(Finally.FILLED, "seen in the venue's statement", average_price=Decimal(100))
    settled = await on.resolving.resolve(BOT, record.intent.order_id, resolution)
    again = await on.resolving.resolve(BOT, record.intent.order_id, resolution)
    assert again.result == settled.result
    assert (settled.state, settled.result.status) == (State.DONE, OrderStatus.FILLED)
    assert settled.result.filled_quantity == record.intent.quantity
    assert settled.result.evidence == "resolved by bot: seen in the venue's statement"
    assert (await on.placing.place(BOT, limit_order("two"))).is_new


async def test_whoever_administers_resolves_orders_of_all_clients(on: Replica) -> None:
    record = await stuck(on)
    settled = await on.resolving.resolve(client("head", accounts=()), record.intent.order_id, NOT_PLACED)
    assert (settled.result.status, settled.result.reason) == (OrderStatus.REJECTED, "NOT_PLACED")


async def test_what_is_held_is_told_without_whose_order_it_is(on: Replica) -> None:
    record = await stuck(on)
    assert (await on.records.readiness.see(ACCOUNT)).held == {record.intent.order_id: record.intent.symbol}
    with pytest.raises(Refusal) as caught:
        await on.placing.place(client("other"), limit_order("mine"))
    assert (caught.value.code, caught.value.details) == (Code.ACCOUNT_HELD, None)
    assert "another client's order" in caught.value.message
    await on.resolving.resolve(BOT, record.intent.order_id, NOT_PLACED)
    assert (await on.records.readiness.see(ACCOUNT)).held == {}


async def test_what_would_be_held_is_told_without_sending(on: Replica) -> None:
    await stuck(on)
    with pytest.raises(Refusal) as caught:
        await on.placing.validate(BOT, limit_order("two"))
    assert caught.value.code is Code.ACCOUNT_HELD
    await on.placing.validate(BOT, limit_order("two", symbol=OTHER))


async def test_only_a_stuck_order_is_resolved(on: Replica) -> None:
    record = await lost(on)
    with pytest.raises(Refusal) as caught:
        await on.resolving.resolve(BOT, record.intent.order_id, Resolution(Finally.NOT_PLACED, "a guess"))
    assert (caught.value.code, caught.value.outcome) == (Code.INVALID_PARAMETER, Outcome.NOT_SENT)


@pytest.mark.parametrize(
    ("status", "filled"), [(Finally.NOT_PLACED, "1"), (Finally.FILLED, "2"), (Finally.PARTIAL_FILLED, None)]
)
async def test_a_fate_it_cannot_have_had_is_refused(on: Replica, status: Finally, filled: str | None) -> None:
    record = await stuck(on)
    resolution = Resolution(status, "a slip", filled_quantity=None if filled is None else Decimal(filled))
    with pytest.raises(Refusal) as caught:
        await on.resolving.resolve(BOT, record.intent.order_id, resolution)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_PARAMETER, "filled_quantity")
    assert (await on.known()).result.is_stuck
