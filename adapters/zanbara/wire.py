"""Zanbara's messages, field by field as they come; nothing is interpreted here.

Field names are the venue's. Unknown members are ignored, absent and null are the same. A decimal string becomes the
exact `Decimal`. Documented are the envelope, pages, the token, the names of an order's main members and the
heartbeat (docs.zanbarax.com, `/api-zong-lan/overview` and `/api-zong-lan/error-codes`); the other bodies are
inferred, so whatever can be done without is optional.
"""

from decimal import Decimal

from msgspec import Raw, Struct

Levels = list[tuple[Decimal, Decimal]]


class Error(Struct):
    code: str
    message: str = ""
    field: str | None = None
    retry_after: int | float | None = None


class Envelope(Struct):
    """Every answer: `data` where `success` is true, `error` where it is not."""

    success: bool
    data: Raw = Raw()
    error: Error | None = None


class Page(Struct):
    items: list[Raw]
    total: int | None = None
    has_next: bool = False


class Token(Struct):
    token: str
    expires_in: int


# --- public REST


class ServerTime(Struct):
    server_time: int


class MarketKind(Struct):
    """As much of a market as tells whether to read the rest."""

    symbol: str
    quote_asset: str = "USDC"
    settle_asset: str = "USDC"
    contract_type: str = "perpetual"


class Market(Struct):
    symbol: str
    base_asset: str
    status: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None = None
    max_leverage: int | None = None
    maker_fee_rate: Decimal | None = None
    taker_fee_rate: Decimal | None = None
    funding_interval: int | None = None


class Ticker(Struct):
    symbol: str
    last_price: Decimal | None = None
    open_24h: Decimal | None = None
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    volume_24h: Decimal | None = None
    amount_24h: Decimal | None = None
    price_change_24h: Decimal | None = None
    price_change_rate_24h: Decimal | None = None
    timestamp: int | None = None


class OrderBook(Struct):
    """Both sides best first."""

    symbol: str
    bids: Levels
    asks: Levels
    sequence: int
    timestamp: int | None = None


class Trade(Struct):
    symbol: str
    price: Decimal
    quantity: Decimal
    side: str
    timestamp: int
    trade_id: str | None = None


# --- private REST


class Balance(Struct):
    asset: str
    balance: Decimal
    available_balance: Decimal
    order_margin: Decimal = Decimal(0)


class Position(Struct):
    symbol: str
    position_side: str
    quantity: Decimal
    entry_price: Decimal
    margin_mode: str
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    leverage: int | None = None


class Order(Struct):
    order_id: str
    symbol: str
    side: str
    type: str
    status: str
    quantity: Decimal
    filled_quantity: Decimal
    created_at: int
    updated_at: int | None = None
    client_order_id: str | None = None
    price: Decimal | None = None
    average_price: Decimal | None = None
    time_in_force: str | None = None
    expire_time: int | None = None
    stop_price: Decimal | None = None
    trigger_price_type: str | None = None
    callback_rate: Decimal | None = None
    activation_price: Decimal | None = None
    visible_quantity: Decimal | None = None
    reduce_only: bool | None = None
    reason: str | None = None


class Fill(Struct):
    trade_id: str
    order_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: str
    timestamp: int
    client_order_id: str | None = None


# --- streams


class Frame(Struct):
    """Every frame; which members it has depends on `type`."""

    type: str
    channel: str | None = None
    symbol: str | None = None
    data: Raw = Raw()
    sequence: int | None = None
    timestamp: int | None = None
    id: int | None = None
    error: Error | None = None


class BookUpdate(Struct):
    """Absolute quantities; zero removes a level."""

    bids: Levels
    asks: Levels
    prev_sequence: int
