"""Looking orders up: in as few calls as it takes, and absent only where every source was asked."""

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.errors import NoAnswer, VenueError
from adapters.models import OrderStatus, VenueClientId, VenueName, VenueOrder, VenueOrderId
from gateway.orders.evidence import Evidence, by_client_id, gather
from gateway.orders.record import OrderRecord
from tests.gateway.orders.exchange import Exchange, market
from tests.gateway.orders.replica import BOT, Replica, limit_order, market_order
from tests.gateway.orders.test_lifecycle import shown

ID = VenueClientId("77")


def view(status: OrderStatus, filled: int = 0) -> VenueOrder:
    return shown(status, filled)


async def look(one: Replica, *records: OrderRecord) -> Evidence:
    one.exchange.reads.clear()
    trading, on = one.account.trading, one.exchange.markets[0]
    return await gather(trading, on, records, one.throttle(), clock_difference_ms=0, clock_error_ms=50)


async def test_orders_that_rest_take_one_call(one: Replica) -> None:
    records = [(await one.placing.place(BOT, limit_order(str(number)))).record for number in range(3)]
    evidence = await look(one, *records)
    assert one.exchange.reads == ["resting"]
    assert {evidence.of(record.intent.venue_client_id)[1] for record in records} == {"open orders"}  # type: ignore[index]


def test_of_equal_views_the_one_that_rests_counts() -> None:
    fired = replace(view(OrderStatus.PENDING), venue_order_id=VenueOrderId("fired"))
    in_its_place = replace(fired, venue_order_id=VenueOrderId("in its place"))
    assert Evidence({ID: in_its_place}, {ID: fired}, frozenset()).of(ID) == (in_its_place, "open orders")


async def test_one_in_the_history_needs_no_fills(one: Replica) -> None:
    record = (await one.placing.place(BOT, market_order())).record
    evidence = await look(one, record)
    assert one.exchange.reads == ["resting", "history"]
    found = evidence.of(record.intent.venue_client_id)
    assert found is not None
    assert (found[0].status, found[1]) == (OrderStatus.FILLED, "order history")


async def test_one_that_shows_nowhere_was_looked_for_everywhere(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    one.exchange.orders.clear()
    evidence = await look(one, record)
    assert one.exchange.reads == ["resting", "history", "fills"]
    assert evidence.lacks(record.intent.venue_client_id)


async def test_one_that_shows_in_the_fills_alone_is_neither_found_nor_absent(one: Replica) -> None:
    record = (await one.placing.place(BOT, market_order())).record
    one.exchange.hidden |= {"resting", "history"}
    evidence = await look(one, record)
    assert evidence.of(record.intent.venue_client_id) is None
    assert not evidence.lacks(record.intent.venue_client_id)


@pytest.mark.parametrize("source", ["resting", "history", "fills"])
async def test_a_source_that_fails_leaves_no_conclusion(one: Replica, source: str) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    one.exchange.orders.clear()

    async def fail(asked: str) -> None:
        if asked == source:
            raise NoAnswer(one.venue, "no answer")

    one.exchange.on_read = fail
    with pytest.raises(VenueError):
        await look(one, record)


async def test_the_histories_are_searched_from_before_the_send(one: Replica) -> None:
    """The venue's clock may be behind what we think it is, by the error we allow for."""
    record = (await one.placing.place(BOT, limit_order())).record
    assert record.send_ms is not None
    one.exchange.change(record.intent.venue_client_id, created_time_us=(record.send_ms - 50) * 1_000)
    one.exchange.hidden.add("resting")
    assert (await look(one, record)).of(record.intent.venue_client_id) is not None


async def test_a_venue_whose_clock_was_set_back_is_searched_by_its_present_time(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    one.exchange.change(record.intent.venue_client_id, created_time_us=(record.created_ms - 10_000) * 1_000)
    one.exchange.hidden.add("resting")
    trading, on = one.account.trading, one.exchange.markets[0]
    for difference_ms, is_found in ((-10_000, True), (0, False)):
        looked = await gather(
            trading, on, [record], one.throttle(), clock_difference_ms=difference_ms, clock_error_ms=50
        )
        assert (looked.of(record.intent.venue_client_id) is not None) is is_found


@pytest.mark.parametrize("swap", [True, False])
def test_the_most_advanced_view_counts_wherever_it_comes_from(swap: bool) -> None:
    lagging, ahead = view(OrderStatus.PENDING), view(OrderStatus.PARTIAL_FILLED, 1)
    history, resting = (ahead, lagging) if swap else (lagging, ahead)
    found = Evidence({ID: resting}, {ID: history}, frozenset()).of(ID)
    assert found is not None
    assert found[0] == ahead


def test_of_several_views_a_final_one_counts_then_the_most_filled() -> None:
    views = [view(OrderStatus.CANCELLED, 1), view(OrderStatus.PARTIAL_FILLED, 2), view(OrderStatus.PENDING)]
    for order in (views, views[::-1]):
        assert by_client_id(order) == {ID: views[0]}
    assert by_client_id(views[1:]) == {ID: views[1]}


def test_orders_without_our_id_are_nobodys() -> None:
    foreign = replace(view(OrderStatus.PENDING), venue_client_id=None, venue_order_id=VenueOrderId("8"))
    assert by_client_id([foreign]) == {}


async def test_another_markets_orders_do_not_count(one: Replica, exchange: Exchange) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    elsewhere = market(VenueName(exchange.name), "BTC-USDC")
    evidence = await gather(
        one.account.trading, elsewhere, [record], one.throttle(), clock_difference_ms=0, clock_error_ms=50
    )
    assert evidence.lacks(record.intent.venue_client_id)
    assert record.intent.quantity == Decimal(1)
