import base64
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode

from adapters.models import (
    OrderOptions,
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
    VenueClientId,
)
from adapters.zanbara import wire
from adapters.zanbara.order_encoding import client_id, echo_mismatch, encode_order
from tests.adapters.zanbara.samples import SELL_POST_ONLY, golden, raw

D = Decimal
LIMIT = replace(SELL_POST_ONLY, type=OrderType.LIMIT)
TRAILING = OrderOptions(callback_rate=D("0.05"), activation_price=D(160))
MARKET = replace(LIMIT, type=OrderType.MARKET, price=None)


def order(**changes: Any) -> wire.Order:
    return decode(raw("order_post_only_synthetic", **changes), type=wire.Order)


@given(st.binary(min_size=32, max_size=32))
def test_a_client_id_is_short_and_keeps_130_bits(digest: bytes) -> None:
    text = client_id(digest)
    assert re.fullmatch(r"g1[a-z2-7]{26}", text)
    assert base64.b32decode(text[2:].upper() + "======")[:16] == digest[:16]
    assert client_id(digest) == text


def test_the_published_sample_is_encoded_byte_for_byte() -> None:
    request = replace(
        LIMIT, venue_client_id=VenueClientId("unique-id-12345"), side=Side.BUY, quantity=D(10), price=D("150.50")
    )
    assert encode_order(request).decode() == golden("signing")[1]["body"]


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (SELL_POST_ONLY, {"side": "sell", "type": "post_only", "quantity": "0.2", "price": "151.5"}),
        (
            replace(LIMIT, side=Side.BUY, time_in_force=TimeInForce.FOK, price=D("1E+2")),
            {"side": "buy", "type": "limit", "quantity": "0.2", "price": "100", "time_in_force": "FOK"},
        ),
        (
            replace(MARKET, reduce_only=True, time_in_force=TimeInForce.IOC),
            {"side": "sell", "type": "market", "quantity": "0.2", "time_in_force": "IOC", "reduce_only": True},
        ),
        (
            replace(LIMIT, time_in_force=TimeInForce.GTT, options=OrderOptions(expire_time_ms=1_759_800_060_000)),
            {
                "side": "sell",
                "type": "limit",
                "quantity": "0.2",
                "price": "151.5",
                "time_in_force": "GTT",
                "expire_time": 1_759_800_060_000,
            },
        ),
        (
            replace(LIMIT, type=OrderType.ICEBERG, options=OrderOptions(visible_quantity=D("0.05"))),
            {"side": "sell", "type": "iceberg", "quantity": "0.2", "price": "151.5", "visible_quantity": "0.05"},
        ),
        (
            replace(MARKET, type=OrderType.STOP_MARKET, options=OrderOptions(D(140), TriggerPriceType.LAST)),
            {
                "side": "sell",
                "type": "stop_market",
                "quantity": "0.2",
                "stop_price": "140",
                "trigger_price_type": "last",
            },
        ),
        (
            replace(MARKET, type=OrderType.TRAILING_STOP, options=TRAILING),
            {
                "side": "sell",
                "type": "trailing_stop",
                "quantity": "0.2",
                "callback_rate": "0.05",
                "activation_price": "160",
            },
        ),
    ],
)
def test_bodies(request_: OrderRequest, body: dict[str, Any]) -> None:
    expected = {"client_order_id": SELL_POST_ONLY.venue_client_id, "symbol": "SOL-PERP"} | body
    assert encode_order(request_) == json.dumps(expected, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "request_",
    [
        *(
            replace(LIMIT, type=order_type)
            for order_type in OrderType
            if order_type not in {OrderType.LIMIT, OrderType.POST_ONLY}
        ),
        replace(LIMIT, time_in_force=TimeInForce.GTT),
        replace(LIMIT, options=OrderOptions(expire_time_ms=1)),
        replace(LIMIT, options=OrderOptions(stop_price=D(1))),
        replace(LIMIT, options=OrderOptions(venue_params={"leverage": "3"})),
        replace(MARKET, type=OrderType.TRAILING_STOP, options=replace(TRAILING, callback_rate=D("0.21"))),
        replace(MARKET, type=OrderType.STOP_MARKET, options=OrderOptions(D(140), TriggerPriceType.INDEX)),
        replace(
            MARKET,
            type=OrderType.TAKE_PROFIT,
            time_in_force=TimeInForce.GTC,
            options=OrderOptions(D(140)),
        ),
        replace(SELL_POST_ONLY, time_in_force=TimeInForce.IOC),
        replace(MARKET, time_in_force=TimeInForce.GTC),
        replace(LIMIT, price=None),
        replace(LIMIT, quantity=None),
        replace(MARKET, quantity=None, quote_quantity=D(1)),
        replace(LIMIT, self_trade_prevention=SelfTradePrevention.REJECT_TAKER),
        replace(LIMIT, venue_client_id=VenueClientId("a b")),
        replace(LIMIT, venue_client_id=VenueClientId("a" * 65)),
        replace(LIMIT, price=D("0.000000001")),
    ],
)
def test_what_the_venue_cannot_do_is_not_encoded(request_: OrderRequest) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_order(request_)


def test_the_echo_of_what_was_sent_matches() -> None:
    assert echo_mismatch(SELL_POST_ONLY, order()) is None
    assert echo_mismatch(replace(SELL_POST_ONLY, time_in_force=TimeInForce.GTC), order()) is None
    assert echo_mismatch(replace(SELL_POST_ONLY, time_in_force=TimeInForce.GTC), order(time_in_force=None)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "ETH-PERP"),
        ("client_order_id", "other"),
        ("client_order_id", None),
        ("side", "buy"),
        ("type", "limit"),
        ("quantity", "0.21"),
        ("price", "151.51"),
        ("price", None),
        ("reduce_only", True),
        ("time_in_force", "IOC"),
        ("stop_price", "100"),
        ("visible_quantity", "0.1"),
        ("callback_rate", "0.1"),
        ("activation_price", "100"),
        ("expire_time", 1_759_800_060_000),
    ],
)
def test_any_other_order_in_the_answer_is_noticed(field: str, value: Any) -> None:
    request = replace(SELL_POST_ONLY, time_in_force=TimeInForce.GTC)
    assert echo_mismatch(request, order(**{field: value})) == field


@given(
    quantity=st.decimals(D("0.00000001"), D(10) ** 9, places=8),
    price=st.decimals(D("0.00000001"), D(10) ** 9, places=8),
    side=st.sampled_from(Side),
)
def test_what_is_encoded_comes_back_as_the_same_order(quantity: Decimal, price: Decimal, side: Side) -> None:
    request = replace(LIMIT, quantity=quantity, price=price, side=side)
    echo = decode(encode_order(request), type=dict[str, str])
    padded = {name: format(D(echo[name]), ".8f") for name in ("quantity", "price")}
    assert echo_mismatch(request, order(**(echo | padded))) is None
