"""bpx-py places, finds and cancels orders, in both flavours.

It never looks at the status of an answer: an error comes back like a success, as what its body says.
"""

from dataclasses import replace

import pytest

from tests.clients.bpx_py import PERP, SPOT, Bpx, account_of, pointed_at
from tests.clients.ccxt_python import answer
from tests.clients.venue import Venue


@pytest.mark.calls("execute_order: limit", "get_open_order", "cancel_order")
async def test_a_limit_order_is_placed_found_and_cancelled(bpx: Bpx) -> None:
    order = await bpx.resting()
    assert (order["status"], order["quantity"]) == ("New", "0.5")
    assert (await answer(bpx.account.get_open_order(SPOT, order["id"])))["id"] == order["id"]
    assert (await answer(bpx.account.cancel_order(SPOT, order["id"])))["status"] == "Cancelled"


@pytest.mark.calls("get_open_order: client id", "cancel_order: client id")
async def test_an_order_is_found_and_cancelled_by_its_client_id(bpx: Bpx) -> None:
    """bpx-py places it with a number and asks for it with text."""
    order = await bpx.resting(client_id=7)
    assert order["clientId"] == 7
    assert (await answer(bpx.account.get_open_order(SPOT, client_id=7)))["id"] == order["id"]
    assert (await answer(bpx.account.cancel_order(SPOT, client_id=7)))["id"] == order["id"]


@pytest.mark.calls("cancel_order: empty answer")
async def test_a_cancel_without_an_answer_is_done(bpx: Bpx, curt: Venue) -> None:
    with pointed_at(curt):
        there = replace(bpx, account=account_of(bpx.account_class, curt.keys["desk-b"]))
        order = await there.resting()
        assert await answer(there.account.cancel_order(SPOT, order["id"])) == ""
        assert await answer(there.account.get_open_orders()) == []


@pytest.mark.calls("execute_order: market")
async def test_a_market_order_is_filled_at_once(bpx: Bpx) -> None:
    order = await bpx.bought()
    assert (order["status"], order["executedQuantity"]) == ("Filled", "0.1")


@pytest.mark.calls("execute_order: market by quote")
async def test_a_market_order_can_say_what_it_spends(bpx: Bpx) -> None:
    order = await answer(bpx.account.execute_order(SPOT, "Bid", "Market", quote_quantity="50"))
    assert 45 < float(order["executedQuoteQuantity"]) <= 50


@pytest.mark.calls("execute_order: post only")
async def test_a_post_only_order_that_would_trade_is_an_answer_like_any_other(bpx: Bpx) -> None:
    price = f"{await bpx.best_bid() * 1.05:.2f}"
    refusal = await answer(bpx.account.execute_order(SPOT, "Bid", "Limit", quantity="0.5", price=price, post_only=True))
    assert refusal["code"] == "INVALID_ORDER"


@pytest.mark.calls("execute_order: reduce only")
async def test_a_reduce_only_order_closes_a_position(bpx: Bpx) -> None:
    await bpx.bought(PERP)
    order = await answer(bpx.account.execute_order(PERP, "Ask", "Market", quantity="0.1", reduce_only=True))
    assert (order["status"], order["reduceOnly"]) == ("Filled", True)
    assert await answer(bpx.account.get_open_positions()) == []


@pytest.mark.calls("execute_order: trigger")
async def test_a_triggered_order_waits(bpx: Bpx) -> None:
    """bpx-py sends a quantity beside the trigger's, and a `triggeredBy` that the venue does not look at."""
    bid = await bpx.best_bid(PERP)
    order = await answer(
        bpx.account.execute_order(
            PERP,
            "Ask",
            "Market",
            quantity="0.5",
            trigger_price=f"{bid * 0.8:.2f}",
            trigger_quantity="0.5",
            triggered_by="MarkPrice",
        )
    )
    assert (order["status"], order["triggerQuantity"], order["quantity"]) == ("TriggerPending", "0.5", "0")
    assert order["triggerBy"] != "MarkPrice"
    [found] = await answer(bpx.account.get_open_orders(symbol=PERP))
    assert found["id"] == order["id"]


@pytest.mark.calls("execute_order: bracket")
async def test_a_bracket_follows_its_order(bpx: Bpx, venue: Venue) -> None:
    bid = await bpx.best_bid(PERP)
    order = await answer(
        bpx.account.execute_order(
            PERP,
            "Bid",
            "Market",
            quantity="0.5",
            take_profit_trigger_price=f"{bid * 1.1:.2f}",
            stop_loss_trigger_price=f"{bid * 0.9:.2f}",
        )
    )
    assert order["status"] == "Filled"
    legs = await answer(bpx.account.get_open_orders(symbol=PERP))
    assert [leg["relatedOrderId"] for leg in legs] == [order["id"], order["id"]]


@pytest.mark.calls("get_open_orders", "cancel_all_orders")
async def test_all_orders_of_a_market_are_listed_and_cancelled(bpx: Bpx) -> None:
    orders = [await bpx.resting(), await bpx.resting()]
    other = await bpx.resting(PERP)
    ids = {order["id"] for order in orders}
    assert {order["id"] for order in await answer(bpx.account.get_open_orders(symbol=SPOT))} == ids
    assert {order["id"] for order in await answer(bpx.account.cancel_all_orders(SPOT))} == ids
    assert [order["id"] for order in await answer(bpx.account.get_open_orders())] == [other["id"]]


@pytest.mark.calls("get_open_orders: market type")
async def test_only_the_synchronous_flavour_asks_for_a_market_type(bpx: Bpx) -> None:
    """The other one drops it and so shows the orders of all markets."""
    spot, perp = await bpx.resting(), await bpx.resting(PERP)
    found = {order["id"] for order in await answer(bpx.account.get_open_orders(market_type="SPOT"))}
    assert found == ({spot["id"], perp["id"]} if bpx.is_async else {spot["id"]})


@pytest.mark.calls("get_order_history")
async def test_a_filled_order_is_in_the_history_at_once(bpx: Bpx) -> None:
    order = await bpx.bought()
    [found] = await answer(bpx.account.get_order_history(SPOT, order["id"]))
    assert (found["id"], found["status"]) == (order["id"], "Filled")


@pytest.mark.calls("get_fill_history")
async def test_fills_name_their_order_and_fee(bpx: Bpx) -> None:
    order = await bpx.bought()
    fills = await answer(bpx.account.get_fill_history(SPOT))
    assert {(fill["orderId"], fill["feeSymbol"]) for fill in fills} == {(order["id"], "SOL")}
