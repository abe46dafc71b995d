"""One order's intent, one of its trades, and a halt, for tests that need any."""

from decimal import Decimal
from typing import Any

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
from gateway.risk.halt import Halt, HaltScope, Mode

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


def halt(scope: HaltScope = HaltScope.GLOBAL, name: str = "", mode: Mode = Mode.NO_NEW, **more: Any) -> Halt:
    given: dict[str, Any] = {
        "id": "1", "cancel_open": False, "reason": "drill", "until_ms": None, "set_ms": 9**15, "set_by": "officer",
    }  # fmt: skip
    return Halt(scope=scope, name=name, mode=mode, **(given | more))
