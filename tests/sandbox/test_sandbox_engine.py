"""The matching engine: single rules by example, and what holds whatever happens by property."""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.matching import (
    Account,
    Band,
    Engine,
    Expiry,
    Leg,
    Market,
    MarketKind,
    OrderRequest,
    OrderType,
    PriceSource,
    Reason,
    Refusal,
    Rules,
    SelfTrade,
    Side,
    Status,
    TimeInForce,
    Trigger,
)
from sandbox.matching.events import OrderEvent, OrderEventKind, Trade
from tests.sandbox.clients import engine, wish

D = Decimal


def refused(market: Engine, account: Account, request: OrderRequest) -> Reason:
    with pytest.raises(Refusal) as caught:
        market.place(account, request, 0)
    return caught.value.reason


def test_better_prices_trade_first_and_older_orders_at_a_price() -> None:
    market, (maker, taker) = engine("maker", "taker")
    late_best = [market.place(maker, wish("sell", price), 0) for price in ("101", "100", "100")]
    bought = market.place(taker, wish("buy", "101", "1.5"), 1)
    assert [order.executed for order in late_best] == [D(0), D(1), D("0.5")]
    assert bought.status is Status.FILLED
    assert bought.executed_quote == D(150)


def test_a_resting_remainder_trades_at_its_own_price() -> None:
    market, (a, b) = engine("a", "b")
    resting = market.place(a, wish("buy", "99", "2"), 0)
    market.place(b, wish("sell", "90", "0.5"), 1)
    assert resting.status is Status.PARTIALLY_FILLED
    assert resting.executed_quote == D("49.5")
    assert market.books["SOL_USDC"].bids.quantity_at(D(99)) == D("1.5")


def test_spot_locks_on_placement_and_gives_back_on_cancel() -> None:
    market, (a,) = engine("a")
    buy, sell = market.place(a, wish("buy", "90", "2"), 0), market.place(a, wish("sell", "110", "3"), 0)
    assert (a.balances["USDC"].locked, a.balances["SOL"].locked) == (D(180), D(3))
    market.cancel(buy, 1)
    market.cancel(sell, 1)
    assert (a.balances["USDC"].available, a.balances["SOL"].available) == (D(1_000_000), D(10_000))
    assert not a.balances["USDC"].locked
    assert not a.balances["SOL"].locked


def test_spot_buyer_pays_the_fee_in_base_and_seller_in_quote() -> None:
    market, (maker, taker) = engine("maker", "taker")
    market.place(maker, wish("sell", "100", "2"), 0)
    market.place(taker, wish("buy", "105", "2"), 1)
    assert taker.balances["SOL"].available == D(10_000) + D("1.998")
    assert taker.balances["USDC"].available == D(1_000_000) - D(200)
    assert maker.balances["USDC"].available == D(1_000_000) + D(200) - D("0.16")


@pytest.mark.parametrize(
    ("time", "executed", "expiry"),
    [(TimeInForce.IOC, D(1), Expiry.IMMEDIATE_OR_CANCEL), (TimeInForce.FOK, D(0), Expiry.FILL_OR_KILL)],
)
def test_what_may_not_rest_expires(time: TimeInForce, executed: Decimal, expiry: Expiry) -> None:
    market, (maker, taker) = engine("maker", "taker")
    market.place(maker, wish("sell", "100"), 0)
    order = market.place(taker, wish("buy", "100", "3", time_in_force=time), 1)
    assert (order.status, order.executed, order.expiry) == (Status.EXPIRED, executed, expiry)
    assert not taker.balances["USDC"].locked
    assert not market.books["SOL_USDC"].bids.prices


def test_post_only_that_would_take_never_existed() -> None:
    market, (maker, taker) = engine("maker", "taker")
    market.place(maker, wish("sell", "100"), 0)
    market.take_events(0)
    assert refused(market, taker, wish("buy", "100", post_only=True)) is Reason.WOULD_TAKE
    assert market.take_events(0) == []
    assert market.place(taker, wish("buy", "99.99", post_only=True), 1).is_open


@pytest.mark.parametrize(
    ("rule", "taker_status", "maker_status"),
    [
        (SelfTrade.REJECT_TAKER, Status.EXPIRED, Status.NEW),
        (SelfTrade.REJECT_MAKER, Status.FILLED, Status.EXPIRED),
        (SelfTrade.REJECT_BOTH, Status.EXPIRED, Status.EXPIRED),
    ],
)
def test_an_account_never_trades_with_itself(rule: SelfTrade, taker_status: Status, maker_status: Status) -> None:
    market, (a, b) = engine("a", "b")
    own = market.place(a, wish("sell", "100"), 0)
    other = market.place(b, wish("sell", "101"), 0)
    order = market.place(a, wish("buy", "101", self_trade=rule), 1)
    assert (order.status, own.status) == (taker_status, maker_status)
    assert other.status is (Status.FILLED if rule is SelfTrade.REJECT_MAKER else Status.NEW)


def test_a_market_buy_by_quote_spends_about_that_much() -> None:
    market, (maker, taker) = engine("maker", "taker")
    market.place(maker, wish("sell", "99", "1"), 0)
    market.place(maker, wish("sell", "101", "5"), 0)
    order = market.place(taker, wish("buy", None, None, quote_quantity=D(250)), 1)
    assert order.status is Status.FILLED
    assert order.executed == D("2.49")
    assert order.executed_quote == D(99) + D("1.49") * 101
    last = [event for event in market.take_events(1) if isinstance(event, OrderEvent)][-1]
    assert (last.kind, last.status) == (OrderEventKind.FILLED, Status.FILLED)


def test_a_market_order_stops_at_the_impact_bound() -> None:
    bounded = Market(
        "SOL_USDC", MarketKind.SPOT, "SOL", "USDC", D("0.01"), D("0.01"), D("0.01"), D(100), D("0.01"),
        impact=Band(D("0.99"), D("1.01")),
    )  # fmt: skip
    market = Engine([bounded])
    maker = market.open_account("maker", {"SOL": D(10)})
    taker = market.open_account("taker", {"USDC": D(10_000)})
    market.place(maker, wish("sell", "100"), 0)
    market.place(maker, wish("sell", "102"), 0)
    order = market.place(taker, wish("buy", None, "2"), 1)
    assert (order.status, order.executed, order.expiry) == (Status.EXPIRED, D(1), Expiry.PRICE_IMPACT)


def test_what_cannot_be_paid_is_refused() -> None:
    market, (rich,) = engine("rich")
    poor = market.open_account("poor", {"USDC": D(100)})
    market.place(rich, wish("sell", "100", "5"), 0)
    assert refused(market, poor, wish("buy", "100", "1.01")) is Reason.INSUFFICIENT_FUNDS
    assert refused(market, poor, wish("buy", None, "2")) is Reason.INSUFFICIENT_FUNDS
    assert refused(market, poor, wish("sell", "100", "0.01")) is Reason.INSUFFICIENT_FUNDS
    assert refused(market, poor, wish("buy", "100", "10.01", perp=True)) is Reason.INSUFFICIENT_MARGIN
    assert market.place(poor, wish("buy", "100", "10", perp=True), 1).is_open
    assert refused(market, poor, wish("buy", "100", "0.01", perp=True)) is Reason.INSUFFICIENT_MARGIN
    assert refused(market, poor, wish("buy", "100", "0.01")) is Reason.INSUFFICIENT_FUNDS


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (wish("buy", "100.001"), Reason.PRICE_TOO_PRECISE),
        (wish("buy", "0"), Reason.PRICE_OUT_OF_RANGE),
        (wish("buy", "100", "0.001"), Reason.QUANTITY_TOO_PRECISE),
        (wish("buy", "100", "0"), Reason.QUANTITY_OUT_OF_RANGE),
        (wish("buy", "100", "-1"), Reason.QUANTITY_OUT_OF_RANGE),
        (wish("buy", "100", None), Reason.INCOMPLETE),
        (wish("buy", None, None), Reason.INCOMPLETE),
        (OrderRequest("X", Side.BUY, OrderType.LIMIT, D(1), D(1)), Reason.UNKNOWN_MARKET),
        (wish("sell", "100", reduce_only=True, perp=True), Reason.NOT_REDUCING),
    ],
)
def test_what_is_off_the_grid_or_incomplete_is_refused(request_: OrderRequest, reason: Reason) -> None:
    market, (a,) = engine("a")
    assert refused(market, a, request_) is reason


def test_a_perpetual_position_opens_reduces_flips_and_closes() -> None:
    market, (a, b) = engine("a", "b")

    def trade(side: str, price: str, quantity: str) -> None:
        other = "sell" if side == "buy" else "buy"
        market.place(b, wish(other, price, quantity, perp=True), 0)
        market.place(a, wish(side, price, quantity, perp=True), 0)

    trade("buy", "100", "2")
    assert a.positions["SOL_USDC_PERP"].entry_price == D(100)
    trade("sell", "110", "1")
    position = a.positions["SOL_USDC_PERP"]
    assert (position.quantity, position.realized, position.unrealized(D(110))) == (D(1), D(10), D(10))
    trade("sell", "120", "3")
    assert (position.quantity, position.entry_price, position.realized) == (D(-2), D(120), D(30))
    trade("buy", "115", "2")
    assert "SOL_USDC_PERP" not in a.positions
    fees = (D(200) + D(110) + D(360) + D(230)) * D("0.0005")
    assert a.balances["USDC"].available == D(1_000_000) + D(40) - fees


def test_resting_reduce_only_orders_shrink_with_the_position() -> None:
    market, (a, b) = engine("a", "b")
    market.place(b, wish("sell", "100", "3", perp=True), 0)
    market.place(a, wish("buy", "100", "3", perp=True), 0)
    assert refused(market, a, wish("sell", "120", "3.01", perp=True, reduce_only=True)) is Reason.NOT_REDUCING
    reducing = market.place(a, wish("sell", "120", "3", perp=True, reduce_only=True), 0)
    market.place(b, wish("buy", "101", "2", perp=True), 0)
    market.place(a, wish("sell", "101", "2", perp=True), 0)
    assert (reducing.quantity, reducing.remaining) == (D(1), D(1))
    market.place(b, wish("buy", "101", "1", perp=True), 0)
    market.place(a, wish("sell", "101", "1", perp=True), 0)
    assert (reducing.status, reducing.expiry) == (Status.EXPIRED, Expiry.NOT_REDUCING)
    assert market.books["SOL_USDC_PERP"].asks.prices == []


def test_update_ids_rise_by_one_per_change_and_changes_join() -> None:
    market, (a, b) = engine("a", "b")
    book = market.books["SOL_USDC"]
    for price in ("99", "98"):
        market.place(a, wish("buy", price), 0)
    change = book.take_change(0)
    assert change is not None
    assert (change.first_id, change.last_id, len(change.bids)) == (1, 2, 2)
    market.place(b, wish("sell", "98", "1.5"), 0)
    change = book.take_change(0)
    assert change is not None
    assert (change.first_id, change.last_id) == (3, 4)
    assert change.bids == [(D(98), D("0.5")), (D(99), D(0))]


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["place", "place", "place", "market", "quote", "cancel", "special", "special", "price"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(9_950, 10_050),
        st.integers(1, 400),
        st.booleans(),
        st.sampled_from(list(TimeInForce)),
        st.sampled_from(list(SelfTrade)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)


def act(market: Engine, account: Account, action: Any, now_us: int) -> None:
    _, kind, side, ticks, steps, perp, time, rule, post_only, reduce_only = action
    if kind == "price":
        events_of_price(market, action, now_us)
        return
    if kind == "special":
        waiting_or_iceberg(market, account, action, now_us)
        return
    if kind == "cancel":
        for order in list(account.open_orders.values())[:1]:
            market.cancel(order, now_us)
        return
    price, quantity = str(D(ticks) / 100), str(D(steps) / 100)
    more: dict[str, Any] = {
        "perp": perp,
        "time_in_force": time,
        "self_trade": rule,
        "reduce_only": reduce_only and perp,
    }
    if kind == "place":
        request = wish(side, price, quantity, post_only=post_only, **more)
    elif kind == "market":
        request = wish(side, None, quantity, **more)
    else:
        request = wish(side, None, None, quote_quantity=D(steps), **more)
    try:
        order = market.place(account, request, now_us)
    except Refusal:
        return
    assert order.quantity is None or order.executed <= order.quantity
    assert order.request.quote_quantity is None or order.executed_quote <= order.request.quote_quantity


def check(market: Engine, cash_each: int) -> None:
    """What must hold between any two operations."""
    for book in market.books.values():
        if book.bids.prices and book.asks.prices:
            assert book.bids.prices[-1] < book.asks.prices[0]
        for side in (book.bids, book.asks):
            assert side.prices == sorted(side.levels)
            for level in side.levels.values():
                orders = level.orders.values()
                # Refilled icebergs and triggers that fired queue by when that was.
                ids = [order.id for order in orders if order.request.visible is None and order.triggered_us is None]
                assert ids == sorted(ids)
                assert level.quantity == sum(order.remaining - order.hidden for order in level.orders.values())
                assert all(order.is_open and order.remaining > 0 for order in level.orders.values())
    for account in market.accounts.values():
        locked = {"USDC": D(0), "SOL": D(0)}
        for order in account.open_orders.values():
            if not order.market.is_perp:
                locked["USDC" if order.is_buy else "SOL"] += order.locked
        assert all(account.balances[asset].locked == amount for asset, amount in locked.items())
        exposure = account.exposures["SOL_USDC_PERP"]
        perps = [order for order in account.open_orders.values() if order.market.is_perp and not order.is_waiting]
        assert exposure.buying == sum(order.remaining for order in perps if order.is_buy)
        assert exposure.selling == sum(order.remaining for order in perps if not order.is_buy)
        if market.order_margin.is_used:
            needs = (market.order_margin.needed(order, order.valued_at) for order in account.open_orders.values())
            assert account.reserved == sum(needs)
    holdings = list(market.accounts.values())
    positions = [position for account in holdings for position in account.positions.values()]
    assert sum(position.quantity for position in positions) == 0
    assert sum(account.balances["SOL"].total for account in holdings) + market.fees_collected["SOL"] == 3 * 500
    # A position's cost is money that has not settled yet: with it, cash and fees add up to what there was.
    cash = sum(account.balances["USDC"].total for account in holdings) - sum(position.cost for position in positions)
    assert cash + market.fees_collected["USDC"] + market.liquidation.fund == 3 * cash_each


OTHER_RULES = Rules(keeps_rejected=True, caps_reducing=True, reserves_margin=True)
REPLACING = Rules(replaces_triggered=True, liquidation_fee=D("0.005"))


def events_of_price(market: Engine, action: Any, now_us: int) -> None:
    """Let the prices follow the action's, and a while pass for funding."""
    ticks, steps = action[3], action[4]
    market.prices.pin_index("SOL_USDC_PERP", D(ticks * steps) / 20_000)
    market.prices.pin_mark("SOL_USDC_PERP", D(ticks * steps) / 20_000)
    market.sample(now_us)
    market.settle_funding(now_us * 3_600_000_000)
    market.follow_prices(now_us)


def waiting_or_iceberg(market: Engine, account: Account, action: Any, now_us: int) -> None:
    _, _, side, ticks, steps, is_waiting, _, rule, has_legs, reduce_only = action
    price, quantity = D(ticks) / 100, D(steps) / 100
    more: dict[str, Any] = {"perp": True, "self_trade": rule}
    if is_waiting:
        more["trigger"] = Trigger(list(PriceSource)[steps % 3], price, rises=has_legs)
        more["reduce_only"] = reduce_only
    else:
        more["visible"] = max(D("0.01"), quantity - quantity % 1)
        if has_legs:
            more["take_profit"] = Leg(PriceSource.LAST, price + (1 if side == "buy" else -1))
            more["stop_loss"] = Leg(PriceSource.MARK, price + (-1 if side == "buy" else 1), price)
    with contextlib.suppress(Refusal):
        market.place(account, wish(side, str(price), str(quantity), **more), now_us)


@settings(max_examples=120, deadline=None)
@given(ACTIONS, st.sampled_from([Rules(), OTHER_RULES, REPLACING]), st.sampled_from([200, 20_000]))
def test_nothing_is_lost_crossed_or_overtaken(actions: list[Any], rules: Rules, cash: int) -> None:
    market, accounts = engine("a", "b", "c", cash=cash, coins=500, rules=rules)
    by_name = {account.name: account for account in accounts}
    for now_us, action in enumerate(actions):
        act(market, by_name[action[0]], action, now_us)
        check(market, cash)


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_the_same_requests_give_the_same_events(actions: list[Any]) -> None:
    def replay() -> list[str]:
        market, accounts = engine("a", "b", "c", cash=20_000, coins=500)
        by_name = {account.name: account for account in accounts}
        told: list[str] = []
        for now_us, action in enumerate(actions):
            act(market, by_name[action[0]], action, now_us)
            for event in market.take_events(now_us):
                match event:
                    case Trade():
                        told.append(repr(event))
                    case OrderEvent():
                        told.append(f"{event.kind} {event.order.id} {event.status} {event.executed}")
                    case _:
                        told.append(type(event).__name__)
        return told

    assert replay() == replay()
