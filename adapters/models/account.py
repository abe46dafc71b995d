"""What an account holds."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from adapters.models.ids import Symbol, VenueName


class PositionSide(StrEnum):
    LONG = "long"
    SHORT = "short"


class MarginMode(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset; `locked` is held by open orders, `total` includes it."""

    asset: str
    available: Decimal
    locked: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Position:
    """An open position; `quantity` is positive, its direction is `side`. None where the venue does not say."""

    venue: VenueName
    symbol: Symbol
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    liquidation_price: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None
    margin_mode: MarginMode
    leverage: Decimal | None = None
