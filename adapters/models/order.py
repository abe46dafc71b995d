"""Orders: what we ask of a venue, and what the venue says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from adapters.models.ids import Symbol, VenueClientId, VenueName, VenueOrderId
from adapters.models.market import Market


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"
    STOP_LIMIT = "stop_limit"
    STOP_MARKET = "stop_market"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    POST_ONLY = "post_only"
    ICEBERG = "iceberg"


class OrderStatus(StrEnum):
    PENDING = "pending"
    PARTIAL_FILLED = "partial_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTT = "GTT"


class SelfTradePrevention(StrEnum):
    REJECT_TAKER = "reject_taker"
    REJECT_MAKER = "reject_maker"
    REJECT_BOTH = "reject_both"


class TriggerPriceType(StrEnum):
    """Which price a trigger watches."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What only some types of order have, and what only some venues know; None: the order does not have it."""

    stop_price: Decimal | None = None
    """The price at which it comes to life."""
    trigger_price_type: TriggerPriceType | None = None
    callback_rate: Decimal | None = None
    """How far a trailing stop follows behind the best price, as a share of it."""
    activation_price: Decimal | None = None
    visible_quantity: Decimal | None = None
    expire_time_ms: int | None = None
    """When a GTT order ends, in the venue's time."""
    venue_params: Mapping[str, bool | str] = field(default_factory=dict)
    """The venue's own, by its own names; `Capabilities.venue_params` says which there are."""


NO_OPTIONS = OrderOptions()


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as the venue's adapter gets it: already checked against the market's grid and the capabilities.

    Exactly one of `quantity` (base units) and `quote_quantity` is set. `venue_client_id` must be one the venue
    accepts: it comes from the adapter's own `Trading.client_id`.
    """

    market: Market
    venue_client_id: VenueClientId
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool = False
    self_trade_prevention: SelfTradePrevention | None = None
    options: OrderOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue reports it.

    `reason` says, in the venue's word, why a final order ended. `average_price` is None before the first fill.
    """

    venue: VenueName
    symbol: Symbol
    venue_order_id: VenueOrderId
    venue_client_id: VenueClientId | None
    side: Side
    type: OrderType
    status: OrderStatus
    filled_quantity: Decimal
    created_time_us: int
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    average_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool = False
    self_trade_prevention: SelfTradePrevention | None = None
    reason: str | None = None
    related_order_id: VenueOrderId | None = None
    """The order that this one took the place of, or belongs to: a trigger that fired, a bracket's parent."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One of our own trades; `fee` is positive when paid, negative when a rebate."""

    venue: VenueName
    symbol: Symbol
    venue_order_id: VenueOrderId
    venue_client_id: VenueClientId | None
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    venue_time_us: int
