"""What every venue's private stream tells."""

import asyncio
from collections.abc import AsyncIterator, Callable

from adapters.models import (
    BalanceEvent,
    ChannelState,
    Fill,
    FillEvent,
    OrderEvent,
    OrderStatus,
    OrderType,
    PositionEvent,
    StreamEvent,
    StreamState,
)
from tests.contract.venues import Rig


async def until(
    events: AsyncIterator[StreamEvent], done: Callable[[list[OrderEvent], list[Fill]], bool]
) -> tuple[list[OrderEvent], list[Fill]]:
    """Read until the orders and fills seen are enough; venues tell fills with the order or apart from it."""
    orders: list[OrderEvent] = []
    fills: list[Fill] = []
    while not done(orders, fills):
        match await anext(events):
            case OrderEvent() as event:
                orders.append(event)
                fills += [event.fill] if event.fill is not None else []
            case FillEvent() as event:
                fills.append(event.fill)
            case PositionEvent() | BalanceEvent():
                pass
            case event:
                raise AssertionError(event)
    return orders, fills


async def test_it_tells_of_an_order_placed_and_filled(rig: Rig) -> None:
    async with asyncio.timeout(15), rig.streams.connect(rig.throttle) as events:
        first = await anext(events)
        assert isinstance(first, ChannelState)
        assert first.state is StreamState.CONNECTED
        request = rig.request(type=OrderType.MARKET)
        order = await rig.place(request)
        client_id = request.venue_client_id
        orders, fills = await until(
            events,
            lambda orders, fills: (
                any(event.order.status is OrderStatus.FILLED for event in orders)
                and sum(fill.quantity for fill in fills) == order.filled_quantity
            ),
        )
    mine = [event for event in orders if event.order.venue_client_id == client_id]
    assert mine[-1].order.venue_order_id == order.venue_order_id
    assert mine[-1].order.filled_quantity == order.filled_quantity
    assert {event.account for event in orders} == {rig.rich.name}
    assert {fill.venue_order_id for fill in fills} == {order.venue_order_id}
    assert {fill.venue_client_id for fill in fills} == {client_id}


async def test_it_tells_of_an_order_that_rested_and_was_cancelled(rig: Rig) -> None:
    async with asyncio.timeout(15), rig.streams.connect(rig.throttle) as events:
        await anext(events)
        request = rig.request(price=await rig.resting_price())
        await rig.place(request)
        await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)
        orders, fills = await until(
            events, lambda orders, _: any(event.order.status is OrderStatus.CANCELLED for event in orders)
        )
    mine = [event.order.status for event in orders if event.order.venue_client_id == request.venue_client_id]
    assert mine == [OrderStatus.PENDING, OrderStatus.CANCELLED]
    assert fills == []


async def test_it_ends_with_its_block(rig: Rig) -> None:
    async with asyncio.timeout(15):
        async with rig.streams.connect(rig.throttle) as events:
            await anext(events)
        await rig.sandbox.until(lambda ledger: not ledger["connections"])
