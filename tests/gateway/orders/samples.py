"""One order's intent, and one of its trades, for tests that need any."""

from decimal import Decimal

from adapters.models import (
    AccountName,
    Fill,
    Liquidity,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueName,
    VenueOrderId,
)
from gateway.orders.record import Intent

INTENT = Intent(
    order_id="order-1",
    venue=VenueName("v"),
    account=AccountName("main"),
    owner="bot",
    symbol=Symbol("SOL-USDC"),
    client_order_id="one",
    venue_client_id=VenueClientId("77"),
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("1.5"),
    quote_quantity=None,
    price=Decimal(100),
    time_in_force=TimeInForce.GTC,
    reduce_only=False,
    self_trade_prevention=None,
    labels=(),
    valid_until_ms=9_999_999_999_999,
)

FILL = Fill(
    venue=INTENT.venue,
    symbol=INTENT.symbol,
    venue_order_id=VenueOrderId("9"),
    venue_client_id=INTENT.venue_client_id,
    trade_id="1",
    side=INTENT.side,
    price=Decimal(100),
    quantity=Decimal("0.5"),
    fee=Decimal("0.05"),
    fee_asset="USDC",
    liquidity=Liquidity.TAKER,
    venue_time_us=1,
)
