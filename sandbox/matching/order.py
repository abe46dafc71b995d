"""An order: what was asked for, and what has become of it.

`OrderRequest` never changes. `Order` is the engine's own record: only the engine writes to it, everyone may read it.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from sandbox.matching.account import Account
from sandbox.matching.market import Market

ZERO = Decimal(0)

ClientId = int | str


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(StrEnum):
    """Who gives way when an account would trade with itself."""

    REJECT_TAKER = "reject_taker"
    REJECT_MAKER = "reject_maker"
    REJECT_BOTH = "reject_both"


class Status(StrEnum):
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Expiry(StrEnum):
    """Why the engine itself ended an order."""

    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"
    INSUFFICIENT_LIQUIDITY = "insufficient_liquidity"
    PRICE_IMPACT = "price_impact"
    SELF_TRADE = "self_trade"
    NOT_REDUCING = "not_reducing"
    WOULD_TAKE = "would_take"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A wish. A market order has either `quantity` (base) or `quote_quantity`; a limit order `quantity` and `price`.

    A resting order ends by itself at `expires_us`.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    price: Decimal | None = None
    quote_quantity: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.REJECT_TAKER
    client_id: ClientId | None = None
    expires_us: int | None = None


@dataclass(slots=True, eq=False)
class Order:
    """An accepted order. `quantity` may shrink (reduce-only) or be amended; `locked` is what it still holds back.

    `leverage` and `isolated` are what the account had chosen when it was placed.
    """

    id: int
    account: Account
    market: Market
    request: OrderRequest
    side: Side
    quantity: Decimal | None
    price: Decimal | None
    created_us: int
    updated_us: int
    status: Status = Status.NEW
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO
    expiry: Expiry | None = None
    remaining: Decimal = field(default=ZERO)
    fees: Decimal = ZERO
    leverage: int = 1
    isolated: bool = False

    @property
    def is_open(self) -> bool:
        return self.status in (Status.NEW, Status.PARTIALLY_FILLED)

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY
