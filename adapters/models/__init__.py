"""The normalized vocabulary every venue is mapped to: frozen values, no I/O, no venue's words.

Prices, quantities and amounts are `Decimal`; instants are integer microseconds since the epoch, UTC.
"""

from adapters.models.account import Balance, MarginMode, Position, PositionSide
from adapters.models.book import BookDelta, BookSnapshot, Level
from adapters.models.event import ChannelState, FillEvent, OrderEvent, StreamEvent, StreamState
from adapters.models.ids import AccountName, Symbol, VenueClientId, VenueName, VenueOrderId, VenueSymbol
from adapters.models.market import Market, MarketStatus, MarketType
from adapters.models.order import (
    NO_OPTIONS,
    Fill,
    Liquidity,
    OrderOptions,
    OrderRequest,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
    VenueOrder,
)
from adapters.models.ticker import Ticker
from adapters.models.trade import Trade

__all__ = [
    "NO_OPTIONS",
    "AccountName",
    "Balance",
    "BookDelta",
    "BookSnapshot",
    "ChannelState",
    "Fill",
    "FillEvent",
    "Level",
    "Liquidity",
    "MarginMode",
    "Market",
    "MarketStatus",
    "MarketType",
    "OrderEvent",
    "OrderOptions",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "Position",
    "PositionSide",
    "SelfTradePrevention",
    "Side",
    "StreamEvent",
    "StreamState",
    "Symbol",
    "Ticker",
    "TimeInForce",
    "Trade",
    "TriggerPriceType",
    "VenueClientId",
    "VenueName",
    "VenueOrder",
    "VenueOrderId",
    "VenueSymbol",
]
