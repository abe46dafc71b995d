"""One order's intent, for tests that need any."""

from decimal import Decimal

from adapters.models import AccountName, OrderType, Side, Symbol, TimeInForce, VenueClientId, VenueName
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
