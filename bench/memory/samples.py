"""Orders as a market maker has them."""

from decimal import Decimal

from adapters.models import (
    AccountName,
    Fill,
    Liquidity,
    OrderStatus,
    OrderType,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueName,
    VenueOrderId,
)
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import CancelState, Intent, Result

VENUE = VenueName("backpack")
IDENTITIES = Identities(bytes(32))
_SYMBOL, _QUANTITY = Symbol("SOL-USDC"), Decimal("1.5")
_VALID_UNTIL_MS = 9_999_999_999_999

RESTING = Result(status=OrderStatus.PENDING)
END_OF = (
    Result(status=OrderStatus.FILLED, filled_quantity=_QUANTITY, average_price=Decimal("100.0125")),
    Result(status=OrderStatus.CANCELLED, cancel=CancelState.DONE, cancel_ms=1_700_000_000_000),
)
"""In turn."""
FILL = Fill(
    venue=VENUE,
    symbol=_SYMBOL,
    venue_order_id=VenueOrderId("3000000000"),
    venue_client_id=VenueClientId("4000000000"),
    trade_id="1000000000",
    side=Side.BUY,
    price=Decimal("100.0125"),
    quantity=_QUANTITY,
    fee=Decimal("0.030004"),
    fee_asset="USDC",
    liquidity=Liquidity.MAKER,
    venue_time_us=1_700_000_000_000_000,
)


def intent_of(account: AccountName, number: int) -> Intent:
    """One of many orders, with ids as they look in use."""
    owner, client_order_id = f"quoter-{number % 120:03d}", f"01990a5d-ac96-774b-bcce-{number % 10**12:012d}"
    digest = IDENTITIES.client_id_digest(VENUE, account, owner, client_order_id, 0)
    venue_client_id = VenueClientId(str(int.from_bytes(digest[:5], "big")))  # wide enough that no two meet
    identity = OrderIdentity(VENUE, account, _SYMBOL, owner, venue_client_id)
    return Intent(
        order_id=IDENTITIES.order_id(identity),
        venue=VENUE,
        account=account,
        owner=owner,
        symbol=_SYMBOL,
        client_order_id=client_order_id,
        venue_client_id=venue_client_id,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=_QUANTITY,
        quote_quantity=None,
        price=Decimal("100.02"),
        time_in_force=TimeInForce.GTC,
        reduce_only=False,
        self_trade_prevention=None,
        labels=(),
        valid_until_ms=_VALID_UNTIL_MS,
    )
