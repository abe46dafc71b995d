"""What a venue's stream tells, in order: data of a topic, or that the connection itself changed."""

from dataclasses import dataclass
from enum import StrEnum

from adapters.models.account import Balance, Position
from adapters.models.book import BookDelta, BookSnapshot
from adapters.models.ids import AccountName, Symbol
from adapters.models.order import Fill, VenueOrder
from adapters.models.ticker import Ticker
from adapters.models.trade import Trade


class StreamState(StrEnum):
    CONNECTED = "connected"
    """A new connection is open and the wanted topics are subscribed; nothing before it continues after it."""
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class ChannelState:
    """The connection came or went: whoever keeps a book over it must start again from a snapshot."""

    state: StreamState
    reason: str
    received_time_us: int


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """A change of one of our orders, from the account's private stream; `fill` is set when a trade caused it."""

    account: AccountName
    order: VenueOrder
    fill: Fill | None
    venue_time_us: int
    received_time_us: int


@dataclass(frozen=True, slots=True)
class FillEvent:
    """One of our own trades, where a venue tells it apart from the order's change."""

    account: AccountName
    fill: Fill
    venue_time_us: int
    received_time_us: int


@dataclass(frozen=True, slots=True)
class BalanceEvent:
    """What the account holds of one asset now."""

    account: AccountName
    balance: Balance
    venue_time_us: int
    received_time_us: int


@dataclass(frozen=True, slots=True)
class PositionEvent:
    """What the account's position in one market is now; None: it is closed."""

    account: AccountName
    symbol: Symbol
    position: Position | None
    venue_time_us: int
    received_time_us: int


StreamEvent = (
    Ticker | BookSnapshot | BookDelta | Trade | OrderEvent | FillEvent | BalanceEvent | PositionEvent | ChannelState
)
