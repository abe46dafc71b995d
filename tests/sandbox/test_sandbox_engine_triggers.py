"""Waiting orders: when they fire, what they become, brackets, trailing stops; icebergs and tolerances beside them."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.matching import (
    Account,
    Engine,
    Expiry,
    Leg,
    Order,
    PriceSource,
    Reason,
    Refusal,
    Rules,
    Slippage,
    Status,
    TimeInForce,
    Trigger,
)
from sandbox.matching.events import OrderEvent, OrderEventKind
from tests.sandbox.clients import engine, wish

D = Decimal
REPLACING = Rules(replaces_triggered=True)
STAYING = Rules(keeps_rejected=True, caps_reducing=True, reserves_margin=True)
PERP = "SOL_USDC_PERP"


def at(price: str, *, rises: bool, source: PriceSource = PriceSource.MARK) -> Trigger:
    return Trigger(source, D(price), rises)


def move(market: Engine, price: str, now_us: int = 5) -> None:
    """Let the perpetual's mark and index be this price."""
    market.prices.pin_index(PERP, D(price))
    market.prices.pin_mark(PERP, D(price))
    market.follow_prices(now_us)


def trade(market: Engine, buyer: Account, seller: Account, price: str, quantity: str = "1") -> None:
    market.place(seller, wish("sell", price, quantity, perp=True), 0)
    market.place(buyer, wish("buy", price, quantity, perp=True), 0)


def told(market: Engine) -> list[tuple[OrderEventKind, int]]:
    return [(event.kind, event.order.id) for event in market.take_events(9) if isinstance(event, OrderEvent)]


def successor(account: Account, waiting: Order) -> Order:
    return next(order for order in account.open_orders.values() if order.related is waiting)


@pytest.mark.parametrize(("rises", "before", "after"), [(True, "100.99", "101"), (False, "99.01", "99")])
def test_a_trigger_fires_when_its_price_is_reached_and_not_before(rises: bool, before: str, after: str) -> None:
    market, (a,) = engine("a", rules=REPLACING)
    waiting = market.place(a, wish("buy", "95", perp=True, trigger=at(after, rises=rises)), 0)
    move(market, before)
    assert (waiting.status, list(a.open_orders.values())) == (Status.WAITING, [waiting])
    assert market.books[PERP].bids.prices == []
    move(market, after)
    assert waiting.status is Status.TRIGGERED
    assert successor(a, waiting).status is Status.NEW
    assert market.books[PERP].bids.prices == [D(95)]


def test_a_trigger_already_reached_fires_at_once() -> None:
    market, (a,) = engine("a", rules=STAYING)
    move(market, "100")
    order = market.place(a, wish("buy", "90", perp=True, trigger=at("100", rises=True)), 3)
    assert (order.status, order.triggered_us) == (Status.NEW, 3)


def test_a_replaced_trigger_is_told_before_the_order_that_points_back_to_it() -> None:
    market, (a,) = engine("a", rules=REPLACING)
    waiting = market.place(a, wish("buy", "95", perp=True, client_id=7, trigger=at("101", rises=True)), 0)
    assert told(market) == [(OrderEventKind.TRIGGER_PLACED, waiting.id)]
    move(market, "101")
    placed = successor(a, waiting)
    assert told(market) == [(OrderEventKind.TRIGGERED, waiting.id), (OrderEventKind.ACCEPTED, placed.id)]
    assert (placed.request.client_id, placed.triggered_us, placed.request.trigger) == (7, 5, None)


def test_a_trigger_that_stays_itself_trades_as_itself() -> None:
    market, (a, b) = engine("a", "b", rules=STAYING)
    market.place(b, wish("sell", "102", perp=True), 0)
    order = market.place(a, wish("buy", None, perp=True, trigger=at("101", rises=True)), 0)
    market.take_events(0)
    move(market, "101")
    assert (order.status, order.executed_quote) == (Status.FILLED, D(102))
    assert [kind for kind, number in told(market) if number == order.id] == [
        OrderEventKind.TRIGGERED,
        OrderEventKind.FILLED,
    ]


def test_the_last_price_of_a_trade_fires_what_waits_for_it() -> None:
    market, (a, b, c) = engine("a", "b", "c", rules=REPLACING)
    stop = at("105", rises=True, source=PriceSource.LAST)
    waiting = market.place(c, wish("buy", "50", perp=True, trigger=stop), 0)
    move(market, "105")
    assert waiting.is_waiting
    trade(market, a, b, "105")
    assert waiting.status is Status.TRIGGERED


def test_one_trigger_sets_off_the_next() -> None:
    market, (a, b, c) = engine("a", "b", "c", rules=REPLACING)
    for price in ("110", "120"):
        market.place(b, wish("sell", price, perp=True), 0)
    first = market.place(a, wish("buy", "120", "2", perp=True, trigger=at("101", rises=True)), 0)
    second = market.place(c, wish("buy", "90", perp=True, trigger=at("120", rises=True, source=PriceSource.LAST)), 0)
    move(market, "101")
    assert (first.status, second.status) == (Status.TRIGGERED, Status.TRIGGERED)


def test_a_trigger_that_cannot_be_paid_fails_and_says_why() -> None:
    market, (poor,) = engine("poor", cash=1, coins=0, rules=REPLACING)
    waiting = market.place(poor, wish("buy", "95", "100", perp=True, trigger=at("101", rises=True)), 0)
    market.take_events(0)
    move(market, "101")
    assert (waiting.status, waiting.expiry) == (Status.TRIGGER_FAILED, Expiry.INSUFFICIENT_MARGIN)
    assert told(market) == [(OrderEventKind.TRIGGER_FAILED, waiting.id)]
    assert poor.open_orders == {}


def test_a_share_of_the_position_is_taken_when_it_fires() -> None:
    market, (a, b) = engine("a", "b", rules=REPLACING)
    trade(market, a, b, "100", "4")
    waiting = market.place(a, wish("sell", "103", None, perp=True, share=D("0.5"), trigger=at("102", rises=True)), 0)
    move(market, "102")
    assert successor(a, waiting).quantity == 2


def test_a_share_of_no_position_fails() -> None:
    market, (a,) = engine("a", rules=REPLACING)
    waiting = market.place(a, wish("sell", None, None, perp=True, share=D(1), trigger=at("102", rises=True)), 0)
    move(market, "102")
    assert (waiting.status, waiting.expiry) == (Status.TRIGGER_FAILED, Expiry.NO_POSITION)


def test_a_cancelled_trigger_never_fires() -> None:
    market, (a,) = engine("a", rules=REPLACING)
    waiting = market.place(a, wish("buy", "95", perp=True, trigger=at("101", rises=True)), 0)
    market.cancel(waiting, 1)
    move(market, "102")
    assert (waiting.status, a.open_orders) == (Status.CANCELLED, {})


def test_waiting_orders_and_resting_ones_can_be_cancelled_apart() -> None:
    market, (a,) = engine("a", rules=REPLACING)
    waiting = market.place(a, wish("buy", "95", perp=True, trigger=at("101", rises=True)), 0)
    resting = market.place(a, wish("buy", "95", perp=True), 0)
    assert market.cancel_all(a, PERP, 1, waiting=True) == [waiting]
    assert market.cancel_all(a, PERP, 1) == [resting]


def test_a_waiting_order_reserves_its_margin_where_orders_do() -> None:
    market, (a,) = engine("a", cash=1_000, rules=STAYING)
    market.place(a, wish("buy", "100", "9", perp=True, trigger=at("105", rises=True)), 0)
    assert a.reserved == 900 + D("0.45")
    with pytest.raises(Refusal) as caught:
        market.place(a, wish("buy", "100", "2", perp=True, trigger=at("105", rises=True)), 0)
    assert caught.value.reason is Reason.INSUFFICIENT_MARGIN


def test_a_waiting_order_can_be_amended() -> None:
    market, (a,) = engine("a", rules=STAYING)
    order = market.place(a, wish("buy", "100", perp=True, trigger=at("105", rises=True)), 0)
    market.amend(order, price=D(99), quantity=D(2), now_us=1)
    move(market, "105")
    assert market.books[PERP].bids.quantity_at(D(99)) == 2


@pytest.mark.parametrize(
    ("side", "start", "prices", "fires_at"),
    [
        ("sell", None, ["100", "110", "104.5"], "104.5"),
        ("sell", "108", ["100", "95", "108", "120", "114"], "114"),
        ("buy", None, ["100", "90", "94.5"], "94.5"),
        ("buy", "92", ["100", "110", "92", "80", "84"], "84"),
    ],
)
def test_a_trailing_stop_follows_the_best_price_from_its_start(
    side: str, start: str | None, prices: list[str], fires_at: str
) -> None:
    market, (house, trader) = engine("house", "trader", rules=STAYING)
    for price, other in (("50", "buy"), ("200", "sell")):
        market.place(house, wish(other, price, perp=True), 0)
    move(market, prices[0])
    trigger = Trigger(PriceSource.MARK, None if start is None else D(start), rises=side == "buy", callback=D("0.05"))
    order = market.place(trader, wish(side, None, perp=True, trigger=trigger), 0)
    for price in prices[1:]:
        assert order.is_waiting
        move(market, price)
    assert order.executed == 1
    assert prices[-1] == fires_at


def bracketed(price: str, quantity: str, **more: Any) -> Any:
    return wish(
        "buy",
        price,
        quantity,
        perp=True,
        take_profit=Leg(PriceSource.MARK, D(110), D("109.5")),
        stop_loss=Leg(PriceSource.MARK, D(90)),
        **more,
    )


def test_a_bracket_closes_what_its_parent_has_filled_so_far() -> None:
    market, (a, b) = engine("a", "b", rules=REPLACING)
    parent = market.place(a, bracketed("100", "3"), 0)
    assert list(a.open_orders.values()) == [parent]
    market.place(b, wish("sell", "100", "1", perp=True), 1)
    legs = [order for order in a.open_orders.values() if order.is_waiting]
    assert [(leg.quantity, leg.related, leg.request.reduce_only) for leg in legs] == [(D(1), parent, True)] * 2
    market.place(b, wish("sell", "100", "2", perp=True), 2)
    assert [leg.quantity for leg in legs] == [D(3), D(3)]


def test_the_half_of_a_bracket_that_fires_cancels_the_other() -> None:
    market, (a, b) = engine("a", "b", rules=REPLACING)
    parent = market.place(a, bracketed("100", "1"), 0)
    market.place(b, wish("sell", "100", "1", perp=True), 1)
    take_profit, stop_loss = (order for order in a.open_orders.values() if order.related is parent)
    move(market, "110")
    assert (take_profit.status, stop_loss.status) == (Status.TRIGGERED, Status.CANCELLED)
    closing = successor(a, take_profit)
    assert (closing.price, closing.quantity, closing.is_buy) == (D("109.5"), D(1), False)


def test_a_stop_without_a_position_left_fails() -> None:
    market, (a, b) = engine("a", "b", rules=REPLACING)
    market.place(a, bracketed("100", "1"), 0)
    market.place(b, wish("sell", "100", "1", perp=True), 1)
    stop_loss = list(a.open_orders.values())[-1]
    trade(market, b, a, "101")
    move(market, "90")
    assert (stop_loss.status, stop_loss.expiry) == (Status.TRIGGER_FAILED, Expiry.NO_POSITION)


def test_the_legs_of_a_spot_buy_sell_what_is_left_after_the_fee() -> None:
    market, (a, b, c) = engine("a", "b", "c", rules=REPLACING)
    market.transfer(a, "SOL", D(-10_000), 0)
    market.place(a, wish("buy", "100", "1", stop_loss=Leg(PriceSource.LAST, D(90))), 0)
    market.place(b, wish("sell", "100", "1"), 0)
    market.place(b, wish("buy", "90", "2"), 0)
    market.place(c, wish("sell", "90", "1"), 0)
    assert a.balances["SOL"].total == D("1") - D("0.0008") - D("0.99")


# -- icebergs ----------------------------------------------------------------------------------------------------------


def test_an_iceberg_shows_a_part_and_each_refill_queues_anew() -> None:
    market, (a, b, c) = engine("a", "b", "c", rules=STAYING)
    iceberg = market.place(a, wish("sell", "100", "5", perp=True, visible=D(2)), 0)
    behind = market.place(b, wish("sell", "100", "1", perp=True), 0)
    asks = market.books[PERP].asks
    assert asks.quantity_at(D(100)) == 3
    market.place(c, wish("buy", "100", "2.5", perp=True), 1)
    assert (iceberg.executed, behind.executed, asks.quantity_at(D(100))) == (D(2), D("0.5"), D("2.5"))
    market.place(c, wish("buy", "100", "3.5", perp=True), 1)
    assert (iceberg.remaining, iceberg.hidden, behind.status) == (D(0), D(0), Status.FILLED)


def test_an_iceberg_takes_with_all_of_it_and_fills_or_kills_see_what_is_hidden() -> None:
    market, (a, b) = engine("a", "b", rules=STAYING)
    market.place(a, wish("sell", "100", "3", perp=True), 0)
    order = market.place(b, wish("buy", "100", "5", perp=True, visible=D(1)), 0)
    assert (order.executed, market.books[PERP].bids.quantity_at(D(100))) == (D(3), D(1))
    taker = market.place(a, wish("sell", "100", "2", perp=True, time_in_force=TimeInForce.FOK), 0)
    assert taker.status is Status.FILLED


def test_a_cancelled_or_smaller_iceberg_leaves_the_book_right() -> None:
    market, (a,) = engine("a", rules=STAYING)
    order = market.place(a, wish("sell", "100", "5", perp=True, visible=D(2)), 0)
    asks = market.books[PERP].asks
    market.amend(order, price=D(100), quantity=D(3), now_us=1)
    assert (asks.quantity_at(D(100)), order.hidden) == (D(2), D(1))
    market.amend(order, price=D(100), quantity=D(1), now_us=1)
    assert (asks.quantity_at(D(100)), order.hidden) == (D(1), D(0))
    market.cancel(order, 2)
    assert asks.prices == []


# -- tolerance ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slippage", "executed", "expiry"),
    [
        (Slippage(D("0.5"), in_ticks=False), "1", Expiry.SLIPPAGE),
        (Slippage(D(40), in_ticks=True), "1", Expiry.SLIPPAGE),
        (Slippage(D(60), in_ticks=True), "2", Expiry.INSUFFICIENT_LIQUIDITY),
    ],
)
def test_a_market_order_stops_where_its_tolerance_ends(slippage: Slippage, executed: str, expiry: Expiry) -> None:
    market, (a, b) = engine("a", "b")
    for price in ("100", "100.6"):
        market.place(a, wish("sell", price, perp=True), 0)
    order = market.place(b, wish("buy", None, "3", perp=True, slippage=slippage), 0)
    assert (order.executed, order.expiry) == (D(executed), expiry)
