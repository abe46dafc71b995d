"""Every book as it truly was at each update id, for a while: what a client's own book is compared with. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice

from sandbox.matching.book import Book, BookSide
from sandbox.matching.events import BookChange, Event

KEPT_CHANGES = 20_000
KEPT_LEVELS = 100_000  # makers change many levels at once
Levels = list[tuple[Decimal, Decimal]]
Quantities = dict[Decimal, Decimal]


class UnknownId(LookupError):
    """No book was ever seen at this update id, or that is too long ago; the message says which."""


class TrueBook:
    """One market's book some time ago, and every change since. The start moves along as old changes are dropped."""

    def __init__(self, book: Book) -> None:
        self._bids, self._asks = _quantities(book.bids), _quantities(book.asks)
        self._start_id = book.update_id
        self._changes: deque[BookChange] = deque()
        self._levels = 0

    @property
    def ids(self) -> tuple[int, int]:
        """The oldest and the newest id that is known."""
        return self._start_id, self._changes[-1].last_id if self._changes else self._start_id

    def record(self, change: BookChange) -> None:
        self._changes.append(change)
        self._levels += len(change.bids) + len(change.asks)
        while len(self._changes) > KEPT_CHANGES or self._levels > KEPT_LEVELS:
            oldest = self._changes.popleft()
            self._levels -= len(oldest.bids) + len(oldest.asks)
            _apply(oldest, self._bids, self._asks)
            self._start_id = oldest.last_id

    def at(self, update_id: int) -> tuple[Levels, Levels]:
        """Bids and asks, best first, when this id was the last one used; raises `UnknownId`."""
        first, last = self.ids
        if not first <= update_id <= last:
            raise UnknownId(f"no book at {update_id}: those from {first} to {last} are kept")
        bids, asks, at_id = dict(self._bids), dict(self._asks), first
        for change in self._changes:
            if change.last_id > update_id:
                break
            _apply(change, bids, asks)
            at_id = change.last_id
        if at_id != update_id:
            raise UnknownId(f"no book at {update_id}: it was used up on the way from {at_id} to {change.last_id}")
        return sorted(bids.items(), reverse=True), sorted(asks.items())


class TrueBooks:
    """Listens to the simulation and keeps every market's book."""

    def __init__(self, books: Mapping[str, Book]) -> None:
        self._books = {symbol: TrueBook(book) for symbol, book in books.items()}

    def record(self, events: Iterable[Event], now_us: int) -> None:
        for event in events:
            if isinstance(event, BookChange):
                self._books[event.symbol].record(event)

    def of(self, symbol: str) -> TrueBook:
        """Raises `KeyError` for a market there is not."""
        return self._books[symbol]


def best(levels: Levels, depth: int | None) -> list[tuple[str, str]]:
    """The best `depth` levels (none: all of them) as text."""
    return [(format(price, "f"), format(quantity, "f")) for price, quantity in islice(levels, depth)]


def _quantities(side: BookSide) -> Quantities:
    return {price: level.quantity for price, level in side.levels.items()}


def _apply(change: BookChange, bids: Quantities, asks: Quantities) -> None:
    for changed, side in ((change.bids, bids), (change.asks, asks)):
        for price, quantity in changed:
            if quantity:
                side[price] = quantity
            else:
                side.pop(price, None)
