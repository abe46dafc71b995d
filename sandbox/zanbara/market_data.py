"""Public market answers: symbols, prices, books, trades, bars, funding. Methods return what goes out as data.

Index and mark are the price the makers quote around; funding has a constant rate and is never paid.
"""

from decimal import Decimal
from itertools import islice
from typing import Any

from sandbox.config import ZanbaraConfig
from sandbox.matching import FeeSchedule
from sandbox.matching.book import Book, BookSide
from sandbox.simulation import Simulation
from sandbox.zanbara.bars import INTERVALS_MS, Bar, bars
from sandbox.zanbara.calls import Call
from sandbox.zanbara.errors import missing, unknown_symbol
from sandbox.zanbara.markets import FUNDING_INTERVAL_MS, LISTED_MS, LISTINGS, Listing
from sandbox.zanbara.order_wire import trade_object
from sandbox.zanbara.wire import fixed, fixed_or_none, rate

FUNDING_RATE = Decimal("0.0001")
KEPT_TRADES = 1000
KEPT_FUNDINGS = 30
DEFAULT_DEPTH = 20
Levels = list[tuple[str, str]]


class MarketData:
    """Reads the simulation; changes nothing."""

    def __init__(self, simulation: Simulation, config: ZanbaraConfig) -> None:
        self._simulation = simulation
        self._engine = simulation.engine
        self._halted = frozenset(config.halted)

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
        tape = self._simulation.tapes[symbol]
        found = bars(tape, interval, start_ms=start_ms, end_ms=end_ms, now_us=call.now_us)
        paged = page.of_list(found[::-1], Bar.as_json)
        paged["items"].reverse()  # pages run back in time, bars within one run forward
        return paged

    def funding_rate(self, call: Call) -> Any:
        symbol, page = self._named(call), call.query.page()
        last_ms = next_funding_ms(call.now_us) - FUNDING_INTERVAL_MS
        times_ms = [last_ms - number * FUNDING_INTERVAL_MS for number in range(KEPT_FUNDINGS)]
        mark = fixed(self._engine.mark(symbol))

        def written(time_ms: int) -> dict[str, Any]:
            return {"funding_rate": rate(FUNDING_RATE), "mark_price": mark, "funding_time": time_ms}

        return self.funding_object(symbol, call.now_us) | page.of_list(times_ms, written)

    def funding_object(self, symbol: str, now_us: int) -> dict[str, Any]:
        mark = fixed(self._engine.mark(symbol))
        return {
            "symbol": symbol,
            "funding_rate": rate(FUNDING_RATE),
            "predicted_rate": rate(FUNDING_RATE),
            "mark_price": mark,
            "index_price": mark,
            "funding_interval": FUNDING_INTERVAL_MS,
            "next_funding_time": next_funding_ms(now_us),
        }

    def ticker_object(self, symbol: str, now_us: int) -> dict[str, Any]:
        """A market nobody traded in yet has its last price throughout and no volume."""
        book, mark = self._engine.books[symbol], fixed(self._engine.mark(symbol))
        bid, ask = book.bids.best(), book.asks.best()
        day = self._simulation.tapes[symbol].summary(now_us)
        last, zero = book.last_price, Decimal(0)
        opened = day.open if day else last
        return {
            "symbol": symbol,
            "last_price": fixed(last),
            "mark_price": mark,
            "index_price": mark,
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
            "funding_rate": rate(FUNDING_RATE),
            "next_funding_time": next_funding_ms(now_us),
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
        return "halted" if listing.market.symbol in self._halted else "trading"

    def _symbol(self, listing: Listing) -> dict[str, Any]:
        market = listing.market
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


def next_funding_ms(now_us: int) -> int:
    """Midnight, eight or sixteen o'clock UTC, whichever comes next."""
    return (now_us // 1000 // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS
