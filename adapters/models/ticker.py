"""The last day of a market in one line."""

from dataclasses import dataclass
from decimal import Decimal

from adapters.models.ids import Symbol, VenueName


@dataclass(frozen=True, slots=True)
class Ticker:
    """Last price and the venue's statistics of the past day; None where the venue does not say.

    `change_rate` is a fraction: 0.05 is five percent.
    """

    venue: VenueName
    symbol: Symbol
    last_price: Decimal
    received_time_us: int
    venue_time_us: int | None = None
    open_price: Decimal | None = None
    high_price: Decimal | None = None
    low_price: Decimal | None = None
    volume: Decimal | None = None
    quote_volume: Decimal | None = None
    change: Decimal | None = None
    change_rate: Decimal | None = None
    trade_count: int | None = None
