"""Public market answers: symbols, prices, books, trades, bars, funding. Methods return what goes out as data."""

from decimal import Decimal
from itertools import islice
from typing import Any

from sandbox.matching import FeeSchedule, MarketState
from sandbox.matching.book import Book, BookSide
from sandbox.matching.events import FundingSettled
from sandbox.simulation import Simulation
from sandbox.zanbara.bars import INTERVALS_MS, Bars
from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import missing, unknown_symbol
from sandbox.zanbara.markets import FUNDING_INTERVAL_MS, LISTED_MS, LISTINGS, Listing
from sandbox.zanbara.order_wire import trade_object
from sandbox.zanbara.wire import fixed, fixed_or_none, rate

KEPT_TRADES = 1000
DEFAULT_DEPTH = 20
Levels = list[tuple[str, str]]


class MarketData:
    """Reads the simulation; changes nothing."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._engine = simulation.engine

    def symbols(self, call: Call) -> Any:
        page, status = call.query.page(), call.query.choice("status", ("trading", "halted", "settling"))
        rows = [listing for listing in LISTINGS if status in (None, self._status(listing))]
        return page.of_list(rows, self._symbol)

    def ticker(self, call: Call) -> Any:
        return self.ticker_object(self._named(call), call.now_us)

    def orderbook(self, call: Call) -> Any:
        depth = call.query.integer("depth", DEFAULT_DEPTH, low=1, high=100)
        return book_object(self._engine.books[self._named(call)], depth, call.now_us)

    def trades(self, call: Call) -> Any:
        symbol, page = self._named(call), call.query.page()
        return page.of_list(self.last_trades(symbol, KEPT_TRADES), trade_object)

    def last_trades(self, symbol: str, count: int) -> list[Any]:
        """The latest public trades, newest first."""
        return list(islice(reversed(self._simulation.tapes[symbol].trades), count))

    def klines(self, call: Call) -> Any:
        symbol, page, query = self._named(call), call.query.page(), call.query
        interval = query.choice("interval", INTERVALS_MS)
        if interval is None:
            raise missing("interval")
        start_ms, end_ms = query.times_ms()
        found = self.bars(symbol, interval)
        opens_ms = found.opens_ms(start_ms=start_ms, end_ms=end_ms, now_us=call.now_us)
        paged = page.of_list(opens_ms, lambda open_ms: found.opening_at(open_ms).as_json())
        paged["items"].reverse()  # pages run back in time, bars within one run forward
        return paged

    def bars(self, symbol: str, interval: str) -> Bars:
        return Bars(self._simulation.tapes[symbol].last, interval, self._engine.books[symbol].last_price)

    def funding_rate(self, call: Call) -> Any:
        symbol, page = self._named(call), call.query.page()
        settled = list(self._engine.funding.history(symbol))
        return self.funding_object(symbol, call.now_us) | page.of_list(settled, _settled)

    def funding_object(self, symbol: str, now_us: int) -> dict[str, Any]:
        running = rate(self._engine.funding.rate(symbol))
        return {
            "symbol": symbol,
            "funding_rate": running,
            "predicted_rate": running,
            "mark_price": fixed(self._engine.mark(symbol)),
            "index_price": fixed(self._engine.prices.index(symbol)),
            "funding_interval": FUNDING_INTERVAL_MS,
            "next_funding_time": self._engine.funding.next_us(symbol, now_us) // 1000,
        }

    def ticker_object(self, symbol: str, now_us: int) -> dict[str, Any]:
        """A market nobody traded in yet has its last price throughout and no volume."""
        engine, book = self._engine, self._engine.books[symbol]
        bid, ask = book.bids.best(), book.asks.best()
        day = self._simulation.tapes[symbol].summary(now_us)
        last, zero = book.last_price, Decimal(0)
        opened = day.open if day else last
        return {
            "symbol": symbol,
            "last_price": fixed(last),
            "mark_price": fixed(engine.mark(symbol)),
            "index_price": fixed(engine.prices.index(symbol)),
            "bid_price": fixed_or_none(bid.price if bid else None),
            "bid_quantity": fixed_or_none(bid.quantity if bid else None),
            "ask_price": fixed_or_none(ask.price if ask else None),
            "ask_quantity": fixed_or_none(ask.quantity if ask else None),
            "open_24h": fixed(opened),
            "high_24h": fixed(day.high if day else last),
            "low_24h": fixed(day.low if day else last),
            "volume_24h": fixed(day.volume if day else zero),
            "amount_24h": fixed(day.quote_volume if day else zero),
            "price_change_24h": fixed(last - opened),
            "price_change_rate_24h": rate((last - opened) / opened),
            "open_interest": fixed(self._open_interest(symbol)),
            "funding_rate": rate(engine.funding.rate(symbol)),
            "next_funding_time": engine.funding.next_us(symbol, now_us) // 1000,
            "timestamp": now_us // 1000,
        }

    def _named(self, call: Call) -> str:
        if call.named not in self._engine.markets:
            raise unknown_symbol()
        return call.named

    def _open_interest(self, symbol: str) -> Decimal:
        """All long positions together, the house's included."""
        positions = (account.positions.get(symbol) for account in self._engine.accounts.values())
        return sum((position.quantity for position in positions if position and position.quantity > 0), Decimal(0))

    def _status(self, listing: Listing) -> str:
        is_open = self._engine.states[listing.market.symbol] is MarketState.OPEN
        return "trading" if is_open else "halted"

    def _symbol(self, listing: Listing) -> dict[str, Any]:
        market = self._engine.markets[listing.market.symbol]
        fees = FeeSchedule()
        return {
            "symbol": market.symbol,
            "base_asset": market.base,
            "quote_asset": market.quote,
            "settle_asset": market.quote,
            "contract_type": "perpetual",
            "status": self._status(listing),
            "tick_size": fixed(market.tick),
            "lot_size": fixed(market.step),
            "min_quantity": fixed(market.min_quantity),
            "max_quantity": fixed_or_none(market.max_quantity),
            "min_leverage": 1,
            "max_leverage": listing.max_leverage,
            "initial_margin_rate": rate(listing.initial_rate),
            "maintenance_margin_rate": rate(listing.maintenance_rate),
            "maker_fee_rate": rate(fees.rate(is_perp=True, is_maker=True)),
            "taker_fee_rate": rate(fees.rate(is_perp=True, is_maker=False)),
            "funding_interval": FUNDING_INTERVAL_MS,
            "created_at": LISTED_MS,
            "updated_at": LISTED_MS,
        }


def book_object(book: Book, depth: int, now_us: int) -> dict[str, Any]:
    """The best `depth` levels a side, best first."""
    return {
        "symbol": book.symbol,
        "bids": levels(book.bids, depth),
        "asks": levels(book.asks, depth),
        "sequence": book.update_id,
        "timestamp": now_us // 1000,
    }


def levels(side: BookSide, depth: int) -> Levels:
    return [(fixed(level.price), fixed(level.quantity)) for level in islice(side.best_first(), depth)]


def _settled(settled: FundingSettled) -> dict[str, Any]:
    return {
        "funding_rate": rate(settled.rate),
        "mark_price": fixed(settled.mark),
        "funding_time": settled.time_us // 1000,
    }
