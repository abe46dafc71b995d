"""Limits on one order: what is beyond them, what an order is worth, and that flattening is never locked out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models import NO_OPTIONS, OrderOptions, OrderType, Side, VenueName
from gateway.errors import Code, Outcome, Refusal
from gateway.risk.limits import Level, LevelKind, amount, check, needs_price, notional, units
from gateway.settings import LimitSettings
from tests.gateway.orders.exchange import market

MARKET = market(VenueName("v"))
MARK = Decimal(100)


@dataclass(frozen=True)
class Order:
    side: Side = Side.BUY
    type: OrderType = OrderType.LIMIT
    quantity: Decimal | None = Decimal(2)
    quote_quantity: Decimal | None = None
    price: Decimal | None = MARK
    reduce_only: bool = False
    options: OrderOptions = NO_OPTIONS


def taking(**changes: Any) -> Order:
    return Order(**({"type": OrderType.MARKET, "price": None} | changes))


def level(**limits: Any) -> Level:
    return Level(LevelKind.DESK, "arb", LimitSettings.model_validate(limits))


def refusal(order: Order, price: Decimal | None = MARK, **limits: Any) -> dict[str, Any]:
    """The details of the refusal, its field beside them."""
    with pytest.raises(Refusal) as caught:
        check(order, MARKET, price, [level(), level(**limits)])
    error = caught.value
    assert (error.code, error.outcome) == (Code.RISK_REJECTED, Outcome.NOT_SENT)
    assert error.details is not None
    return {**error.details, "field": error.field}


def beyond(limit: str, allowed: str, would_be: str | None, field: str) -> dict[str, Any]:
    return {"level": "desk", "name": "arb", "limit": limit, "allowed": allowed, "would_be": would_be, "field": field}


def passes(order: Order, price: Decimal | None = MARK, **limits: Any) -> bool:
    check(order, MARKET, price, [level(**limits)])
    return True


def test_an_order_may_be_as_large_as_its_limits_and_no_larger() -> None:
    assert passes(Order(), max_quantity="2", max_notional="200", daily_notional="200")
    assert refusal(Order(), max_quantity="1.9") == beyond("max_quantity", "1.9", "2", "quantity")
    assert refusal(Order(), max_notional="199.99") == beyond("max_notional", "199.99", "200", "quantity")
    assert refusal(Order(), daily_notional="199") == beyond("daily_notional", "199", "200", "quantity")


def test_an_order_by_quote_quantity_is_measured_by_that() -> None:
    order = taking(quantity=None, quote_quantity=Decimal(500))
    assert refusal(order, max_notional="499") == beyond("max_notional", "499", "500", "quote_quantity")
    assert refusal(order, max_quantity="4") == beyond("max_quantity", "4", "5", "quote_quantity")
    assert refusal(order, None, max_quantity="4") == beyond("max_quantity", "4", None, "quote_quantity")
    assert passes(order, None, max_notional="500")


def test_a_market_order_is_worth_what_the_market_says_and_is_refused_while_that_is_unknown() -> None:
    assert notional(taking(), MARKET, Decimal(150)) == 300
    assert refusal(taking(), max_notional="199") == beyond("max_notional", "199", "200", "quantity")
    assert refusal(taking(), None, max_notional="1000") == beyond("max_notional", "1000", None, "quantity")


def test_a_sale_below_the_market_is_worth_what_the_market_says() -> None:
    order = Order(side=Side.SELL, price=Decimal(1))
    assert refusal(order, max_notional="199") == beyond("max_notional", "199", "200", "quantity")
    assert refusal(order, None, max_notional="199") == beyond("max_notional", "199", None, "quantity")
    assert notional(Order(side=Side.SELL, price=Decimal(120)), MARKET, MARK) == 240
    assert notional(Order(side=Side.SELL, price=Decimal(1), type=OrderType.POST_ONLY), MARKET, None) == 2


@pytest.mark.parametrize(
    ("side", "within", "outside", "edge"), [(Side.BUY, "105", "105.01", "105"), (Side.SELL, "95", "94.99", "95")]
)
def test_the_band_is_about_buying_above_and_selling_below(side: Side, within: str, outside: str, edge: str) -> None:
    assert passes(Order(side=side, price=Decimal(within)), price_band="0.05")
    refused = refusal(Order(side=side, price=Decimal(outside)), price_band="0.05")
    assert refused == beyond("price_band", edge, outside, "price")
    other_way = Decimal(1) if side is Side.BUY else Decimal(10_000)
    assert passes(Order(side=side, price=other_way), price_band="0.05")


def with_stop(stop: str, **changes: Any) -> Order:
    given: dict[str, Any] = {"type": OrderType.STOP_LIMIT, "options": OrderOptions(stop_price=Decimal(stop))}
    return Order(**(given | changes))


def test_an_order_that_comes_to_life_later_is_worth_what_it_would_be_then() -> None:
    assert notional(with_stop("150", type=OrderType.STOP_MARKET, price=None), MARKET, MARK) == 300
    assert notional(with_stop("80", price=Decimal(82)), MARKET, None) == 164
    trailing = Order(type=OrderType.TRAILING_STOP, price=None, options=OrderOptions(activation_price=Decimal(130)))
    assert notional(trailing, MARKET, MARK) == 260


def test_a_band_is_judged_where_the_order_comes_to_life() -> None:
    assert passes(with_stop("150", price=Decimal("157.5")), price_band="0.05")
    refused = refusal(with_stop("150", price=Decimal("157.51")), price_band="0.05")
    assert refused == beyond("price_band", "157.5", "157.51", "price")
    assert passes(with_stop("80", side=Side.SELL, price=Decimal(76)), price_band="0.05")


@pytest.mark.parametrize(("side", "stop", "price"), [(Side.BUY, "150", "157"), (Side.SELL, "50", "48")])
def test_a_take_profit_that_the_market_is_past_is_judged_by_the_market(side: Side, stop: str, price: str) -> None:
    order = with_stop(stop, side=side, type=OrderType.TAKE_PROFIT, price=Decimal(price))
    assert refusal(order, price_band="0.05")["limit"] == "price_band"


def test_a_band_refuses_everything_while_the_market_is_unknown() -> None:
    assert refusal(Order(), None, price_band="0.05") == beyond("price_band", "0.05", None, "price")
    assert refusal(taking(), None, price_band="0.05") == beyond("price_band", "0.05", None, "type")
    assert passes(taking(), price_band="0.05")


def test_symbols_are_known_by_both_names() -> None:
    assert passes(Order(), allowed_symbols=["SOL-USDC"])
    assert passes(Order(), allowed_symbols=["SOL_USDC"])
    assert refusal(Order(), allowed_symbols=["BTC-USDC"]) == beyond("allowed_symbols", "BTC-USDC", "SOL-USDC", "symbol")


def test_reduce_only_keeps_to_band_and_symbols_alone() -> None:
    order = taking(reduce_only=True)
    assert passes(order, None, max_quantity="0", max_notional="0", daily_notional="0")
    assert refusal(order, None, price_band="0.05")["limit"] == "price_band"
    assert refusal(order, allowed_symbols=[])["limit"] == "allowed_symbols"


_orders = st.builds(
    Order,
    side=st.sampled_from(Side),
    type=st.sampled_from([OrderType.LIMIT, OrderType.POST_ONLY]),
    price=st.decimals("0.01", "1000", places=2),
    quantity=st.decimals("0.1", "1000", places=1),
    reduce_only=st.booleans(),
) | st.builds(taking, side=st.sampled_from(Side), quantity=st.decimals("0.1", "1000", places=1))
_limits = st.fixed_dictionaries(
    {},
    optional={
        "max_quantity": st.just("500"),
        "max_notional": st.just("5000"),
        "daily_notional": st.just("9000"),
        "price_band": st.just("0.5"),
    },
)


@given(_orders, _limits)
def test_where_no_price_is_needed_the_answer_is_the_same_with_one(order: Order, limits: dict[str, str]) -> None:
    def answer(price: Decimal | None) -> str:
        try:
            check(order, MARKET, price, [level(**limits)])
        except Refusal as error:
            return str(error.details)
        return "passes"

    if not needs_price(order, [level(**limits)]):
        assert answer(None) == answer(MARK)
    elif answer(None) == "passes":
        raise AssertionError("an order that needs the market's price passed without it")


@given(st.decimals(0, 10**11, places=18))
def test_units_never_say_less_than_the_amount(quote: Decimal) -> None:
    counted = units(quote)
    assert amount(counted) >= quote or quote > amount(10**15)
    assert amount(counted) - quote < Decimal("0.0001")
