"""How Backpack writes things: JSON with sorted keys, plain decimals, and its names for the engine's words."""

from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from sandbox.matching import Expiry, Market, MarketState, OrderType, PriceSource, SelfTrade, Side, Status
from sandbox.matching.admission import decimals

_encoder = msgspec.json.Encoder(order="sorted")
_decimals_of_grid = lru_cache(maxsize=64)(decimals)

SIDE = {Side.BUY: "Bid", Side.SELL: "Ask"}
ORDER_TYPE = {OrderType.LIMIT: "Limit", OrderType.MARKET: "Market"}
SELF_TRADE = {
    SelfTrade.REJECT_TAKER: "RejectTaker",
    SelfTrade.REJECT_MAKER: "RejectMaker",
    SelfTrade.REJECT_BOTH: "RejectBoth",
}
STATUS = {
    Status.NEW: "New",
    Status.PARTIALLY_FILLED: "PartiallyFilled",
    Status.FILLED: "Filled",
    Status.CANCELLED: "Cancelled",
    Status.EXPIRED: "Expired",
    Status.WAITING: "TriggerPending",
    Status.TRIGGERED: "Triggered",
    Status.TRIGGER_FAILED: "TriggerFailed",
}
EXPIRY = {
    Expiry.IMMEDIATE_OR_CANCEL: "ImmediateOrCancel",
    Expiry.FILL_OR_KILL: "FillOrKill",
    Expiry.INSUFFICIENT_LIQUIDITY: "InsufficientLiquidity",
    Expiry.PRICE_IMPACT: "PriceImpact",
    Expiry.SELF_TRADE: "SelfTradePrevention",
    Expiry.NOT_REDUCING: "ReduceOnlyNotReduced",
    Expiry.WOULD_TAKE: "PostOnlyTaker",
    Expiry.LIQUIDATION: "Liquidation",
    Expiry.SLIPPAGE: "SlippageToleranceExceeded",
    Expiry.NO_POSITION: "StopWithoutPosition",
    Expiry.INSUFFICIENT_FUNDS: "InsufficientFunds",
    Expiry.INSUFFICIENT_MARGIN: "InsufficientMargin",
    Expiry.POSITION_LIMIT: "PositionLimit",
    Expiry.INVALID_PRICE: "InvalidPrice",
    Expiry.INVALID_QUANTITY: "InvalidQuantity",
    Expiry.MARKET_STATE: "PostOnlyMode",
}
PRICE_SOURCE = {
    PriceSource.LAST: "LastPrice",
    PriceSource.MARK: "MarkPrice",
    PriceSource.INDEX: "IndexPrice",
}
BOOK_STATE = {
    MarketState.OPEN: "Open",
    MarketState.CLOSED: "Closed",
    MarketState.CANCEL_ONLY: "CancelOnly",
    MarketState.LIMIT_ONLY: "LimitOnly",
    MarketState.POST_ONLY: "PostOnly",
}
FRACTION = Decimal("1e-8")


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


def plain(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_or_none(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def fraction(value: Decimal) -> str:
    """A share or a price that is the outcome of a division, to eight decimals."""
    return plain(value.quantize(FRACTION))


def naive_iso(time_us: int) -> str:
    """UTC without a zone, to the millisecond: how database endpoints write times."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_us // 1000 % 1000:03}"


def naive_iso_seconds(time_us: int) -> str:
    return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}"


def padded_price(value: Decimal, market: Market) -> str:
    """At least the tick's decimals, and never rounded: an order may be older than the tick."""
    return _padded(value, market.tick)


def padded_quantity(value: Decimal, market: Market) -> str:
    return _padded(value, market.step)


def padded_notional(value: Decimal, market: Market) -> str:
    return _padded(value.normalize(), market.tick)


def rounded_up_notional(value: Decimal, market: Market) -> Decimal:
    """An executed notional as market orders show it: rounded up to the tick's decimals."""
    return value.quantize(market.tick, rounding=ROUND_UP)


def _padded(value: Decimal, grid: Decimal) -> str:
    places = _decimals_of_grid(grid)
    return format(value, f".{max(places, decimals(value)) if value % grid else places}f")


def market_type(market: Market) -> str:
    return "PERP" if market.is_perp else "SPOT"
