"""What every venue does with many orders at once, and with amends: as far as it says it can."""

from decimal import Decimal
from typing import Any

import pytest

from adapters import errors
from adapters.contract import AmendField, CancelAllScope
from adapters.models import OrderRequest, OrderStatus, OrderType, VenueClientId, VenueOrder, VenueOrderId
from tests.contract.venues import Rig


async def resting(rig: Rig, count: int) -> list[OrderRequest]:
    price = await rig.resting_price()
    return [rig.request(price=price - number * rig.market.tick_size) for number in range(count)]


async def open_ids(rig: Rig) -> dict[VenueClientId | None, VenueOrderId]:
    orders = await rig.trading.open_orders(rig.market, rig.throttle)
    return {order.venue_client_id: order.venue_order_id for order in orders}


async def test_a_batch_is_one_call_in_which_each_order_has_its_own_result(rig: Rig) -> None:
    good, other = await resting(rig, 2)
    crossing = rig.request(type=OrderType.POST_ONLY, price=await rig.taking_price())
    left_out = rig.request(price=good.price)
    rig.throttle.calls.clear()
    batch = [good, crossing, left_out, other]
    leaving = [request.venue_client_id for request in batch if request is not left_out]
    results = await rig.place_many(batch, leaving=leaving)
    assert [name for name in rig.throttle.calls if name != "log_in"] == ["place_batch"]
    assert list(results) == leaving
    assert isinstance(results[crossing.venue_client_id], errors.WouldTake)
    for request in (good, other):
        order = results[request.venue_client_id]
        assert isinstance(order, VenueOrder)
        assert (order.status, order.price) == (OrderStatus.PENDING, request.price)
    found = await open_ids(rig)
    assert {good.venue_client_id, other.venue_client_id} <= found.keys()
    assert left_out.venue_client_id not in found
    await cancel_everything(rig)


async def test_a_batch_whose_answer_is_lost_leaves_every_order_unknown_and_is_found_by_asking(rig: Rig) -> None:
    requests = await resting(rig, 3)
    match = {"method": "POST", "path": rig.twin.batch_path}
    await rig.sandbox.spoil(match=match, when="after_execute", do={"reset": True})
    with pytest.raises(errors.OutcomeUnknown):
        await rig.place_many(requests)
    found = [order.venue_client_id for order in await rig.trading.open_orders(rig.market, rig.throttle)]
    assert [found.count(request.venue_client_id) for request in requests] == [1, 1, 1]
    await cancel_everything(rig)


async def test_what_a_venue_refuses_of_a_batch_as_a_whole_is_no_proof_for_any_order(rig: Rig) -> None:
    good, malformed = await resting(rig, 1), rig.request(price=(await rig.resting_price()) + rig.market.tick_size / 10)
    batch = [*good, malformed]
    if rig.can.place_batch_is_whole:
        with pytest.raises(errors.OutcomeUnknown):
            await rig.place_many(batch)
    else:
        results = await rig.place_many(batch)
        assert isinstance(results[good[0].venue_client_id], VenueOrder)
        assert isinstance(results[malformed.venue_client_id], errors.InvalidRequest)
    await cancel_everything(rig)


async def test_orders_are_cancelled_in_one_call_where_the_venue_has_it(rig: Rig) -> None:
    requests = await resting(rig, 2)
    placed = [order for order in (await rig.place_many(requests)).values() if isinstance(order, VenueOrder)]
    nobodys = VenueOrderId("ord_9999999999999999")
    ids = [order.venue_order_id for order in placed]
    if rig.can.cancel_batch_max == 0:
        with pytest.raises(errors.NotSupported):
            await rig.trading.cancel_many(ids, rig.throttle)
    else:
        told = await rig.trading.cancel_many([*ids, nobodys], rig.throttle)
        assert [told[order_id] for order_id in ids] == [None, None]
        assert isinstance(told[nobodys], errors.OrderNotFound)
        again = await rig.trading.cancel_many(ids, rig.throttle)
        assert all(isinstance(again[order_id], errors.OrderNotFound) for order_id in ids)
        assert not {request.venue_client_id for request in requests} & (await open_ids(rig)).keys()
    await cancel_everything(rig)


async def cancel_everything(rig: Rig) -> None:
    assert CancelAllScope.MARKET in rig.can.cancel_all
    before = await open_ids(rig)
    told = await rig.trading.cancel_all(rig.market, rig.throttle)
    assert told is not None
    assert set(before.values()) == told.keys()
    assert {None if order is None else order.status for order in told.values()} <= {None, OrderStatus.CANCELLED}
    assert await open_ids(rig) == {}
    assert await rig.trading.cancel_all(rig.market, rig.throttle) == {}


async def test_all_orders_of_the_account_are_cancelled_where_the_venue_can(rig: Rig) -> None:
    await rig.place_many(await resting(rig, 2))
    if CancelAllScope.ACCOUNT in rig.can.cancel_all:
        assert len(await rig.trading.cancel_all(None, rig.throttle) or ()) == 2
    else:
        with pytest.raises(errors.NotSupported):
            await rig.trading.cancel_all(None, rig.throttle)
    await cancel_everything(rig)


async def test_an_order_is_amended_where_the_venue_can(rig: Rig) -> None:
    [request] = await resting(rig, 1)
    await rig.place(request)

    async def amend(client_id: VenueClientId, **terms: Decimal | None) -> VenueOrder:
        asked: dict[str, Any] = {"price": None, "quantity": None} | terms
        return await rig.trading.amend(
            rig.market, client_id, **asked, throttle=rig.throttle, begin_send=rig.send_time(0)
        )

    assert request.price is not None
    assert request.quantity is not None
    price, quantity = request.price - rig.market.tick_size, request.quantity + rig.market.step_size
    if rig.can.amend != frozenset(AmendField):
        with pytest.raises(errors.NotSupported):
            await amend(request.venue_client_id, price=price)
    else:
        assert (await amend(request.venue_client_id, price=price)).price == price
        order = await amend(request.venue_client_id, quantity=quantity)
        assert (order.price, order.quantity) == (price, quantity)
        assert await rig.trading.order(rig.market, request.venue_client_id, rig.throttle) == order
        with pytest.raises(errors.InvalidRequest):
            await amend(request.venue_client_id, price=price + rig.market.tick_size / 10)
        with pytest.raises(errors.OrderNotFound):
            await amend(rig.request().venue_client_id, price=price)
        await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)
        with pytest.raises(errors.DefiniteNo):
            await amend(request.venue_client_id, price=price)
    await cancel_everything(rig)
