"""How Backpack writes things: JSON with sorted keys, plain decimals, and its names for the engine's words."""

from decimal import ROUND_UP, Decimal
from typing import Any

import msgspec

from sandbox.matching import Expiry, Market, OrderType, SelfTrade, Side, Status
from sandbox.matching.admission import decimals

_encoder = msgspec.json.Encoder(order="sorted")

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
}
EXPIRY = {
    Expiry.IMMEDIATE_OR_CANCEL: "ImmediateOrCancel",
    Expiry.FILL_OR_KILL: "FillOrKill",
    Expiry.INSUFFICIENT_LIQUIDITY: "InsufficientLiquidity",
    Expiry.PRICE_IMPACT: "PriceImpact",
    Expiry.SELF_TRADE: "SelfTradePrevention",
    Expiry.NOT_REDUCING: "ReduceOnlyNotReduced",
}


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


def padded_price(value: Decimal, market: Market) -> str:
    return format(value, f".{decimals(market.tick)}f")


def padded_quantity(value: Decimal, market: Market) -> str:
    return format(value, f".{decimals(market.step)}f")


def padded_notional(value: Decimal, market: Market) -> str:
    """At least the tick's decimals, and never rounded."""
    return format(value.normalize(), f".{max(decimals(market.tick), decimals(value))}f")


def rounded_up_notional(value: Decimal, market: Market) -> Decimal:
    """An executed notional as market orders show it: rounded up to the tick's decimals."""
    return value.quantize(market.tick, rounding=ROUND_UP)


def market_type(market: Market) -> str:
    return "PERP" if market.is_perp else "SPOT"
