from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec.json import decode

from adapters.models import (
    AccountName,
    Fill,
    FillEvent,
    Liquidity,
    OrderEvent,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueOrder,
    VenueOrderId,
)
from adapters.zanbara import wire
from adapters.zanbara.order_mapping import (
    normalize_fill,
    normalize_fill_event,
    normalize_order,
    normalize_order_event,
)
from tests.adapters.zanbara.samples import VENUE, item, raw

D = Decimal
ORDER = VenueOrder(
    venue=VENUE,
    symbol=Symbol("SOL-USDC-PERP"),
    venue_order_id=VenueOrderId("ord_0000000000000001"),
    venue_client_id=VenueClientId("unique-id-12345"),
    side=Side.BUY,
    type=OrderType.LIMIT,
    status=OrderStatus.PARTIAL_FILLED,
    filled_quantity=D(4),
    created_time_us=1_759_800_000_000_000,
    quantity=D(10),
    price=D("150.5"),
    average_price=D("150.5"),
    time_in_force=TimeInForce.GTC,
)
FILL = Fill(
    venue=VENUE,
    symbol=Symbol("SOL-USDC-PERP"),
    venue_order_id=VenueOrderId("ord_0000000000000001"),
    venue_client_id=VenueClientId("unique-id-12345"),
    trade_id="trd_0000000000000042",
    side=Side.BUY,
    price=D("150.5"),
    quantity=D(4),
    fee=D("0.1204"),
    fee_asset="USDC",
    liquidity=Liquidity.MAKER,
    venue_time_us=1_759_800_000_450_000,
)


def order(name: str = "order_synthetic", **changes: Any) -> wire.Order:
    return decode(raw(name, **changes), type=wire.Order)


def test_order_that_is_partly_filled() -> None:
    assert normalize_order(VENUE, order()) == ORDER


def test_order_that_was_rejected_says_why() -> None:
    normalized = normalize_order(VENUE, order("order_would_match_synthetic"))
    assert normalized == replace(
        ORDER,
        venue_order_id=VenueOrderId("ord_0000000000000002"),
        venue_client_id=VenueClientId("g1abcdefghijklmnopqrstuvwxyz"),
        side=Side.SELL,
        type=OrderType.POST_ONLY,
        status=OrderStatus.REJECTED,
        filled_quantity=D(0),
        quantity=D("0.2"),
        price=D("151.5"),
        average_price=None,
        reason="POST_ONLY_WOULD_MATCH",
    )


def test_an_order_of_somebody_who_gave_no_client_id() -> None:
    normalized = normalize_order(VENUE, order(client_order_id=None, type="market", price=None, time_in_force="IOC"))
    assert normalized == replace(
        ORDER, venue_client_id=None, type=OrderType.MARKET, price=None, time_in_force=TimeInForce.IOC
    )


@pytest.mark.parametrize("status", OrderStatus)
def test_every_status_has_the_venues_word(status: OrderStatus) -> None:
    assert normalize_order(VENUE, order(status=status.value)).status is status


@pytest.mark.parametrize("order_type", OrderType)
def test_every_type_has_the_venues_word(order_type: OrderType) -> None:
    assert normalize_order(VENUE, order(type=order_type.value)).type is order_type


@pytest.mark.parametrize(
    "change",
    [
        {"status": "partially_filled"},
        {"status": "canceled"},
        {"status": "Filled"},
        {"side": "long"},
        {"type": "oco"},
        {"symbol": "SOL-USDC"},
    ],
)
def test_what_an_order_is_must_be_known(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"unknown|no name of a market"):
        normalize_order(VENUE, order(**change))


def test_words_that_only_describe_may_be_unknown() -> None:
    normalized = normalize_order(VENUE, order(time_in_force="GTX", reason="New one"))
    assert (normalized.time_in_force, normalized.reason) == (None, "New one")


def test_fill() -> None:
    assert normalize_fill(VENUE, decode(item("fills_synthetic"), type=wire.Fill)) == FILL
    taker = decode(item("fills_synthetic", liquidity="taker", client_order_id=None, fee="-0.1"), type=wire.Fill)
    assert normalize_fill(VENUE, taker) == replace(FILL, liquidity=Liquidity.TAKER, venue_client_id=None, fee=D("-0.1"))


@pytest.mark.parametrize("change", [{"liquidity": "both"}, {"side": "long"}, {"quantity": "0"}, {"price": "NaN"}])
def test_a_fill_that_cannot_be_right_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"unknown|positive|sane"):
        normalize_fill(VENUE, decode(item("fills_synthetic", **change), type=wire.Fill))


def test_events_carry_the_account_and_the_time_of_the_change() -> None:
    account = AccountName("a")
    event = normalize_order_event(VENUE, account, order(), received_time_us=5)
    assert event == OrderEvent(account, ORDER, fill=None, venue_time_us=1_759_800_000_450_000, received_time_us=5)
    unchanged = normalize_order_event(VENUE, account, order(updated_at=None), received_time_us=5)
    assert unchanged.venue_time_us == ORDER.created_time_us
    fill = decode(item("fills_synthetic"), type=wire.Fill)
    assert normalize_fill_event(VENUE, account, fill, received_time_us=5) == FillEvent(
        account, FILL, venue_time_us=FILL.venue_time_us, received_time_us=5
    )
