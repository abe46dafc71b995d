"""The normalized vocabulary every venue is mapped to: frozen values, no I/O, no venue's words.

Prices, quantities and amounts are `Decimal`; instants are integer microseconds since the epoch, UTC.
"""

from adapters.models.account import Balance, MarginMode, Position, PositionSide
from adapters.models.book import BookDelta, BookSnapshot, Level
from adapters.models.event import (
    BalanceEvent,
    ChannelState,
    FillEvent,
    OrderEvent,
    PositionEvent,
    StreamEvent,
    StreamState,
)
from adapters.models.ids import AccountName, Symbol, VenueClientId, VenueName, VenueOrderId, VenueSymbol
from adapters.models.ledger import LedgerEntry, LedgerKind, LedgerPage
from adapters.models.market import Market, MarketStatus, MarketType
from adapters.models.operation import OperationKind, Transfer, TransferStatus, WithdrawalRequest
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
    "BalanceEvent",
    "BookDelta",
    "BookSnapshot",
    "ChannelState",
    "Fill",
    "FillEvent",
    "LedgerEntry",
    "LedgerKind",
    "LedgerPage",
    "Level",
    "Liquidity",
    "MarginMode",
    "Market",
    "MarketStatus",
    "MarketType",
    "OperationKind",
    "OrderEvent",
    "OrderOptions",
    "OrderRequest",
    "OrderStatus",
    "OrderType",
    "Position",
    "PositionEvent",
    "PositionSide",
    "SelfTradePrevention",
    "Side",
    "StreamEvent",
    "StreamState",
    "Symbol",
    "Ticker",
    "TimeInForce",
    "Trade",
    "Transfer",
    "TransferStatus",
    "TriggerPriceType",
    "VenueClientId",
    "VenueName",
    "VenueOrder",
    "VenueOrderId",
    "VenueSymbol",
    "WithdrawalRequest",
]
