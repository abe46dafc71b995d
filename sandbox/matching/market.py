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
class MarginFunction:
    """A share of a notional: `max(base, factor · √notional)`."""

    base: Decimal
    factor: Decimal = Decimal(0)

    def of(self, notional: Decimal) -> Decimal:
        return max(self.base, self.factor * abs(notional).sqrt()) if self.factor else self.base


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """How a perpetual's funding rate follows from its premium over the index; rates are shares of the notional.

    rate = clamp(premium + clamp(interest - premium, ±pull), ±cap) · share, once every `interval_us` from epoch on.
    """

    interval_us: int
    interest: Decimal = Decimal("0.0001")
    pull: Decimal = Decimal("0.0005")
    cap: Decimal = Decimal("0.0075")
    share: Decimal = Decimal(1)


class MarketState(StrEnum):
    """Which orders a market takes. Cancels always pass."""

    OPEN = "open"
    CLOSED = "closed"
    CANCEL_ONLY = "cancel_only"
    LIMIT_ONLY = "limit_only"
    POST_ONLY = "post_only"


@dataclass(frozen=True, slots=True)
class Market:
    """One order book's rules.

    Prices are multiples of `tick`, quantities of `step`. `last_band` bounds a limit price around the last trade,
    `mark_band` around the mark; `impact` bounds how far a market order may execute beyond the touch (none: unbounded).
    A perpetual settles in its quote asset, allows at most `max_leverage`, and has margin functions (`initial`: what a
    position needs besides the leverage the account may use; `maintenance`: below this it is liquidated) and funding
    terms. `index_price` is what the base is worth elsewhere at the start; by default the start price.
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
    initial: MarginFunction | None = None
    maintenance: MarginFunction | None = None
    funding: FundingTerms | None = None
    index_price: Decimal | None = None

    @property
    def is_perp(self) -> bool:
        return self.kind is MarketKind.PERP
