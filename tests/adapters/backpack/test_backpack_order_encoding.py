import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from adapters.backpack import wire
from adapters.backpack.order_encoding import client_id, echo_mismatch, encode_order
from adapters.models import (
    OrderOptions,
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)
from tests.adapters.backpack.samples import PERP, SELL_POST_ONLY, golden

D = Decimal
LIMIT = replace(SELL_POST_ONLY, type=OrderType.LIMIT)
MARKET = replace(LIMIT, type=OrderType.MARKET, price=None)


def order(name: str = "order_limit", **changes: Any) -> wire.Order:
    return convert(golden(name, **changes), type=wire.Order, strict=False)


@given(st.binary(min_size=32, max_size=32))
def test_a_client_id_is_a_uint32_but_never_zero(digest: bytes) -> None:
    assert 1 <= int(client_id(digest)) <= 2**32 - 1
    assert client_id(digest) == client_id(digest)


def test_client_ids_at_the_edges() -> None:
    assert client_id(bytes(32)) == "1"
    assert client_id((2**32 - 2).to_bytes(32, "big")) == "4294967295"
    assert client_id((2**32 - 1).to_bytes(32, "big")) == "1"


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (
            SELL_POST_ONLY,
            {"orderType": "Limit", "postOnly": True, "price": "101.5", "quantity": "0.2", "side": "Ask"},
        ),
        (
            replace(LIMIT, side=Side.BUY, time_in_force=TimeInForce.IOC, price=D("1E+2")),
            {"orderType": "Limit", "price": "100", "quantity": "0.2", "side": "Bid", "timeInForce": "IOC"},
        ),
        (MARKET, {"orderType": "Market", "quantity": "0.2", "side": "Ask"}),
        (
            replace(MARKET, quantity=None, quote_quantity=D("25.50")),
            {"orderType": "Market", "quoteQuantity": "25.5", "side": "Ask"},
        ),
        (
            replace(
                LIMIT,
                market=PERP,
                reduce_only=True,
                time_in_force=TimeInForce.FOK,
                self_trade_prevention=SelfTradePrevention.REJECT_BOTH,
            ),
            {
                "orderType": "Limit",
                "price": "101.5",
                "quantity": "0.2",
                "reduceOnly": True,
                "selfTradePrevention": "RejectBoth",
                "side": "Ask",
                "symbol": "SOL_USDC_PERP",
                "timeInForce": "FOK",
            },
        ),
        (
            replace(
                LIMIT,
                type=OrderType.STOP_LIMIT,
                options=OrderOptions(
                    stop_price=D("99.5"),
                    trigger_price_type=TriggerPriceType.INDEX,
                    venue_params={"autoBorrow": True, "slippageTolerance": "0.5"},
                ),
            ),
            {
                "autoBorrow": True,
                "orderType": "Limit",
                "price": "101.5",
                "side": "Ask",
                "slippageTolerance": "0.5",
                "triggerBy": "IndexPrice",
                "triggerPrice": "99.5",
                "triggerQuantity": "0.2",
            },
        ),
        (
            replace(MARKET, type=OrderType.TAKE_PROFIT, options=OrderOptions(stop_price=D(120))),
            {"orderType": "Market", "side": "Ask", "triggerPrice": "120", "triggerQuantity": "0.2"},
        ),
    ],
)
def test_bodies(request_: OrderRequest, body: dict[str, Any]) -> None:
    expected = {"clientId": 424242, "symbol": "SOL_USDC"} | body
    encoded = encode_order(request_)
    assert encoded == json.dumps(expected, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "request_",
    [
        replace(LIMIT, type=OrderType.STOP_LIMIT),
        replace(LIMIT, type=OrderType.ICEBERG),
        replace(LIMIT, options=OrderOptions(stop_price=D(1))),
        replace(LIMIT, options=OrderOptions(visible_quantity=D(1))),
        replace(LIMIT, options=OrderOptions(trigger_price_type=TriggerPriceType.LAST)),
        replace(LIMIT, options=OrderOptions(venue_params={"postOnly": True})),
        replace(LIMIT, type=OrderType.STOP_MARKET, options=OrderOptions(stop_price=D(1))),
        replace(LIMIT, time_in_force=TimeInForce.GTT),
        replace(SELL_POST_ONLY, time_in_force=TimeInForce.IOC),
        replace(LIMIT, price=None),
        replace(LIMIT, quantity=None),
        replace(LIMIT, quote_quantity=D(1)),
        replace(LIMIT, quantity=None, quote_quantity=D(1)),
        replace(MARKET, price=D(1)),
        replace(LIMIT, reduce_only=True),
    ],
)
def test_what_the_venue_cannot_do_is_not_encoded(request_: OrderRequest) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_order(request_)


@pytest.mark.parametrize("change", [{"quantity": D(0)}, {"price": D(-1)}, {"price": D("NaN")}])
def test_sizes_that_are_no_sizes_are_not_encoded(change: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match=r"positive|sane"):
        encode_order(replace(LIMIT, **change))  # type: ignore[arg-type]


def test_the_echo_of_what_was_sent_matches() -> None:
    assert echo_mismatch(SELL_POST_ONLY, order()) is None
    by_quote = replace(MARKET, side=Side.BUY, quantity=None, quote_quantity=D("25.5"))
    assert echo_mismatch(by_quote, order("order_market_by_quote_synthetic")) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "SOL_USDC_PERP"),
        ("clientId", 424243),
        ("clientId", None),
        ("side", "Bid"),
        ("orderType", "Market"),
        ("postOnly", False),
        ("quantity", "0.21"),
        ("quantity", None),
        ("price", "101.51"),
        ("reduceOnly", True),
        ("triggerPrice", "100"),
    ],
)
def test_any_other_order_in_the_answer_is_noticed(field: str, value: Any) -> None:
    assert echo_mismatch(SELL_POST_ONLY, order(**{field: value})) == field


def test_the_echo_of_an_order_that_waits_has_its_size_under_another_name() -> None:
    waits = replace(LIMIT, type=OrderType.STOP_LIMIT, options=OrderOptions(D(120), TriggerPriceType.LAST))
    changes = {"clientId": 424242, "triggerQuantity": "0.2"}
    assert echo_mismatch(waits, order("order_trigger_pending_synthetic", **changes)) is None
    for name, value in {"triggerQuantity": "50%", "triggerPrice": "121", "triggerBy": "MarkPrice"}.items():
        expected = "quantity" if name == "triggerQuantity" else name
        assert echo_mismatch(waits, order("order_trigger_pending_synthetic", **changes | {name: value})) == expected


def test_a_reduce_only_order_may_come_back_smaller_but_not_larger() -> None:
    request = replace(LIMIT, market=PERP, reduce_only=True)
    changes: dict[str, Any] = {"symbol": "SOL_USDC_PERP", "postOnly": False, "reduceOnly": True}
    assert echo_mismatch(request, order(**changes, quantity="0.1")) is None
    assert echo_mismatch(request, order(**changes, quantity="0.3")) == "quantity"


def test_time_in_force_and_quote_quantity_are_compared_where_they_were_given() -> None:
    request = replace(SELL_POST_ONLY, time_in_force=TimeInForce.GTC)
    assert echo_mismatch(request, order(timeInForce="IOC")) == "timeInForce"
    by_quote = replace(MARKET, side=Side.BUY, quantity=None, quote_quantity=D(26))
    assert echo_mismatch(by_quote, order("order_market_by_quote_synthetic")) == "quoteQuantity"
