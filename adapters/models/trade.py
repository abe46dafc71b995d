"""A trade as everybody at the venue sees it."""

from dataclasses import dataclass
from decimal import Decimal

from adapters.models.ids import Symbol, VenueName
from adapters.models.order import Side


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade; `side` is the taker's, `trade_id` None where the venue gives none."""

    venue: VenueName
    symbol: Symbol
    trade_id: str | None
    price: Decimal
    quantity: Decimal
    side: Side
    venue_time_us: int
    received_time_us: int
