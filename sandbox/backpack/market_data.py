"""Public answers about trading: tickers, books, trades. Methods return what goes out as JSON."""

from decimal import Decimal
from typing import Any

from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import plain
from sandbox.matching import Market
from sandbox.simulation import Simulation
from sandbox.tape import DAY_MINUTES

DEPTHS = ("5", "10", "20", "50", "100", "500", "1000")
SOURCES = ("Venue", "External")


class MarketData:
    """Reads the simulation; changes nothing."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._engine = simulation.engine

    def ticker(self, query: Parameters, now_us: int) -> Any:
        """None where nothing traded, which is an empty 204."""
        market = query.market(self._engine.markets)
        return self._ticker(market, _ticker_minutes(query), now_us)

    def tickers(self, query: Parameters, now_us: int) -> Any:
        minutes = _ticker_minutes(query)
        rows = (self._ticker(market, minutes, now_us) for market in self._engine.markets.values())
        return [row for row in rows if row is not None]

    def depth(self, query: Parameters, now_us: int) -> Any:
        """Both sides ascending: the best bid comes last."""
        market = query.market(self._engine.markets)
        limit = int(query.choice("limit", "DepthLimit", DEPTHS, "1000") or 1000)
        book = self._engine.books[market.symbol]
        return {
            "asks": [(plain(price), plain(quantity)) for price, quantity in book.asks.ascending(limit)],
            "bids": [(plain(price), plain(quantity)) for price, quantity in book.bids.ascending(limit)],
            "lastUpdateId": str(book.update_id),
            "timestamp": now_us,
        }

    def trades(self, query: Parameters) -> Any:
        return self._trades(query, offset=0)

    def trades_history(self, query: Parameters) -> Any:
        return self._trades(query, offset=query.page()[1])

    def _ticker(self, market: Market, minutes: int, now_us: int) -> dict[str, Any] | None:
        candle = self._simulation.tapes[market.symbol].summary(now_us, minutes)
        if candle is None:
            return None
        change = candle.close - candle.open
        return {
            "firstPrice": plain(candle.open),
            "high": plain(candle.high),
            "lastPrice": plain(candle.close),
            "low": plain(candle.low),
            "priceChange": plain(change),
            "priceChangePercent": plain((change / candle.open).quantize(Decimal("1e-6"))),
            "quoteVolume": plain(candle.quote_volume),
            "symbol": market.symbol,
            "trades": str(candle.trades),
            "volume": plain(candle.volume),
        }

    def _trades(self, query: Parameters, offset: int) -> Any:
        market = query.market(self._engine.markets)
        limit, _ = query.page()
        newest_first = list(reversed(self._simulation.tapes[market.symbol].trades))
        return [
            {
                "id": trade.id,
                "isBuyerMaker": trade.buyer_is_maker,
                "price": plain(trade.price),
                "quantity": plain(trade.quantity),
                "quoteQuantity": plain(trade.quote_quantity),
                "timestamp": trade.time_us // 1000,
            }
            for trade in newest_first[offset : offset + limit]
        ]


def _ticker_minutes(query: Parameters) -> int:
    query.choice("source", "Source", SOURCES)
    return DAY_MINUTES * (7 if query.choice("interval", "TickerInterval", ("1d", "1w"), "1d") == "1w" else 1)
