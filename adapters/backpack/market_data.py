"""Backpack's public reads. Source: docs.backpack.exchange, "System", "Markets" and "Trades"."""

from collections.abc import Sequence

from msgspec import Raw
from msgspec.json import decode

from adapters.backpack import limits, wire
from adapters.backpack.mapping import (
    MARKET_TYPES,
    normalize_book,
    normalize_market,
    normalize_ticker,
    normalize_trade,
)
from adapters.backpack.requests import Endpoint
from adapters.backpack.rest import Rest
from adapters.backpack.signing import Params
from adapters.contract import Throttle
from adapters.errors import DefiniteNo
from adapters.models import BookSnapshot, Market, Ticker, Trade

BOOK_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
TRADES_MAX = 1000

_TIME = Endpoint("GET", "/api/v1/time", limits.SERVER_TIME)
_MARKETS = Endpoint("GET", "/api/v1/markets", limits.MARKETS)
_TICKER = Endpoint("GET", "/api/v1/ticker", limits.TICKER)
_DEPTH = Endpoint("GET", "/api/v1/depth", limits.ORDER_BOOK)
_TRADES = Endpoint("GET", "/api/v1/trades", limits.TRADES)


class BackpackMarketData:
    """Fulfils `contract.MarketData`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def server_time_ms(self, throttle: Throttle) -> int:
        """The answer is bare digits, not JSON by its content type."""
        response = await self._rest.read(_TIME, {}, throttle)
        with self._rest.reading(response):
            return decode(response.content, type=int)

    async def markets(self, throttle: Throttle) -> Sequence[Market]:
        """Spot and perpetual markets; cached at the venue for minutes, so a status may be that old."""
        response = await self._rest.read(_MARKETS, {}, throttle)
        with self._rest.reading(response):
            return [
                normalize_market(self._rest.venue, decode(raw, type=wire.Market))
                for raw in decode(response.content, type=list[Raw])
                if decode(raw, type=wire.MarketKind).market_type in MARKET_TYPES
            ]

    async def ticker(self, market: Market, throttle: Throttle) -> Ticker:
        """Up to half a minute old; raises `DefiniteNo` while the venue has none for the market."""
        response = await self._rest.read(_TICKER, {"symbol": market.venue_symbol}, throttle)
        if response.status_code == 204:
            raise DefiniteNo(self._rest.venue, f"no ticker for {market.symbol}", http_status=204)
        received_time_us = self._rest.clock.time_us()
        with self._rest.reading(response):
            ticker = decode(response.content, type=wire.Ticker)
            return normalize_ticker(self._rest.venue, market.venue_symbol, ticker, received_time_us=received_time_us)

    async def order_book(self, market: Market, depth: int, throttle: Throttle) -> BookSnapshot:
        """At least `depth` levels a side, up to the venue's 1000; never cached."""
        limit = next((step for step in BOOK_DEPTHS if step >= depth), BOOK_DEPTHS[-1])
        params: Params = {"symbol": market.venue_symbol, "limit": limit}
        response = await self._rest.read(_DEPTH, params, throttle)
        received_time_us = self._rest.clock.time_us()
        with self._rest.reading(response):
            book = decode(response.content, type=wire.Depth)
            return normalize_book(self._rest.venue, market.venue_symbol, book, received_time_us=received_time_us)

    async def trades(self, market: Market, limit: int, throttle: Throttle) -> Sequence[Trade]:
        params: Params = {"symbol": market.venue_symbol, "limit": min(limit, TRADES_MAX)}
        response = await self._rest.read(_TRADES, params, throttle)
        received_time_us = self._rest.clock.time_us()
        with self._rest.reading(response):
            return [
                normalize_trade(self._rest.venue, market.venue_symbol, trade, received_time_us=received_time_us)
                for trade in decode(response.content, type=list[wire.Trade])
            ]
