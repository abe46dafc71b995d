"""What every venue does with orders: each outcome as the contract names it, whatever the venue calls it."""

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters import errors
from adapters.common.transport import HttpTransport
from adapters.contract import Deduplication, Endpoints, OrderLookup, VenueSettings
from adapters.models import (
    AccountName,
    Liquidity,
    OrderOptions,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    TriggerPriceType,
    VenueName,
)
from adapters.registry import FACTORIES
from tests.adapters.doubles import RecordingThrottle, SystemClock
from tests.adapters.memory_tokens import MemoryTokens
from tests.contract.venues import Rig


async def test_the_life_of_a_resting_order(rig: Rig) -> None:
    request = rig.request(price=await rig.resting_price(), time_in_force=TimeInForce.GTC)
    placed = await rig.place(request)
    assert placed.status is OrderStatus.PENDING
    assert not placed.filled_quantity
    assert placed.average_price is None
    assert (placed.quantity, placed.price) == (request.quantity, request.price)
    assert placed.venue_client_id == request.venue_client_id
    assert await rig.trading.order(rig.market, request.venue_client_id, rig.throttle) == placed
    assert placed in await rig.trading.open_orders(rig.market, rig.throttle)
    assert placed in await rig.trading.open_orders(None, rig.throttle)
    cancelled = await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)
    assert cancelled is None or cancelled.status is OrderStatus.CANCELLED
    resting = await rig.trading.open_orders(rig.market, rig.throttle)
    assert request.venue_client_id not in {order.venue_client_id for order in resting}
    await found_ended(rig, request, OrderStatus.CANCELLED)
    with pytest.raises(errors.OrderNotFound):
        await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)


async def found_ended(rig: Rig, request: OrderRequest, status: OrderStatus) -> None:
    """An order that has ended is in the history, and in a query as far as the venue looks."""
    history = await rig.trading.order_history(rig.market, SystemClock().venue_time_ms() - 60_000, rig.throttle)
    (found,) = [order for order in history if order.venue_client_id == request.venue_client_id]
    assert found.status is status
    if rig.can.order_lookup is OrderLookup.ALL:
        assert await rig.trading.order(rig.market, request.venue_client_id, rig.throttle) == found
    else:
        with pytest.raises(errors.OrderNotFound):
            await rig.trading.order(rig.market, request.venue_client_id, rig.throttle)


@pytest.mark.parametrize("order_type", [OrderType.MARKET, OrderType.LIMIT])
async def test_an_order_that_takes_shows_in_fills_and_history(rig: Rig, order_type: OrderType) -> None:
    since_ms = SystemClock().venue_time_ms() - 1000
    price = await rig.taking_price() if order_type is OrderType.LIMIT else None
    request = rig.request(type=order_type, price=price)
    order = await rig.place(request)
    assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, request.quantity)
    fills = [
        fill
        for fill in await rig.trading.fills(rig.market, since_ms, rig.throttle)
        if fill.venue_order_id == order.venue_order_id
    ]
    assert sum(fill.quantity for fill in fills) == request.quantity
    assert {(fill.venue_client_id, fill.side, fill.liquidity) for fill in fills} == {
        (request.venue_client_id, Side.BUY, Liquidity.TAKER)
    }
    assert order.average_price is not None
    value = sum((fill.price * fill.quantity for fill in fills), Decimal(0))
    assert abs(value / order.filled_quantity - order.average_price) < rig.market.tick_size / 100
    await found_ended(rig, request, OrderStatus.FILLED)


async def test_a_position_is_opened_and_closed(rig: Rig) -> None:
    for position in await rig.data.positions(rig.throttle):
        side = Side.SELL if position.side is PositionSide.LONG else Side.BUY
        await rig.place(rig.request(type=OrderType.MARKET, side=side, quantity=position.quantity, reduce_only=True))
    assert list(await rig.data.positions(rig.throttle)) == []
    opening = await rig.place(rig.request(type=OrderType.MARKET, side=Side.SELL))
    (position,) = await rig.data.positions(rig.throttle)
    assert (position.symbol, position.side) == (rig.market.symbol, PositionSide.SHORT)
    assert (position.quantity, position.entry_price) == (opening.filled_quantity, opening.average_price)
    await rig.place(rig.request(type=OrderType.MARKET, quantity=position.quantity, reduce_only=True))
    assert list(await rig.data.positions(rig.throttle)) == []
    with pytest.raises(errors.DefiniteNo):
        await rig.place(rig.request(type=OrderType.MARKET, reduce_only=True))


async def test_balances_add_up(rig: Rig) -> None:
    balances = {balance.asset: balance for balance in await rig.data.balances(rig.throttle)}
    assert balances[rig.market.settle].total > 0
    assert min(balances[rig.market.settle].available, balances[rig.market.settle].locked) >= 0


async def test_every_time_in_force_is_taken_as_it_is_meant(rig: Rig) -> None:
    for time_in_force in rig.can.times_in_force:
        ends_ms = SystemClock().venue_time_ms() + 60_000 if time_in_force is TimeInForce.GTT else None
        request = rig.request(
            price=await rig.resting_price(),
            time_in_force=time_in_force,
            options=OrderOptions(expire_time_ms=ends_ms),
        )
        order = await rig.place(request)
        assert order.time_in_force is time_in_force
        rests = time_in_force in {TimeInForce.GTC, TimeInForce.GTT}
        assert (order.status is OrderStatus.PENDING) is rests
        if rests:
            await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)
        else:
            assert order.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}


async def test_every_type_that_waits_or_hides_is_taken_as_it_is_meant(rig: Rig) -> None:
    low, high = await rig.resting_price(), await rig.taking_price()
    options = {
        OrderType.STOP_LIMIT: (high, OrderOptions(stop_price=high, trigger_price_type=TriggerPriceType.MARK)),
        OrderType.STOP_MARKET: (None, OrderOptions(stop_price=high)),
        OrderType.TAKE_PROFIT: (None, OrderOptions(stop_price=low, trigger_price_type=TriggerPriceType.LAST)),
        OrderType.TRAILING_STOP: (None, OrderOptions(callback_rate=Decimal("0.1"), activation_price=low)),
        OrderType.ICEBERG: (low, OrderOptions(visible_quantity=rig.market.step_size * 2)),
    }
    for order_type in rig.can.order_types & options.keys():
        price, having = options[order_type]
        request = rig.request(type=order_type, price=price, options=having)
        order = await rig.place(request)
        assert (order.status, order.quantity, order.filled_quantity) == (
            OrderStatus.PENDING,
            request.quantity,
            Decimal(0),
        )
        assert await rig.trading.order(rig.market, request.venue_client_id, rig.throttle) == order
        cancelled = await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)
        assert cancelled is not None
        assert cancelled.status is OrderStatus.CANCELLED


async def test_a_stop_that_fires_is_found_as_what_became_of_it(rig: Rig) -> None:
    book = await rig.venue.market_data.order_book(rig.market, 5, rig.throttle)
    near = OrderOptions(stop_price=book.asks[0].price + rig.market.tick_size, trigger_price_type=TriggerPriceType.MARK)
    request = rig.request(type=OrderType.STOP_MARKET, options=near)
    await rig.place(request)
    risen = {"symbol": rig.market.venue_symbol, "mark": str(near.stop_price)}
    await rig.sandbox.post("/sim/prices", risen)
    history = await rig.trading.order_history(rig.market, SystemClock().venue_time_ms() - 60_000, rig.throttle)
    known = [order for order in history if order.venue_client_id == request.venue_client_id]
    [filled] = [order for order in known if order.status is OrderStatus.FILLED]
    assert filled.filled_quantity == request.quantity
    # It is the order itself, or another one that took its place under the same client id.
    assert {order.type for order in known if order is not filled} <= {OrderType.STOP_MARKET}
    await rig.sandbox.post("/sim/prices", risen | {"mark": None})


async def test_a_client_id_seen_before_does_what_the_venue_says_it_does(rig: Rig) -> None:
    request = rig.request(price=await rig.resting_price())
    first, second = await rig.place(request), await rig.place(request)
    resting = [
        order.venue_order_id
        for order in await rig.trading.open_orders(rig.market, rig.throttle)
        if order.venue_client_id == request.venue_client_id
    ]
    if rig.can.deduplication is Deduplication.FOREVER:
        assert second == first
        assert resting == [first.venue_order_id]
        await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)
        again = await rig.place(request)
        assert (again.venue_order_id, again.status) == (first.venue_order_id, OrderStatus.CANCELLED)
        with pytest.raises(errors.VenueProtocolError):  # the order there is, is another than the one asked for
            await rig.place(replace(request, quantity=rig.market.step_size * 11))
    else:
        assert sorted(resting) == sorted([first.venue_order_id, second.venue_order_id])


async def test_a_post_only_order_that_would_take_does_not(rig: Rig) -> None:
    request = rig.request(type=OrderType.POST_ONLY, price=await rig.taking_price())
    with pytest.raises(errors.WouldTake):
        await rig.place(request)
    resting = rig.request(type=OrderType.POST_ONLY, price=await rig.resting_price())
    assert (await rig.place(resting)).status is OrderStatus.PENDING
    await rig.trading.cancel(rig.market, resting.venue_client_id, rig.throttle)


async def test_an_order_beyond_the_balance_is_refused(rig: Rig) -> None:
    request = rig.request(price=await rig.resting_price(), quantity=rig.market.step_size * 9900)
    with pytest.raises(errors.InsufficientBalance):
        await rig.place(request, trading=rig.poor.trading)


async def test_orders_that_are_not_there_are_not_found(rig: Rig) -> None:
    nobodys = rig.request().venue_client_id
    for call in (rig.trading.order, rig.trading.cancel):
        with pytest.raises(errors.OrderNotFound):
            await call(rig.market, nobodys, rig.throttle)


async def test_what_is_off_the_grid_is_a_definite_no(rig: Rig) -> None:
    price, tick, step = await rig.resting_price(), rig.market.tick_size, rig.market.step_size
    for fields in (
        {"price": price + tick / 10},
        {"price": price, "quantity": step * 10 + step / 10},
        {"price": price, "quantity": step / 10},
    ):
        with pytest.raises(errors.DefiniteNo) as caught:
            await rig.place(rig.request(**fields))
        assert caught.value.venue_code


async def test_an_order_signed_too_long_ago_is_refused(rig: Rig) -> None:
    window_ms = max(2000, rig.can.order_window_min_ms)
    with pytest.raises(errors.Unauthorized):
        await rig.place(rig.request(price=await rig.resting_price()), sent_ms_ago=window_ms + 2000)


async def test_what_the_venue_cannot_do_is_refused_before_anything_is_spent(rig: Rig) -> None:
    rig.throttle.calls.clear()
    price = rig.market.tick_size * 1000
    for order_type in set(OrderType) - rig.can.order_types:
        with pytest.raises(errors.NotSupported):
            rig.trading.encode(rig.request(type=order_type, price=price))
    for time_in_force in set(TimeInForce) - rig.can.times_in_force:
        with pytest.raises(errors.NotSupported):
            rig.trading.encode(rig.request(time_in_force=time_in_force, price=price))
    by_quote = rig.request(type=OrderType.MARKET, quantity=None, quote_quantity=Decimal(20))
    if rig.can.market_by_quote_quantity:
        assert rig.trading.encode(by_quote)
    else:
        with pytest.raises(errors.NotSupported):
            rig.trading.encode(by_quote)
    assert rig.throttle.calls == []


async def test_client_ids_follow_from_their_digest(rig: Rig) -> None:
    digests = [bytes([number]) * 32 for number in range(50)]
    ids = [rig.trading.client_id(digest) for digest in digests]
    assert ids == [rig.trading.client_id(digest) for digest in digests]
    assert all(one != two for one, two in itertools.combinations(ids, 2))


LOST = [{"close": True}, {"reset": True}, {"status": 503, "body": "<html>"}, {"hang_ms": 5000}]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: next(iter(fault)))
async def test_an_order_whose_answer_is_lost_is_unknown_sent_once_and_found_by_asking(
    rig: Rig, fault: dict[str, Any]
) -> None:
    since_ms = SystemClock().venue_time_ms() - 1000
    resting = rig.request(price=await rig.resting_price())
    taking = rig.request(price=await rig.taking_price())
    for request in (resting, taking):
        match = {"method": "POST", "path": rig.twin.place_path}
        await rig.sandbox.spoil(match=match, when="after_execute", do=fault)
        with pytest.raises(errors.OutcomeUnknown):
            await rig.place(request)
    assert (await rig.trading.order(rig.market, resting.venue_client_id, rig.throttle)).quantity == resting.quantity
    orders = await rig.trading.open_orders(rig.market, rig.throttle)
    assert [order.venue_client_id for order in orders].count(resting.venue_client_id) == 1
    await found_ended(rig, taking, OrderStatus.FILLED)
    fills = await rig.trading.fills(rig.market, since_ms, rig.throttle)
    taken = sum(fill.quantity for fill in fills if fill.venue_client_id == taking.venue_client_id)
    assert taken == taking.quantity
    await rig.trading.cancel(rig.market, resting.venue_client_id, rig.throttle)


async def test_an_order_that_never_reached_the_engine_is_nowhere(rig: Rig) -> None:
    since_ms = SystemClock().venue_time_ms() - 1000
    request = rig.request(price=await rig.taking_price())
    await rig.sandbox.spoil(
        match={"method": "POST", "path": rig.twin.place_path}, when="before", do={"status": 502, "body": "<html>"}
    )
    with pytest.raises(errors.OutcomeUnknown):
        await rig.place(request)
    resting = await rig.trading.open_orders(rig.market, rig.throttle)
    history = await rig.trading.order_history(rig.market, since_ms, rig.throttle)
    fills = await rig.trading.fills(rig.market, since_ms, rig.throttle)
    assert request.venue_client_id not in {order.venue_client_id for order in (*resting, *history)}
    assert request.venue_client_id not in {fill.venue_client_id for fill in fills}


async def test_nothing_is_sent_where_nobody_listens(rig: Rig) -> None:
    transport = HttpTransport()
    settings = VenueSettings(VenueName("gone"), Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1"))
    venue = FACTORIES[rig.twin.adapter](settings, transport=transport, clock=SystemClock())
    credentials = rig.sandbox.credentials[rig.twin.rich]
    account = venue.open_account(AccountName("a"), credentials, transport, MemoryTokens())
    assert account.trading is not None
    throttle = RecordingThrottle()
    request = rig.request(price=rig.market.tick_size * 1000)
    body = account.trading.encode(request)
    with pytest.raises(errors.NeverSent):
        await account.trading.place(request, body, throttle=throttle, begin_send=rig.send_time(0))
    with pytest.raises(errors.NeverSent):
        await account.trading.cancel(rig.market, request.venue_client_id, throttle)
    assert "started" not in throttle.events
    await transport.aclose()
