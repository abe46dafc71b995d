"""ccxt for Python places, finds and cancels orders."""

from typing import Any

import ccxt
import pytest

from tests.clients.ccxt_python import PERP, SPOT, answer, redirect
from tests.clients.venue import Venue


async def best(exchange: Any, symbol: str = SPOT) -> tuple[float, float]:
    """The best bid and the best ask."""
    book = await answer(exchange.fetch_order_book(symbol, 5))
    return book["bids"][0][0], book["asks"][0][0]


async def resting(exchange: Any, symbol: str = SPOT, **params: Any) -> Any:
    """A bid well below the market."""
    bid, _ = await best(exchange, symbol)
    return await answer(exchange.create_order(symbol, "limit", "buy", 0.5, round(bid * 0.9, 2), params))


async def bought(exchange: Any, symbol: str = SPOT, amount: float = 0.1) -> Any:
    """A market order that has just been filled."""
    return await answer(exchange.create_order(symbol, "market", "buy", amount))


@pytest.mark.calls("create_order: limit")
async def test_a_limit_order_rests_and_locks_what_it_would_cost(exchange: Any) -> None:
    order = await resting(exchange, clientOrderId=42)
    assert (order["status"], order["type"], order["side"], order["timeInForce"]) == ("open", "limit", "buy", "GTC")
    assert (order["filled"], order["remaining"], order["clientOrderId"]) == (0, 0.5, "42")
    balance = await answer(exchange.fetch_balance())
    assert balance["USDC"]["used"] == pytest.approx(order["price"] * 0.5)


@pytest.mark.calls("create_order: market")
async def test_a_market_order_is_filled_at_once(exchange: Any) -> None:
    order = await bought(exchange)
    assert (order["status"], order["filled"], order["remaining"]) == ("closed", 0.1, 0)
    assert order["average"] == pytest.approx(order["cost"] / 0.1)


@pytest.mark.calls("create_order: market by cost")
async def test_a_market_order_can_say_what_it_spends(exchange: Any) -> None:
    order = await answer(exchange.create_order(SPOT, "market", "buy", 0, None, {"cost": 50}))
    assert order["status"] == "closed"
    assert 45 < order["cost"] <= 50


@pytest.mark.calls("create_market_order_with_cost")
async def test_the_short_hand_for_spending_buys_that_many_coins(exchange: Any) -> None:
    """ccxt passes the cost on as an amount, so 2 are two coins and not two dollars: use `params={"cost": …}`."""
    order = await answer(exchange.create_market_order_with_cost(SPOT, "buy", 2))
    assert order["filled"] == 2


@pytest.mark.calls("create_order: IOC")
async def test_an_immediate_order_that_meets_nobody_expires(exchange: Any) -> None:
    order = await resting(exchange, timeInForce="IOC")
    assert (order["status"], order["filled"], order["timeInForce"]) == ("canceled", 0, "IOC")


@pytest.mark.calls("create_order: post only")
@pytest.mark.parametrize("params", [{"postOnly": True}, {"timeInForce": "PO"}], ids=["flag", "PO"])
async def test_a_post_only_order_rests(exchange: Any, params: dict[str, Any]) -> None:
    """ccxt turns the time in force `PO` into the venue's flag, which leaves the time in force `GTC`."""
    order = await resting(exchange, **params)
    assert (order["status"], order["postOnly"], order["timeInForce"]) == ("open", True, "GTC")


@pytest.mark.calls("create_post_only_order")
async def test_the_short_hand_for_post_only_rests(exchange: Any) -> None:
    bid, _ = await best(exchange)
    order = await answer(exchange.create_post_only_order(SPOT, "limit", "buy", 0.5, round(bid * 0.9, 2)))
    assert (order["status"], order["postOnly"]) == ("open", True)


@pytest.mark.calls("create_order: post only, InvalidOrder")
async def test_a_post_only_order_that_would_trade_is_refused(exchange: Any) -> None:
    _, ask = await best(exchange)
    with pytest.raises(ccxt.InvalidOrder, match="immediately match"):
        await answer(exchange.create_order(SPOT, "limit", "buy", 0.5, round(ask * 1.02, 2), {"postOnly": True}))


@pytest.mark.calls("create_reduce_only_order")
async def test_a_reduce_only_order_closes_a_position(exchange: Any) -> None:
    await bought(exchange, PERP, 0.2)
    order = await answer(exchange.create_reduce_only_order(PERP, "market", "sell", 0.2))
    assert (order["status"], order["reduceOnly"]) == ("closed", True)
    assert await answer(exchange.fetch_positions()) == []


@pytest.mark.calls("create_orders")
async def test_a_batch_is_answered_order_by_order(exchange: Any) -> None:
    """An order refused in a batch comes back without an id; having no time, ccxt sorts it to the front."""
    bid, ask = await best(exchange)
    order = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.5}
    wishes = [
        order | {"price": round(bid * 0.9, 2)},
        order | {"price": round(ask * 1.02, 2), "params": {"postOnly": True}},
        order | {"price": round(bid * 0.8, 2)},
    ]
    refused, *placed = await answer(exchange.create_orders(wishes))
    assert refused["id"] is None
    assert refused["info"]["code"] == "INVALID_ORDER"
    assert [order["status"] for order in placed] == ["open", "open"]
    assert {order["id"] for order in await answer(exchange.fetch_open_orders(SPOT))} == {o["id"] for o in placed}


@pytest.mark.calls("fetch_open_order")
async def test_a_resting_order_is_found_by_its_id(exchange: Any) -> None:
    order = await resting(exchange)
    found = await answer(exchange.fetch_open_order(order["id"], SPOT))
    assert (found["id"], found["price"], found["status"]) == (order["id"], order["price"], "open")


@pytest.mark.calls("fetch_open_orders")
async def test_open_orders_are_listed_for_one_market_or_all(exchange: Any) -> None:
    spot, perp = await resting(exchange), await resting(exchange, PERP)
    assert {order["id"] for order in await answer(exchange.fetch_open_orders())} == {spot["id"], perp["id"]}
    assert [order["id"] for order in await answer(exchange.fetch_open_orders(PERP))] == [perp["id"]]


@pytest.mark.calls("fetch_order")
async def test_an_order_is_found_while_it_rests_and_as_soon_as_it_is_filled(exchange: Any) -> None:
    """ccxt looks in the history first and then among the open orders: a fill that is late there would be an error."""
    order = await resting(exchange)
    assert (await answer(exchange.fetch_order(order["id"], SPOT)))["status"] == "open"
    filled = await bought(exchange)
    assert (await answer(exchange.fetch_order(filled["id"], SPOT)))["status"] == "closed"


@pytest.mark.calls("fetch_order: not found", "fetch_open_order: not found")
async def test_an_unknown_order_looks_like_an_outage(exchange: Any) -> None:
    """ccxt takes `RESOURCE_NOT_FOUND` for `ExchangeNotAvailable`, not for `OrderNotFound`."""
    for fetch in (exchange.fetch_order, exchange.fetch_open_order):
        with pytest.raises(ccxt.ExchangeNotAvailable, match="RESOURCE_NOT_FOUND"):
            await answer(fetch("1", SPOT))


@pytest.mark.calls("fetch_orders")
async def test_all_orders_of_an_account_are_listed(exchange: Any) -> None:
    filled = await bought(exchange)
    order = await resting(exchange)
    await answer(exchange.cancel_order(order["id"], SPOT))
    statuses = {order["id"]: order["status"] for order in await answer(exchange.fetch_orders(SPOT))}
    assert statuses == {filled["id"]: "closed", order["id"]: "canceled"}


@pytest.mark.calls("fetch_my_trades")
async def test_a_fill_names_its_order_and_its_fee(exchange: Any) -> None:
    """A buyer on a spot market pays the fee in what was bought."""
    order = await bought(exchange)
    trades = await answer(exchange.fetch_my_trades(SPOT))
    assert {trade["order"] for trade in trades} == {order["id"]}
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.1)
    assert all(trade["takerOrMaker"] == "taker" and trade["side"] == "buy" for trade in trades)
    assert {trade["fee"]["currency"] for trade in trades} == {"SOL"}
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(0.1 * 0.001)


@pytest.mark.calls("fetch_my_trades: since")
async def test_fills_can_be_asked_for_from_a_time_on(exchange: Any) -> None:
    await bought(exchange)
    [trade, *_] = await answer(exchange.fetch_my_trades(SPOT))
    assert await answer(exchange.fetch_my_trades(SPOT, since=trade["timestamp"] + 60_000)) == []
    assert await answer(exchange.fetch_my_trades(SPOT, since=trade["timestamp"], limit=1)) == [trade]


@pytest.mark.calls("cancel_order")
async def test_a_cancelled_order_is_gone(exchange: Any) -> None:
    order = await resting(exchange)
    cancelled = await answer(exchange.cancel_order(order["id"], SPOT))
    assert (cancelled["id"], cancelled["status"]) == (order["id"], "canceled")
    assert await answer(exchange.fetch_open_orders(SPOT)) == []


@pytest.mark.calls("cancel_order: not found")
async def test_cancelling_twice_looks_like_an_outage(exchange: Any) -> None:
    order = await resting(exchange)
    await answer(exchange.cancel_order(order["id"], SPOT))
    with pytest.raises(ccxt.ExchangeNotAvailable, match="RESOURCE_NOT_FOUND"):
        await answer(exchange.cancel_order(order["id"], SPOT))


@pytest.mark.calls("cancel_all_orders")
async def test_all_orders_of_one_market_are_cancelled(exchange: Any) -> None:
    first, second = await resting(exchange), await resting(exchange)
    other = await resting(exchange, PERP)
    cancelled = await answer(exchange.cancel_all_orders(SPOT))
    assert {order["id"] for order in cancelled} == {first["id"], second["id"]}
    assert [order["id"] for order in await answer(exchange.fetch_open_orders())] == [other["id"]]


@pytest.mark.calls("cancel_order: empty answer", "cancel_all_orders: empty answer")
async def test_a_cancel_without_an_answer_is_done_and_reads_like_nothing(exchange: Any, curt: Venue) -> None:
    """ccxt makes an order without an id of it, and fails on what it takes for a list."""
    redirect(exchange, curt, curt.keys["desk-a"])
    order = await resting(exchange)
    assert (await answer(exchange.cancel_order(order["id"], SPOT)))["id"] is None
    await resting(exchange)
    with pytest.raises(AttributeError):
        await answer(exchange.cancel_all_orders(SPOT))
    assert await answer(exchange.fetch_open_orders(SPOT)) == []
