"""A new order is refused for what can be found wrong with it, before anything is spent; and what makes two the same."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.contract import ParamKind
from adapters.models import (
    AccountName,
    Market,
    MarketStatus,
    OrderOptions,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
    VenueName,
)
from gateway.errors import Code, Outcome, Refusal
from gateway.numbers import EXACT, on_grid
from gateway.orders.new_order import NewOrder, check
from tests.gateway.orders.exchange import CAPABILITIES, market
from tests.gateway.orders.replica import limit_order, market_order

MARKET = market(VenueName("v"), min_price=Decimal("0.5"), max_price=Decimal(1_000))
D = Decimal


def refusal_of(order: NewOrder, on: Market = MARKET, **abilities: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(order, on, replace(CAPABILITIES, **abilities))
    assert caught.value.outcome is Outcome.NOT_SENT
    return caught.value


@pytest.mark.parametrize(
    "order",
    [
        limit_order(),
        limit_order(time_in_force=TimeInForce.IOC, reduce_only=True),
        limit_order(type=OrderType.POST_ONLY, self_trade_prevention=SelfTradePrevention.REJECT_TAKER),
        limit_order(price=D("1000"), quantity=D("0.1")),
        market_order(),
        market_order(quantity=None, quote_quantity=D("5")),
    ],
)
def test_an_order_the_market_can_take_passes(order: NewOrder) -> None:
    check(order, MARKET, CAPABILITIES)


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        (limit_order(type=OrderType.ICEBERG), Code.NOT_SUPPORTED, "type"),
        (limit_order(time_in_force=TimeInForce.GTT), Code.NOT_SUPPORTED, "time_in_force"),
        (
            limit_order(self_trade_prevention=SelfTradePrevention.REJECT_BOTH),
            Code.NOT_SUPPORTED,
            "self_trade_prevention",
        ),
        (limit_order(quantity=None), Code.INVALID_PARAMETER, "quantity"),
        (market_order(quote_quantity=D(10)), Code.INVALID_PARAMETER, "quantity"),
        (limit_order(quantity=None, quote_quantity=D(10)), Code.INVALID_PARAMETER, "quote_quantity"),
        (market_order(price=D(1)), Code.INVALID_PARAMETER, "price"),
        (limit_order(price=None), Code.INVALID_PARAMETER, "price"),
        (limit_order(type=OrderType.POST_ONLY, price=None), Code.INVALID_PARAMETER, "price"),
        (
            limit_order(type=OrderType.POST_ONLY, time_in_force=TimeInForce.IOC),
            Code.INVALID_PARAMETER,
            "time_in_force",
        ),
        (market_order(time_in_force=TimeInForce.GTC), Code.INVALID_PARAMETER, "time_in_force"),
        (limit_order(price=D("100.001")), Code.INVALID_PRECISION, "price"),
        (limit_order(quantity=D("0.15")), Code.INVALID_PRECISION, "quantity"),
        (limit_order(price=D(0)), Code.INVALID_PARAMETER, "price"),
        (limit_order(quantity=D(0)), Code.INVALID_PARAMETER, "quantity"),
        (market_order(quantity=None, quote_quantity=D(0)), Code.INVALID_PARAMETER, "quote_quantity"),
        (limit_order(price=D("0.49")), Code.INVALID_PARAMETER, "price"),
        (limit_order(price=D("1000.01")), Code.INVALID_PARAMETER, "price"),
        (limit_order(quantity=D("1000.1")), Code.INVALID_PARAMETER, "quantity"),
        (limit_order(price=D("49.99"), quantity=D("0.1")), Code.INVALID_PARAMETER, "quantity"),
        (market_order(quantity=None, quote_quantity=D("4.99")), Code.INVALID_PARAMETER, "quote_quantity"),
    ],
)
def test_what_is_wrong_is_named(order: NewOrder, code: Code, field: str) -> None:
    refusal = refusal_of(order)
    assert (refusal.code, refusal.field) == (code, field)


EVERYTHING: dict[str, Any] = {
    "order_types": frozenset(OrderType),
    "times_in_force": frozenset(TimeInForce),
    "trigger_price_types": frozenset({TriggerPriceType.MARK}),
    "venue_params": {"lend": ParamKind.BOOLEAN, "slip": ParamKind.DECIMAL, "unit": ("tick", "percent")},
}
STOP = OrderOptions(stop_price=D(90))


@pytest.mark.parametrize(
    "order",
    [
        limit_order(type=OrderType.STOP_LIMIT, options=OrderOptions(D(90), TriggerPriceType.MARK)),
        market_order(type=OrderType.STOP_MARKET, options=STOP),
        market_order(type=OrderType.TAKE_PROFIT, options=STOP),
        limit_order(type=OrderType.TAKE_PROFIT, time_in_force=TimeInForce.FOK, options=STOP),
        market_order(type=OrderType.TRAILING_STOP, options=OrderOptions(callback_rate=D("0.1"))),
        limit_order(type=OrderType.ICEBERG, options=OrderOptions(visible_quantity=D("0.1"))),
        limit_order(time_in_force=TimeInForce.GTT, options=OrderOptions(expire_time_ms=1)),
        limit_order(options=OrderOptions(venue_params={"lend": True, "slip": "0.5", "unit": "tick"})),
    ],
)
def test_every_type_passes_with_what_it_needs(order: NewOrder) -> None:
    check(order, MARKET, replace(CAPABILITIES, **EVERYTHING))


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        (limit_order(type=OrderType.STOP_LIMIT), Code.INVALID_PARAMETER, "stop_price"),
        (market_order(type=OrderType.TRAILING_STOP), Code.INVALID_PARAMETER, "callback_rate"),
        (limit_order(type=OrderType.ICEBERG), Code.INVALID_PARAMETER, "visible_quantity"),
        (limit_order(options=STOP), Code.INVALID_PARAMETER, "stop_price"),
        (limit_order(type=OrderType.STOP_MARKET, options=STOP), Code.INVALID_PARAMETER, "price"),
        (market_order(type=OrderType.STOP_LIMIT, options=STOP), Code.INVALID_PARAMETER, "price"),
        (
            market_order(type=OrderType.TAKE_PROFIT, time_in_force=TimeInForce.GTC, options=STOP),
            Code.INVALID_PARAMETER,
            "time_in_force",
        ),
        (limit_order(time_in_force=TimeInForce.GTT), Code.INVALID_PARAMETER, "expire_time"),
        (limit_order(options=OrderOptions(expire_time_ms=1)), Code.INVALID_PARAMETER, "expire_time"),
        (
            market_order(type=OrderType.STOP_MARKET, options=OrderOptions(D("90.001"))),
            Code.INVALID_PRECISION,
            "stop_price",
        ),
        (
            limit_order(type=OrderType.ICEBERG, options=OrderOptions(visible_quantity=D(999))),
            Code.INVALID_PARAMETER,
            "visible_quantity",
        ),
        (
            market_order(type=OrderType.STOP_MARKET, options=OrderOptions(D(90), TriggerPriceType.LAST)),
            Code.NOT_SUPPORTED,
            "trigger_price_type",
        ),
        (
            market_order(type=OrderType.TRAILING_STOP, options=OrderOptions(callback_rate=D(1))),
            Code.INVALID_PARAMETER,
            "callback_rate",
        ),
        (limit_order(options=OrderOptions(venue_params={"no": "x"})), Code.NOT_SUPPORTED, "venue_params.no"),
        (limit_order(options=OrderOptions(venue_params={"lend": "yes"})), Code.INVALID_PARAMETER, "venue_params.lend"),
        (limit_order(options=OrderOptions(venue_params={"slip": "1e5"})), Code.INVALID_PARAMETER, "venue_params.slip"),
        (limit_order(options=OrderOptions(venue_params={"unit": "x"})), Code.INVALID_PARAMETER, "venue_params.unit"),
    ],
)
def test_what_a_type_lacks_or_cannot_have_is_named(order: NewOrder, code: Code, field: str) -> None:
    refusal = refusal_of(order, **EVERYTHING)
    assert (refusal.code, refusal.field) == (code, field)


def test_what_an_order_waits_for_is_part_of_what_it_is() -> None:
    orders = [limit_order(type=OrderType.STOP_LIMIT, options=OrderOptions(D(price))) for price in ("90", "90.0", "91")]
    first, same, other = (order.content_hash(MARKET) for order in orders)
    assert first == same != other


def test_what_a_venue_lacks_is_refused() -> None:
    assert refusal_of(limit_order(reduce_only=True), reduce_only=False).field == "reduce_only"
    by_value = market_order(quantity=None, quote_quantity=D(10))
    assert refusal_of(by_value, market_by_quote_quantity=False).field == "quote_quantity"


def test_what_is_supported_instead_is_listed() -> None:
    assert refusal_of(limit_order(type=OrderType.ICEBERG)).details == {"supported": ["limit", "market", "post_only"]}


@pytest.mark.parametrize(
    ("order", "step", "nearest"),
    [
        (limit_order(price=D("100.001")), "0.01", ["100", "100.01"]),
        (limit_order(quantity=D("0.05")), "0.1", ["0.1"]),
        (limit_order(quantity=D("0.999999999999999999")), "0.1", ["0.9", "1"]),
    ],
)
def test_off_the_grid_is_refused_with_the_nearest_values(order: NewOrder, step: str, nearest: list[str]) -> None:
    assert refusal_of(order).details == {"step": step, "nearest": nearest}


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        (MarketStatus.TRADING, {OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY}),
        (MarketStatus.LIMIT_ONLY, {OrderType.LIMIT, OrderType.POST_ONLY}),
        (MarketStatus.POST_ONLY, {OrderType.POST_ONLY}),
        (MarketStatus.CANCEL_ONLY, set()),
        (MarketStatus.HALTED, set()),
        (MarketStatus.UNKNOWN, set()),
    ],
)
def test_a_market_takes_what_its_status_allows(status: MarketStatus, taken: set[OrderType]) -> None:
    for order in (limit_order(), market_order(), limit_order(type=OrderType.POST_ONLY)):
        if order.type in taken:
            check(order, replace(MARKET, status=status), CAPABILITIES)
        else:
            assert refusal_of(order, replace(MARKET, status=status)).code is Code.ORDER_REJECTED


digits = st.decimals(min_value=0, max_value=10**18 - 1, places=18, allow_nan=False, allow_infinity=False)


@given(digits, st.sampled_from([D("1e-18"), D("1e-9"), D("0.01"), D("0.25"), D("0.3"), D(1), D(7)]))
def test_every_refused_price_lies_between_two_that_pass(price: Decimal, tick: Decimal) -> None:
    on = market(VenueName("v"), tick_size=tick, min_notional=None)
    assume(price > 0 and not on_grid(price, tick))
    details = refusal_of(limit_order(price=price), on).details
    assert details is not None
    for near in details["nearest"]:
        check(limit_order(price=D(near)), on, CAPABILITIES)
    above = D(details["nearest"][-1])
    assert EXACT.subtract(above, tick) < price < above


@given(st.integers(0, 10**17), st.integers(0, 18))
def test_the_content_ignores_spelling_deadlines_and_labels(number: int, zeros: int) -> None:
    first = limit_order("one", price=D(number))
    again = replace(
        limit_order("one", price=D(f"{number}.{'0' * zeros}" if zeros else number)),
        symbol="SOL_USDC",
        time_in_force=TimeInForce.GTC,
        valid_until_ms=7,
        max_wait_s=0.5,
        labels=("a",),
    )
    assert first.content_hash(MARKET) == again.content_hash(MARKET)


@pytest.mark.parametrize(
    "change",
    [
        {"account": AccountName("other")},
        {"side": Side.SELL},
        {"type": OrderType.POST_ONLY},
        {"quantity": D("1.1")},
        {"quantity": None, "quote_quantity": D(1)},
        {"price": D("100.01")},
        {"price": None},
        {"time_in_force": TimeInForce.IOC},
        {"reduce_only": True},
        {"self_trade_prevention": SelfTradePrevention.REJECT_TAKER},
    ],
)
def test_everything_else_is_content(change: dict[str, Any]) -> None:
    assert limit_order().content_hash(MARKET) != limit_order(**change).content_hash(MARKET)


def test_another_market_is_other_content() -> None:
    hashes = {limit_order().content_hash(market(VenueName(v), s)) for v in ("v", "w") for s in ("A-B", "C-B")}
    assert len(hashes) == 4
