"""Index, mark and last price of every market.

The index is what the price process (or a scenario) says the base is worth elsewhere. A perpetual's mark is the median
of the index, the index plus the average of mid - index over five minutes, and the last trade; without a book it is the
index. A spot market's mark is the index where a price process sets it, else the last trade.
"""

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from sandbox.matching.book import Book
from sandbox.matching.market import Market

ZERO = Decimal(0)
WINDOW_US = 300_000_000
QUANTUM = Decimal("1e-8")


class _Basis:
    """How far the middle of a book has been from its index lately."""

    __slots__ = ("_samples", "_sum", "average")

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Decimal]] = deque()
        self._sum = ZERO
        self.average = ZERO

    def add(self, difference: Decimal, now_us: int) -> None:
        self._samples.append((now_us, difference))
        self._sum += difference
        while self._samples[0][0] <= now_us - WINDOW_US:
            self._sum -= self._samples.popleft()[1]
        self.average = (self._sum / len(self._samples)).quantize(QUANTUM)

    def clock_stepped(self, by_us: int) -> None:
        self._samples = deque((time_us + by_us, difference) for time_us, difference in self._samples)


class Prices:
    """What triggers, margins and funding look at. A pinned price stays until it is unpinned."""

    def __init__(self, markets: Mapping[str, Market], books: Mapping[str, Book]) -> None:
        self._markets = markets
        self._books = books
        self._indexes: dict[str, Decimal] = {}
        self._bases = {symbol: _Basis() for symbol, market in markets.items() if market.is_perp}
        self._pinned_indexes: dict[str, Decimal] = {}
        self._pinned_marks: dict[str, Decimal] = {}

    def last(self, symbol: str) -> Decimal:
        """The last trade, at first the start price."""
        return self._books[symbol].last_price

    def index(self, symbol: str) -> Decimal:
        market = self._markets[symbol]
        index = self._pinned_indexes.get(symbol) or self._indexes.get(symbol)
        if index is not None:
            return index
        return (market.index_price or market.start_price) if market.is_perp else self._books[symbol].last_price

    def mark(self, symbol: str) -> Decimal:
        pinned = self._pinned_marks.get(symbol)
        if pinned is not None:
            return pinned
        basis, index, book = self._bases.get(symbol), self.index(symbol), self._books[symbol]
        if basis is None or book.bids.best() is None or book.asks.best() is None:
            return index
        return sorted((index, index + basis.average, book.last_price))[1]

    def mid(self, symbol: str) -> Decimal | None:
        """The middle of the book; None while a side is empty."""
        book = self._books[symbol]
        bid, ask = book.bids.best(), book.asks.best()
        return (bid.price + ask.price) / 2 if bid and ask else None

    def set_index(self, symbol: str, price: Decimal) -> None:
        """What the price process says; a pinned index hides it."""
        self._indexes[symbol] = price

    def pin_index(self, symbol: str, price: Decimal | None) -> None:
        _pin(self._pinned_indexes, symbol, price)

    def pin_mark(self, symbol: str, price: Decimal | None) -> None:
        _pin(self._pinned_marks, symbol, price)

    def pinned_index(self, symbol: str) -> Decimal | None:
        return self._pinned_indexes.get(symbol)

    def sample(self, now_us: int) -> None:
        """Take the difference of every perpetual's book and index into its average."""
        for symbol, basis in self._bases.items():
            mid = self.mid(symbol)
            if mid is not None:
                basis.add(mid - self.index(symbol), now_us)

    def clock_stepped(self, by_us: int) -> None:
        """The clock was put forward or back: averages go on over the time that passed."""
        for basis in self._bases.values():
            basis.clock_stepped(by_us)


def _pin(pins: dict[str, Decimal], symbol: str, price: Decimal | None) -> None:
    if price is None:
        pins.pop(symbol, None)
    else:
        pins[symbol] = price
