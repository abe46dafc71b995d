"""What venues settle differently: kept rejections, capped reduce-only orders, margin order by order; and amending."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.matching import Account, Engine, Expiry, Reason, Refusal, Rules, Status, TimeInForce
from sandbox.matching.events import OrderEvent, OrderEventKind
from tests.sandbox.clients import engine, wish

D = Decimal
RULES = Rules(keeps_rejected=True, caps_reducing=True, reserves_margin=True)


def venue(*names: str, cash: int = 1_000) -> tuple[Engine, list[Account]]:
    return engine(*names, cash=cash, rules=RULES)


def trade(market: Engine, buyer: Account, seller: Account, price: str, quantity: str) -> None:
    """Let two accounts trade a perpetual with each other."""
    market.place(seller, wish("sell", price, quantity, perp=True), 0)
    market.place(buyer, wish("buy", price, quantity, perp=True), 0)


def test_a_post_only_order_that_would_take_is_kept_as_rejected() -> None:
    market, (a, b) = venue("a", "b")
    market.place(a, wish("sell", "100", perp=True), 0)
    market.take_events(0)
    order = market.place(b, wish("buy", "100", perp=True, post_only=True), 1)
    assert (order.status, order.expiry, order.remaining) == (Status.REJECTED, Expiry.WOULD_TAKE, D(0))
    kinds = [event.kind for event in market.take_events(1) if isinstance(event, OrderEvent)]
    assert kinds == [OrderEventKind.REJECTED]
    assert b.open_orders == {}
    assert b.reserved == 0


def test_a_reduce_only_order_trades_no_more_than_its_position_as_taker_and_as_maker() -> None:
    market, (a, b) = venue("a", "b")
    trade(market, a, b, "100", "2")
    resting = market.place(a, wish("sell", "101", "5", perp=True, reduce_only=True), 0)
    assert market.books["SOL_USDC_PERP"].asks.quantity_at(D(101)) == 5
    taker = market.place(b, wish("buy", "101", "5", perp=True), 0)
    assert (resting.executed, resting.status, resting.expiry) == (D(2), Status.EXPIRED, Expiry.NOT_REDUCING)
    assert (taker.executed, taker.is_open) == (D(2), True)
    with pytest.raises(Refusal) as caught:
        market.place(a, wish("sell", "101", "1", perp=True, reduce_only=True), 0)
    assert caught.value.reason is Reason.NOT_REDUCING


def test_fill_or_kill_never_fills_a_part_of_what_it_may_not_have() -> None:
    market, (a, b) = venue("a", "b")
    trade(market, a, b, "100", "2")
    market.place(b, wish("buy", "100", "5", perp=True), 0)
    wanted = wish("sell", "100", "5", perp=True, reduce_only=True, time_in_force=TimeInForce.FOK)
    assert market.place(a, wanted, 0).expiry is Expiry.FILL_OR_KILL


def test_an_order_holds_margin_and_fee_until_it_ends() -> None:
    market, (a,) = venue("a")
    a.terms["SOL_USDC_PERP"].leverage = 10
    order = market.place(a, wish("buy", "100", "10", perp=True), 0)
    assert market.order_margin.free(a, "USDC") == D("899.5")
    assert market.order_margin.needed(order, D(100)) == D("100.5")
    with pytest.raises(Refusal) as caught:
        market.place(a, wish("sell", "100", "90", perp=True), 0)
    assert (caught.value.required, caught.value.available) == (D("904.5"), D("899.5"))
    market.cancel(order, 1)
    assert market.order_margin.free(a, "USDC") == 1000


def test_isolated_margin_follows_the_position_open_closed_and_flipped() -> None:
    market, (a, b) = venue("a", "b", cash=10_000)
    terms = a.terms["SOL_USDC_PERP"]
    terms.leverage, terms.isolated = 10, True
    trade(market, a, b, "100", "10")
    position = a.positions["SOL_USDC_PERP"]
    assert position.margin == 100
    trade(market, b, a, "110", "5")
    assert position.margin == 50
    trade(market, b, a, "110", "8")
    assert (position.quantity, position.margin) == (D(-3), D(33))
    trade(market, a, b, "110", "3")
    assert market.order_margin.held(a) == 0


def test_orders_end_when_their_time_is_over() -> None:
    market, (a,) = venue("a")
    late, early = (market.place(a, wish("buy", "1", perp=True, expires_us=at), 0) for at in (200, 100))
    assert not market.end_overdue(99)
    assert market.end_overdue(100)
    assert (early.status, early.expiry, late.is_open) == (Status.EXPIRED, Expiry.TIME, True)
    market.cancel(late, 150)
    assert not market.end_overdue(300)


def test_amending_keeps_the_place_for_less_and_loses_it_for_more() -> None:
    market, (a, b) = venue("a", "b")
    first, second = (market.place(a, wish("buy", "100", "2", perp=True), 0) for _ in range(2))
    market.amend(first, price=D(100), quantity=D(1), now_us=1)
    market.place(b, wish("sell", "100", "0.5", perp=True), 2)
    assert (first.executed, second.executed) == (D("0.5"), D(0))
    market.amend(first, price=D(100), quantity=D(3), now_us=3)
    market.place(b, wish("sell", "100", "0.5", perp=True), 4)
    assert (first.executed, first.remaining, second.executed) == (D("0.5"), D("2.5"), D("0.5"))
    exposure = a.exposures["SOL_USDC_PERP"]
    assert exposure.buying == first.remaining + second.remaining


def test_a_refused_amendment_changes_nothing() -> None:
    market, (a, b) = venue("a", "b")
    market.place(b, wish("sell", "101", "1", perp=True), 0)
    order = market.place(a, wish("buy", "100", "5", perp=True, post_only=True), 0)
    for price, quantity in ((D(101), D(5)), (D(100), D(11))):
        with pytest.raises(Refusal):
            market.amend(order, price=price, quantity=quantity, now_us=1)
        assert (order.price, order.quantity, order.remaining, order.updated_us) == (D(100), D(5), D(5), 0)
    market.amend(order, price=D(100), quantity=D("9.9"), now_us=1)  # what it holds already counts for it
    assert order.remaining == D("9.9")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["buy", "sell"]), st.integers(95, 105), st.integers(1, 5)),
        max_size=30,
    ),
    st.lists(st.tuples(st.integers(0, 5), st.integers(95, 105), st.integers(1, 8)), max_size=10),
)
def test_books_and_exposure_agree_however_orders_are_amended(
    placed: list[tuple[int, str, int, int]], amended: list[tuple[int, int, int]]
) -> None:
    market, accounts = venue("a", "b", cash=100_000)
    for who, side, price, quantity in placed:
        market.place(accounts[who], wish(side, str(price), str(quantity), perp=True), 0)
    for index, price, quantity in amended:
        orders = [order for account in accounts for order in account.open_orders.values()]
        if index < len(orders) and orders[index].executed < quantity:
            market.amend(orders[index], price=D(price), quantity=D(quantity), now_us=1)
    book = market.books["SOL_USDC_PERP"]
    assert not (book.bids.prices and book.asks.prices) or book.bids.prices[-1] < book.asks.prices[0]
    for account in accounts:
        orders = list(account.open_orders.values())
        assert all(order.quantity == order.executed + order.remaining for order in orders)
        exposure = account.exposures["SOL_USDC_PERP"]
        assert exposure.buying == sum(order.remaining for order in orders if order.is_buy)
        assert exposure.selling == sum(order.remaining for order in orders if not order.is_buy)
    shown = sum(level.quantity for side in (book.bids, book.asks) for level in side.levels.values())
    assert shown == sum(order.remaining for account in accounts for order in account.open_orders.values())
