from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import convert
from msgspec.json import decode

from adapters.backpack import wire
from adapters.backpack.order_mapping import normalize_fill, normalize_order, normalize_order_event
from adapters.models import (
    AccountName,
    Fill,
    Liquidity,
    OrderEvent,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueOrder,
    VenueOrderId,
)
from tests.adapters.backpack.samples import VENUE, golden, golden_bytes

D = Decimal
ORDER = VenueOrder(
    venue=VENUE,
    symbol=Symbol("SOL-USDC"),
    venue_order_id=VenueOrderId("59787279606"),
    venue_client_id=VenueClientId("424242"),
    side=Side.SELL,
    type=OrderType.POST_ONLY,
    status=OrderStatus.PENDING,
    filled_quantity=D(0),
    created_time_us=1_788_332_789_109_000,
    quantity=D("0.2"),
    price=D("101.5"),
    time_in_force=TimeInForce.GTC,
    self_trade_prevention=SelfTradePrevention.REJECT_TAKER,
)


def order(name: str = "order_limit", **changes: Any) -> wire.Order:
    return convert(golden(name, **changes), type=wire.Order, strict=False)


def stream_order(name: str, **changes: Any) -> wire.StreamOrder:
    return convert(golden(name)["data"] | changes, type=wire.StreamOrder, strict=False)


def test_resting_order() -> None:
    assert normalize_order(VENUE, decode(golden_bytes("order_limit"), type=wire.Order)) == ORDER


def test_market_order_by_quote_quantity() -> None:
    normalized = normalize_order(VENUE, decode(golden_bytes("order_market_by_quote_synthetic"), type=wire.Order))
    assert normalized == replace(
        ORDER,
        venue_order_id=VenueOrderId("59787279700"),
        side=Side.BUY,
        type=OrderType.MARKET,
        status=OrderStatus.FILLED,
        filled_quantity=D("0.25"),
        quantity=None,
        quote_quantity=D("25.5"),
        price=None,
        average_price=D("98.98"),
    )


def test_order_of_the_history() -> None:
    normalized = normalize_order(VENUE, decode(golden_bytes("order_history_row"), type=wire.Order))
    assert normalized == replace(
        ORDER,
        symbol=Symbol("USDT-USDC"),
        venue_order_id=VenueOrderId("59669287267"),
        venue_client_id=None,
        status=OrderStatus.CANCELLED,
        created_time_us=1_788_285_244_094_000,
        quantity=D(20),
        price=D("1.0077"),
    )


def test_a_conditional_order_waits_and_its_size_is_not_the_zero_the_venue_puts_there() -> None:
    normalized = normalize_order(VENUE, decode(golden_bytes("order_trigger_pending_synthetic"), type=wire.Order))
    assert (normalized.type, normalized.status, normalized.quantity) == (
        OrderType.STOP_LIMIT,
        OrderStatus.PENDING,
        None,
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("New", OrderStatus.PENDING),
        ("PartiallyFilled", OrderStatus.PARTIAL_FILLED),
        ("Filled", OrderStatus.FILLED),
        ("Cancelled", OrderStatus.CANCELLED),
        ("Expired", OrderStatus.EXPIRED),
        ("TriggerPending", OrderStatus.PENDING),
        ("Triggered", OrderStatus.PENDING),
        ("TriggerFailed", OrderStatus.REJECTED),
    ],
)
def test_statuses(word: str, status: OrderStatus) -> None:
    assert normalize_order(VENUE, order(status=word)).status is status


@pytest.mark.parametrize("change", [{"status": "Paused"}, {"side": "Both"}, {"orderType": "Pegged"}])
def test_what_an_order_is_must_be_known(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        normalize_order(VENUE, order(**change))


def test_words_that_only_describe_may_be_unknown() -> None:
    normalized = normalize_order(VENUE, order(selfTradePrevention="Allow", timeInForce="GTX", expiryReason="New one"))
    assert (normalized.self_trade_prevention, normalized.time_in_force, normalized.reason) == (None, None, "New one")


FILL = Fill(
    venue=VENUE,
    symbol=Symbol("SOL-USDC"),
    venue_order_id=VenueOrderId("59787279606"),
    venue_client_id=VenueClientId("424242"),
    trade_id="12345",
    side=Side.BUY,
    price=D("98.98"),
    quantity=D("0.2"),
    fee=D("0.0002"),
    fee_asset="SOL",
    liquidity=Liquidity.TAKER,
    venue_time_us=1_788_285_244_094_000,
)


def test_fill() -> None:
    assert normalize_fill(VENUE, decode(golden_bytes("fill"), type=wire.Fill)) == FILL


def test_a_fill_without_id_gets_one_that_is_the_same_next_time() -> None:
    fill = convert(golden("fill", tradeId=None, clientId=None, isMaker=True), type=wire.Fill, strict=False)
    normalized = normalize_fill(VENUE, fill)
    assert normalized.trade_id == "59787279606@2026-09-01T17:54:04.094"
    assert (normalized.venue_client_id, normalized.liquidity) == (None, Liquidity.MAKER)


def test_order_event_without_fill() -> None:
    event = stream_order("stream_order_accepted")
    assert normalize_order_event(VENUE, AccountName("a"), event, received_time_us=5) == OrderEvent(
        account=AccountName("a"),
        order=replace(
            ORDER,
            symbol=Symbol("USDT-USDC"),
            venue_order_id=VenueOrderId("59887375336"),
            venue_client_id=None,
            created_time_us=1_788_367_600_122_890,
            quantity=D(20),
            price=D("1.0076"),
        ),
        fill=None,
        venue_time_us=1_788_367_600_122_890,
        received_time_us=5,
    )


def test_order_event_with_fill() -> None:
    event = normalize_order_event(VENUE, AccountName("a"), stream_order("stream_order_fill"), received_time_us=5)
    assert event.fill == replace(FILL, venue_order_id=VenueOrderId("59887375400"), venue_time_us=1_788_367_601_122_890)
    assert (event.order.status, event.order.filled_quantity, event.order.average_price) == (
        OrderStatus.FILLED,
        D("0.2"),
        D("98.98"),
    )
    assert (event.order.quantity, event.order.quote_quantity) == (D("0.2"), None)


def test_order_event_of_an_expiry_says_why() -> None:
    event = normalize_order_event(
        VENUE, AccountName("a"), stream_order("stream_order_expired_synthetic"), received_time_us=5
    )
    assert (event.order.status, event.order.reason, event.fill) == (OrderStatus.EXPIRED, "ImmediateOrCancel", None)


@pytest.mark.parametrize("missing", ["L", "l", "n", "N", "m", "t"])
def test_a_fill_event_that_lacks_anything_is_refused(missing: str) -> None:
    event = stream_order("stream_order_fill", **{missing: None})
    with pytest.raises(ValueError, match="a fill without"):
        normalize_order_event(VENUE, AccountName("a"), event, received_time_us=5)
