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
    WAITING = "waiting"  # for its trigger
    TRIGGERED = "triggered"  # over: another order was placed in its stead
    TRIGGER_FAILED = "trigger_failed"


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
    LIQUIDATION = "liquidation"
    SLIPPAGE = "slippage"
    NO_POSITION = "no_position"  # a trigger had nothing to close
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    POSITION_LIMIT = "position_limit"
    INVALID_PRICE = "invalid_price"
    INVALID_QUANTITY = "invalid_quantity"
    MARKET_STATE = "market_state"


class Origin(StrEnum):
    """Who wanted an order: its account, or the venue."""

    USER = "user"
    LIQUIDATION = "liquidation"


class PriceSource(StrEnum):
    """Which price a trigger looks at."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a waiting order comes to life: at `price` or beyond, above it if `rises`, else below.

    With a `callback` it trails: `price` (none: at once) only starts it, on the other side; from there it follows the
    best price and fires once that is lost by this share.
    """

    source: PriceSource
    price: Decimal | None
    rises: bool
    callback: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One half of a bracket: where it fires, and the limit it then places; without one it takes the market."""

    source: PriceSource
    price: Decimal
    limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Slippage:
    """How far beyond the touch a market order may trade: in ticks, or in per cent."""

    value: Decimal
    in_ticks: bool


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A wish. A market order has either `quantity` (base) or `quote_quantity`; a limit order `quantity` and `price`.

    A resting order ends by itself at `expires_us`, and shows no more than `visible` of its rest. With a `trigger` it
    waits first; `share` then stands for `quantity`, as a part of the position there is when it fires. `take_profit` and
    `stop_loss` close what the order has filled, whichever fires first.
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
    visible: Decimal | None = None
    slippage: Slippage | None = None
    trigger: Trigger | None = None
    share: Decimal | None = None
    take_profit: Leg | None = None
    stop_loss: Leg | None = None


@dataclass(slots=True, eq=False)
class Order:
    """An accepted order. `quantity` may shrink (reduce-only) or be amended; `locked` is what it still holds back.

    `leverage` and `isolated` are what the account had chosen when it was placed. `hidden` is the part of `remaining`
    that the book does not show. `related` is the order this one came from: the trigger it was placed for, or the order
    whose fills a bracket's leg closes. `valued_at` is the price its margin is counted at, `reserved` that margin.
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
    hidden: Decimal = ZERO
    valued_at: Decimal = ZERO
    reserved: Decimal = ZERO
    origin: Origin = Origin.USER
    related: "Order | None" = None
    triggered_us: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still trade or be cancelled; a waiting order is open too."""
        return self.status in (Status.NEW, Status.PARTIALLY_FILLED, Status.WAITING)

    @property
    def is_waiting(self) -> bool:
        return self.status is Status.WAITING

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY
