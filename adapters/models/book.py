"""An order book as a venue gives it: a snapshot, and deltas that follow it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from adapters.models.ids import Symbol, VenueName


class Level(NamedTuple):
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """The whole book at `update_id`; both sides best price first."""

    venue: VenueName
    symbol: Symbol
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    update_id: int
    received_time_us: int
    venue_time_us: int | None = None


@dataclass(frozen=True, slots=True)
class BookDelta:
    """Absolute quantities of the levels that changed; quantity zero removes a level.

    It applies to a book at `previous_id` and brings it to `last_id`. Several of the venue's updates may be merged in
    one delta.
    """

    venue: VenueName
    symbol: Symbol
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    previous_id: int
    last_id: int
    received_time_us: int
    venue_time_us: int | None = None
