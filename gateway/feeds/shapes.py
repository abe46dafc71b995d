"""The public shape of market data: our models as the JSON that clients get, on the stream and over REST (pure).

Names follow the public API: prices and quantities are plain decimal strings, one way to write each value (no trailing
zeros), so that equal prices are equal strings; `timestamp` is in milliseconds.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from adapters.models import Level, Ticker, Trade
from gateway.numbers import plain

Levels = list[tuple[str, str]]


class BookData(msgspec.Struct, frozen=True):
    """A book or a change of one; quantity "0" removes a level. Both sides of a snapshot come best price first."""

    bids: Levels
    asks: Levels
    update_id: int
    """The venue's number of the book's state after this."""


class TradeItem(msgspec.Struct, frozen=True):
    trade_id: str | None
    price: str
    quantity: str
    side: str
    """The taker's."""
    timestamp: int
    venue_time_us: int


class TradesData(msgspec.Struct, frozen=True):
    """Oldest first."""

    items: list[TradeItem]


class TickerData(msgspec.Struct, frozen=True):
    last_price: str
    open_24h: str | None
    high_24h: str | None
    low_24h: str | None
    volume_24h: str | None
    amount_24h: str | None
    """In quote units."""
    price_change_24h: str | None
    price_change_rate_24h: str | None
    """A fraction: "0.05" is five percent."""
    trade_count_24h: int | None


Data = BookData | TradesData | TickerData


def book_data(bids: Iterable[Level], asks: Iterable[Level], update_id: int) -> BookData:
    return BookData(_levels(bids), _levels(asks), update_id)


def trades_data(trades: Iterable[Trade]) -> TradesData:
    """`trades` come oldest first."""
    return TradesData(
        [
            TradeItem(
                trade.trade_id,
                plain(trade.price),
                plain(trade.quantity),
                trade.side.value,
                trade.venue_time_us // 1000,
                trade.venue_time_us,
            )
            for trade in trades
        ]
    )


def ticker_data(ticker: Ticker) -> TickerData:
    return TickerData(
        last_price=plain(ticker.last_price),
        open_24h=_plain_or_none(ticker.open_price),
        high_24h=_plain_or_none(ticker.high_price),
        low_24h=_plain_or_none(ticker.low_price),
        volume_24h=_plain_or_none(ticker.volume),
        amount_24h=_plain_or_none(ticker.quote_volume),
        price_change_24h=_plain_or_none(ticker.change),
        price_change_rate_24h=_plain_or_none(ticker.change_rate),
        trade_count_24h=ticker.trade_count,
    )


def _levels(levels: Iterable[Level]) -> Levels:
    return [(plain(price), plain(quantity)) for price, quantity in levels]


def _plain_or_none(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
