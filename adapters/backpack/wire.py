"""Backpack's messages, field by field as they come; nothing is interpreted here.

Field names are the venue's. Unknown members are ignored, absent and null are the same, since REST sends null where the
stream sends nothing. A decimal string becomes the exact `Decimal`. Source: docs.backpack.exchange, the endpoints'
response schemas and "Streams".
"""

from decimal import Decimal

from msgspec import Raw, Struct, field

Levels = list[tuple[Decimal, Decimal]]


class Error(Struct):
    """The body of every refusal."""

    code: str
    message: str


# --- public REST


class MarketKind(Struct, rename="camel"):
    """As much of a market as tells whether to read the rest."""

    market_type: str


class PriceFilter(Struct, rename="camel"):
    tick_size: Decimal
    min_price: Decimal | None = None
    max_price: Decimal | None = None


class QuantityFilter(Struct, rename="camel"):
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal | None = None


class Filters(Struct):
    price: PriceFilter
    quantity: QuantityFilter


class MarginFunction(Struct):
    base: Decimal


class Market(Struct, rename="camel"):
    symbol: str
    base_symbol: str
    quote_symbol: str
    market_type: str
    filters: Filters
    order_book_state: str
    visible: bool = True
    imf_function: MarginFunction | None = None
    funding_interval: int | None = None


class Ticker(Struct, rename="camel"):
    symbol: str
    last_price: Decimal
    first_price: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None
    quote_volume: Decimal | None = None
    price_change: Decimal | None = None
    price_change_percent: str | None = None
    trades: str | None = None


class Depth(Struct, rename="camel"):
    """Both sides come in rising order of price."""

    asks: Levels
    bids: Levels
    last_update_id: str
    timestamp: int


class Trade(Struct, rename="camel"):
    price: Decimal
    quantity: Decimal
    timestamp: int
    is_buyer_maker: bool
    id: int | None = None


# --- signed REST


class Balance(Struct):
    available: Decimal
    locked: Decimal
    staked: Decimal


class Position(Struct, rename="camel"):
    symbol: str
    net_quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None = None
    est_liquidation_price: Decimal | None = None
    pnl_unrealized: Decimal | None = None
    pnl_realized: Decimal | None = None


class Order(Struct, rename="camel"):
    """An order, of the engine (`created_at` in ms) or of the history (naive ISO text)."""

    id: str
    symbol: str
    side: str
    order_type: str
    status: str
    created_at: int | str
    client_id: int | str | None = None
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    executed_quantity: Decimal | None = None
    executed_quote_quantity: Decimal | None = None
    time_in_force: str | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    self_trade_prevention: str | None = None
    trigger_price: Decimal | None = None
    trigger_quantity: str | None = None
    trigger_by: str | None = None
    related_order_id: str | int | None = None
    expiry_reason: str | None = None


class Fill(Struct, rename="camel"):
    order_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_symbol: str
    is_maker: bool
    timestamp: str
    trade_id: int | None = None
    client_id: str | int | None = None


# --- streams: one-letter names, told apart by case


class StreamError(Struct):
    code: int
    message: str


class Frame(Struct):
    """Every frame: data of a stream, or an error that does not say what it is about."""

    data: Raw = Raw()
    stream: str | None = None
    error: StreamError | None = None


class StreamTicker(Struct):
    event_time_us: int = field(name="E")
    symbol: str = field(name="s")
    last_price: Decimal = field(name="c")
    open_price: Decimal | None = field(name="o", default=None)
    high_price: Decimal | None = field(name="h", default=None)
    low_price: Decimal | None = field(name="l", default=None)
    volume: Decimal | None = field(name="v", default=None)
    quote_volume: Decimal | None = field(name="V", default=None)
    trade_count: int | None = field(name="n", default=None)


class StreamDepth(Struct):
    engine_time_us: int = field(name="T")
    symbol: str = field(name="s")
    first_update_id: int = field(name="U")
    last_update_id: int = field(name="u")
    asks: Levels = field(name="a")
    bids: Levels = field(name="b")


class StreamTrade(Struct):
    engine_time_us: int = field(name="T")
    symbol: str = field(name="s")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    is_buyer_maker: bool = field(name="m")
    trade_id: int | None = field(name="t", default=None)


class StreamOrder(Struct):
    event: str = field(name="e")
    engine_time_us: int = field(name="T")
    symbol: str = field(name="s")
    order_id: str = field(name="i")
    side: str = field(name="S")
    order_type: str = field(name="o")
    status: str = field(name="X")
    executed_quantity: Decimal = field(name="z")
    executed_quote_quantity: Decimal | None = field(name="Z", default=None)
    client_id: int | str | None = field(name="c", default=None)
    quantity: Decimal | None = field(name="q", default=None)
    quote_quantity: Decimal | None = field(name="Q", default=None)
    price: Decimal | None = field(name="p", default=None)
    time_in_force: str | None = field(name="f", default=None)
    post_only: bool | None = field(name="y", default=None)
    reduce_only: bool | None = field(name="r", default=None)
    self_trade_prevention: str | None = field(name="V", default=None)
    trigger_price: Decimal | None = field(name="P", default=None)
    trigger_quantity: str | None = field(name="Y", default=None)
    related_order_id: str | int | None = field(name="I", default=None)
    expiry_reason: str | None = field(name="R", default=None)
    fill_quantity: Decimal | None = field(name="l", default=None)
    fill_price: Decimal | None = field(name="L", default=None)
    fee: Decimal | None = field(name="n", default=None)
    fee_asset: str | None = field(name="N", default=None)
    is_maker: bool | None = field(name="m", default=None)
    trade_id: int | None = field(name="t", default=None)
