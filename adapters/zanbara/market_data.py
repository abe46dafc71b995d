"""Zanbara's public reads. Source: docs.zanbarax.com, "overview" and "rate limits", which name the paths."""

from collections.abc import Sequence

from msgspec.json import decode

from adapters.contract import Throttle
from adapters.errors import DefiniteNo
from adapters.models import BookSnapshot, Market, Ticker, Trade
from adapters.zanbara import limits, wire
from adapters.zanbara.mapping import (
    is_known_kind,
    normalize_book,
    normalize_market,
    normalize_ticker,
    normalize_trade,
)
from adapters.zanbara.requests import Endpoint
from adapters.zanbara.rest import PAGE, Rest
from adapters.zanbara.session import BOOK_DEPTH_MAX

TRADES_MAX = PAGE

_TIME = Endpoint("GET", "/v1/system/time", limits.SERVER_TIME)
_MARKETS = Endpoint("GET", "/v1/market/symbols", limits.MARKETS)
_TICKER = Endpoint("GET", "/v1/market/ticker/{symbol}", limits.TICKER)
_BOOK = Endpoint("GET", "/v1/market/orderbook/{symbol}", limits.ORDER_BOOK)
_TRADES = Endpoint("GET", "/v1/market/trades/{symbol}", limits.TRADES)


class ZanbaraMarketData:
    """Fulfils `contract.MarketData`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def server_time_ms(self, throttle: Throttle) -> int:
        answer = await self._rest.read(_TIME, {}, throttle)
        with self._rest.reading(answer):
            return decode(answer.data, type=wire.ServerTime).server_time

    async def markets(self, throttle: Throttle) -> Sequence[Market]:
        """Perpetuals in USDC, halted ones too; the venue allows an hour of caching."""
        markets: list[Market] = []
        for answer, item in await self._rest.read_all(_MARKETS, {}, throttle):
            with self._rest.reading(answer):
                if is_known_kind(decode(item, type=wire.MarketKind)):
                    markets.append(normalize_market(self._rest.venue, decode(item, type=wire.Market)))
        return markets

    async def ticker(self, market: Market, throttle: Throttle) -> Ticker:
        """Raises `DefiniteNo` before the market's first trade."""
        answer = await self._rest.read(_TICKER.of(market.venue_symbol), {}, throttle)
        received_time_us = self._rest.clock.time_us()
        with self._rest.reading(answer):
            message = decode(answer.data, type=wire.Ticker)
            if message.symbol != market.venue_symbol:
                raise self._rest.unreadable(answer, "a ticker of another market than was asked for")
            ticker = normalize_ticker(self._rest.venue, message, received_time_us=received_time_us)
        if ticker is None:
            raise DefiniteNo(self._rest.venue, f"no ticker for {market.symbol} before its first trade")
        return ticker

    async def order_book(self, market: Market, depth: int, throttle: Throttle) -> BookSnapshot:
        """The best `depth` levels a side, up to the venue's 100."""
        params = {"depth": min(max(depth, 1), BOOK_DEPTH_MAX)}
        answer = await self._rest.read(_BOOK.of(market.venue_symbol), params, throttle)
        received_time_us = self._rest.clock.time_us()
        with self._rest.reading(answer):
            book = decode(answer.data, type=wire.OrderBook)
            if book.symbol != market.venue_symbol:
                raise self._rest.unreadable(answer, "a book of another market than was asked for")
            return normalize_book(self._rest.venue, book, received_time_us=received_time_us)

    async def trades(self, market: Market, limit: int, throttle: Throttle) -> Sequence[Trade]:
        """One page at most, since market data is what the venue allows least of."""
        params = {"limit": min(max(limit, 1), TRADES_MAX)}
        answer = await self._rest.read(_TRADES.of(market.venue_symbol), params, throttle)
        received_time_us = self._rest.clock.time_us()
        with self._rest.reading(answer):
            rows = [decode(row, type=wire.Trade) for row in self._rest.page(answer).items]
            if any(row.symbol != market.venue_symbol for row in rows):
                raise self._rest.unreadable(answer, "trades of another market than was asked for")
            return [normalize_trade(self._rest.venue, row, received_time_us=received_time_us) for row in rows]
