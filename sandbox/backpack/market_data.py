"""Public answers: status, reference data, books, trades, derivatives data. Methods return what goes out as JSON."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.backpack.errors import bad_parameter
from sandbox.backpack.markets import LISTINGS, Listing, MarginFunction
from sandbox.backpack.parameters import REQUIRED, Parameters
from sandbox.backpack.wire import market_type, plain, plain_or_none
from sandbox.matching import Band, Market
from sandbox.simulation import Simulation
from sandbox.tape import DAY_MINUTES, Candle

HOUR_US = 3_600_000_000
FUNDING_RATE = Decimal("0.0000125")
FUNDING_ROWS = 100
DEPTHS = ("5", "10", "20", "50", "100", "500", "1000")
INTERVAL_MINUTES = {
    **{"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480},
    **{"12h": 720, "1d": DAY_MINUTES, "3d": 3 * DAY_MINUTES, "1w": 7 * DAY_MINUTES, "1month": 30 * DAY_MINUTES},
}


class MarketData:
    """Reads the simulation; changes nothing."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._engine = simulation.engine
        self._listings = {listing.market.symbol: listing for listing in LISTINGS}

    # -- reference data ------------------------------------------------------------------------------------------

    def assets(self, query: Parameters) -> Any:
        return [
            _asset("BTC", "Bitcoin", "bitcoin", "Bitcoin", 8),
            _asset("SOL", "Solana", "solana", "Solana", 9),
            _asset("USDC", "USD Coin", "usd-coin", "Solana", 6),
        ]

    def markets(self, query: Parameters) -> Any:
        wanted = query.market_types() or ["SPOT", "PERP"]
        return [_market(listing) for listing in self._listings.values() if market_type(listing.market) in wanted]

    def market(self, query: Parameters) -> Any:
        return _market(self._listings[query.market(self._engine.markets).symbol])

    # -- prices --------------------------------------------------------------------------------------------------

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

    def klines(self, query: Parameters, now_us: int) -> Any:
        market = query.market(self._engine.markets)
        interval = query.choice("interval", "KlineInterval", tuple(INTERVAL_MINUTES))
        if interval is None:
            raise bad_parameter("interval", "KlineInterval", REQUIRED)
        start_s, end_s = query.integer("startTime"), query.integer("endTime", default=now_us // 1_000_000)
        if start_s is None:
            raise bad_parameter("startTime", "integer(int64)", REQUIRED)
        interval_us = INTERVAL_MINUTES[interval] * 60_000_000
        start_us = start_s * 1_000_000
        candles = self._simulation.tapes[market.symbol].grouped(
            interval_us=interval_us, from_us=start_us - start_us % interval_us, until_us=(end_s or 0) * 1_000_000
        )
        return [_kline(candle, interval_us) for candle in candles]

    # -- derivatives ---------------------------------------------------------------------------------------------

    def mark_prices(self, query: Parameters, now_us: int) -> Any:
        market = query.optional_market(self._engine.markets)
        wanted = query.market_types() or ["PERP"]
        chosen = [market] if market else [item for item in self._engine.markets.values() if market_type(item) in wanted]
        return [self._mark_price(item, now_us) for item in chosen]

    def open_interest(self, query: Parameters, now_us: int) -> Any:
        market = query.optional_market(self._engine.markets)
        chosen = [market] if market else [item for item in self._engine.markets.values() if item.is_perp]
        return [
            {
                "openInterest": plain(self.open_quantity(item)) if item.is_perp else None,
                "symbol": item.symbol,
                "timestamp": now_us // 1000,
            }
            for item in chosen
        ]

    def funding_rates(self, query: Parameters, now_us: int) -> tuple[list[Any], int]:
        """One page of past hours at a constant rate, newest first, and how many there are."""
        market = query.market(self._engine.markets)
        limit, offset = query.page(high=10_000)
        if not market.is_perp:
            return [], 0
        last_us = now_us - now_us % HOUR_US
        rows = [
            {
                "fundingRate": plain(FUNDING_RATE),
                "intervalEndTimestamp": f"{_utc(last_us - hour * HOUR_US):%Y-%m-%dT%H:%M:%S}",
                "symbol": market.symbol,
            }
            for hour in range(offset, min(offset + limit, FUNDING_ROWS))
        ]
        return rows, FUNDING_ROWS

    def open_quantity(self, market: Market) -> Decimal:
        """All long positions together, the house's included."""
        positions = (account.positions.get(market.symbol) for account in self._engine.accounts.values())
        return sum((position.quantity for position in positions if position and position.quantity > 0), Decimal(0))

    # -- rows ----------------------------------------------------------------------------------------------------

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

    def _mark_price(self, market: Market, now_us: int) -> dict[str, Any]:
        mark = plain(self._engine.mark(market.symbol))
        return {
            "fundingRate": plain(FUNDING_RATE) if market.is_perp else None,
            "indexPrice": mark if market.is_perp else None,
            "markPrice": mark,
            "nextFundingTimestamp": next_funding_ms(now_us) if market.is_perp else None,
            "symbol": market.symbol,
        }


def next_funding_ms(now_us: int) -> int:
    """The next full hour."""
    return (now_us // HOUR_US + 1) * HOUR_US // 1000


def margin_function(function: MarginFunction | None) -> dict[str, str] | None:
    if function is None:
        return None
    return {"base": plain(function.base), "factor": plain(function.factor), "type": "sqrt"}


def _utc(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC)


def _ticker_minutes(query: Parameters) -> int:
    return DAY_MINUTES * (7 if query.choice("interval", "TickerInterval", ("1d", "1w"), "1d") == "1w" else 1)


def _kline(candle: Candle, interval_us: int) -> dict[str, Any]:
    return {
        "close": plain(candle.close),
        "end": f"{_utc(candle.start_us + interval_us):%Y-%m-%d %H:%M:%S}",
        "high": plain(candle.high),
        "low": plain(candle.low),
        "open": plain(candle.open),
        "quoteVolume": plain(candle.quote_volume),
        "start": f"{_utc(candle.start_us):%Y-%m-%d %H:%M:%S}",
        "trades": str(candle.trades),
        "volume": plain(candle.volume),
    }


def _asset(symbol: str, name: str, coingecko_id: str, blockchain: str, decimals: int) -> dict[str, Any]:
    token = {
        "blockchain": blockchain,
        "contractAddress": "",
        "depositEnabled": True,
        "displayName": name,
        "maximumWithdrawal": None,
        "minimumDeposit": "0.01",
        "minimumWithdrawal": "0.02",
        "nativeDecimals": decimals,
        "withdrawEnabled": True,
        "withdrawalFee": "0.005",
    }
    return {"coingeckoId": coingecko_id, "displayName": name, "symbol": symbol, "tokens": [token]}


def _band(band: Band | None) -> dict[str, str] | None:
    return None if band is None else {"maxMultiplier": plain(band.high), "minMultiplier": plain(band.low)}


def _market(listing: Listing) -> dict[str, Any]:
    market = listing.market
    is_perp = market.is_perp
    last, impact = market.last_band, market.impact
    return {
        "baseSymbol": market.base,
        "createdAt": listing.created_at,
        "filters": {
            "price": {
                "borrowEntryFeeMaxMultiplier": "1.01",
                "borrowEntryFeeMinMultiplier": "0.99",
                "discoveryBoundBand": None,
                "maxImpactMultiplier": plain_or_none(impact.high if impact else None),
                "maxMultiplier": plain_or_none(last.high if last else None),
                "maxPrice": plain_or_none(market.max_price),
                "maxPriceUpdateMultiplier": "1.0025",
                "meanMarkPriceBand": _band(market.mark_band),
                "meanPremiumBand": None,
                "minImpactMultiplier": plain_or_none(impact.low if impact else None),
                "minMultiplier": plain_or_none(last.low if last else None),
                "minPrice": plain(market.min_price),
                "minPriceUpdateMultiplier": "0.9975",
                "tickSize": plain(market.tick),
            },
            "quantity": {
                "maxQuantity": plain_or_none(market.max_quantity),
                "minQuantity": plain(market.min_quantity),
                "stepSize": plain(market.step),
            },
        },
        "fundingInterval": 3_600_000 if is_perp else None,
        "fundingRateLowerBound": "-100" if is_perp else None,
        "fundingRateUpperBound": "100" if is_perp else None,
        "imfFunction": margin_function(listing.imf),
        "marketType": market_type(market),
        "mmfFunction": margin_function(listing.mmf),
        "openInterestLimit": listing.open_interest_limit,
        "orderBookState": "Open",
        "positionLimitWeight": None,
        "quoteSymbol": market.quote,
        "rwaMarketType": None,
        "symbol": market.symbol,
        "visible": True,
    }
