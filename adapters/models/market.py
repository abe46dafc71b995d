"""A tradable instrument and the grid its prices and quantities live on."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from adapters.models.ids import Symbol, VenueName, VenueSymbol


class MarketType(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"


class MarketStatus(StrEnum):
    TRADING = "trading"
    CANCEL_ONLY = "cancel_only"
    LIMIT_ONLY = "limit_only"
    POST_ONLY = "post_only"
    HALTED = "halted"
    UNKNOWN = "unknown"
    """A state the venue has and we do not know; never taken for tradable."""


@dataclass(frozen=True, slots=True)
class Market:
    """One market of one venue.

    `tick_size` and `step_size` are the grids of price and quantity. `max_quantity`, `min_price`, `max_price`,
    `min_notional`, `max_leverage`, fees and `funding_interval_ms` are None where the venue states none.
    """

    venue: VenueName
    symbol: Symbol
    venue_symbol: VenueSymbol
    type: MarketType
    status: MarketStatus
    base: str
    quote: str
    settle: str
    tick_size: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    min_notional: Decimal | None = None
    contract_size: Decimal = Decimal(1)
    max_leverage: int | None = None
    maker_fee_rate: Decimal | None = None
    taker_fee_rate: Decimal | None = None
    funding_interval_ms: int | None = None
