"""ccxt for Python places orders that wait for a price, and brackets; the mark price is moved by hand."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.ccxt_python import PERP, answer
from tests.clients.eventually import eventually
from tests.clients.test_ccxt_orders import best, bought
from tests.clients.venue import Venue

SYMBOL = "SOL_USDC_PERP"


@pytest.fixture
def set_mark(venue: Venue) -> Iterator[Callable[[float], Any]]:
    """Moves the mark price, which follows the market again after the test."""
    yield lambda price: venue.control("prices", {"symbol": SYMBOL, "mark": f"{price:.2f}"})
    venue.control("prices", {"symbol": SYMBOL, "mark": None})


@pytest.mark.calls("create_order: trigger")
async def test_a_triggered_order_waits_with_its_price(exchange: Any) -> None:
    """The venue shows no quantity before the trigger; ccxt reads the amount from the trigger's."""
    bid, _ = await best(exchange, PERP)
    params = {"triggerPrice": bid * 0.8}
    order = await answer(exchange.create_order(PERP, "limit", "sell", 0.5, round(bid * 0.79, 2), params))
    assert (order["status"], order["triggerPrice"], order["info"]["triggerQuantity"]) == (
        "open",
        pytest.approx(bid * 0.8, abs=0.01),
        "0.5",
    )
    [found] = await answer(exchange.fetch_open_orders(PERP))
    assert found["id"] == order["id"]
    assert (await answer(exchange.cancel_order(order["id"], PERP)))["status"] == "canceled"


@pytest.mark.calls("create_trigger_order")
async def test_a_trigger_that_is_reached_sends_a_new_order(exchange: Any, set_mark: Callable[[float], Any]) -> None:
    """The order that trades has an id of its own; the waiting one's status is a word that ccxt does not translate."""
    bid, _ = await best(exchange, PERP)
    set_mark(bid)
    await bought(exchange, PERP, 0.5)
    waiting = await answer(
        exchange.create_trigger_order(PERP, "market", "sell", 0.5, None, bid * 0.95, {"triggerBy": "MarkPrice"})
    )
    set_mark(bid * 0.94)

    async def sold() -> bool:
        return any(trade["side"] == "sell" for trade in await answer(exchange.fetch_my_trades(PERP)))

    await eventually(sold)
    assert await answer(exchange.fetch_open_orders(PERP)) == []
    assert await answer(exchange.fetch_positions()) == []
    sales = [trade for trade in await answer(exchange.fetch_my_trades(PERP)) if trade["side"] == "sell"]
    assert {trade["order"] for trade in sales} != {waiting["id"]}


@pytest.mark.calls("create_order_with_take_profit_and_stop_loss")
async def test_a_bracket_closes_the_position_on_one_side_and_goes(
    exchange: Any, set_mark: Callable[[float], Any]
) -> None:
    bid, _ = await best(exchange, PERP)
    set_mark(bid)
    by_mark = {"takeProfitTriggerBy": "MarkPrice", "stopLossTriggerBy": "MarkPrice"}
    order = await answer(
        exchange.create_order_with_take_profit_and_stop_loss(
            PERP, "market", "buy", 0.5, None, bid * 1.05, bid * 0.95, by_mark
        )
    )
    assert order["status"] == "closed"
    assert order["takeProfitPrice"] == pytest.approx(bid * 1.05, abs=0.01)
    assert order["stopLossPrice"] == pytest.approx(bid * 0.95, abs=0.01)
    legs = await answer(exchange.fetch_open_orders(PERP))
    assert {leg["info"]["relatedOrderId"] for leg in legs} == {order["id"]}
    assert len(legs) == 2
    set_mark(bid * 0.94)

    async def closed() -> bool:
        return not await answer(exchange.fetch_positions())

    await eventually(closed)
    assert await answer(exchange.fetch_open_orders(PERP)) == []
