"""What can be traded: a market with its grid, its bounds and its start price. Names no venue."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class MarketKind(StrEnum):
    SPOT = "spot"
    PERP = "perp"


@dataclass(frozen=True, slots=True)
class Band:
    """A permitted range, as multiples of some reference price."""

    low: Decimal
    high: Decimal

    def holds(self, price: Decimal, reference: Decimal) -> bool:
        return self.low * reference <= price <= self.high * reference


@dataclass(frozen=True, slots=True)
class Market:
    """One order book's rules.

    Prices are multiples of `tick`, quantities of `step`. `last_band` bounds a limit price around the last trade,
    `mark_band` around the mark; `impact` bounds how far a market order may execute beyond the touch (none: unbounded).
    A perpetual settles in its quote asset and allows at most `max_leverage`.
    """

    symbol: str
    kind: MarketKind
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    start_price: Decimal
    min_price: Decimal
    max_price: Decimal | None = None
    max_quantity: Decimal | None = None
    last_band: Band | None = None
    mark_band: Band | None = None
    impact: Band | None = None
    max_leverage: Decimal = Decimal(20)

    @property
    def is_perp(self) -> bool:
        return self.kind is MarketKind.PERP
