"""A book as subscribers of one depth see it: exactly the N best levels a side, told as snapshots and differences.

Pure. Each difference says from which sequence it leads; changes beyond the depth are not told and lead nowhere.
"""

from typing import Any

from sandbox.matching.book import Book
from sandbox.zanbara.market_data import Levels, levels

GONE = "0.00000000"


class BookView:
    """What was last told of one book at one depth."""

    def __init__(self, book: Book, depth: int) -> None:
        self._book = book
        self._depth = depth
        self._bids = dict(levels(book.bids, depth))
        self._asks = dict(levels(book.asks, depth))
        self._told = _changes_of(book)

    @property
    def sequence(self) -> int:
        """That of the last telling, past what was skipped since."""
        return self._told + self._book.skipped

    def snapshot(self, now_us: int) -> dict[str, Any]:
        """The levels last told, best first."""
        return {
            "symbol": self._book.symbol,
            "bids": list(self._bids.items()),
            "asks": list(self._asks.items()),
            "sequence": self.sequence,
            "timestamp": now_us // 1000,
        }

    def difference(self) -> dict[str, Any] | None:
        """From what was last told to the book as it is; None if no visible level changed."""
        now = _changes_of(self._book)
        if now == self._told:
            return None
        bids = dict(levels(self._book.bids, self._depth))
        asks = dict(levels(self._book.asks, self._depth))
        changes = {"bids": _changes(self._bids, bids), "asks": _changes(self._asks, asks)}
        if not changes["bids"] and not changes["asks"]:
            return None
        previous, self._told = self.sequence, now
        self._bids, self._asks = bids, asks
        return {**changes, "prev_sequence": previous}


def _changes_of(book: Book) -> int:
    return book.update_id - book.skipped


def _changes(before: dict[str, str], after: dict[str, str]) -> Levels:
    """New and changed levels with their quantity, then those that are gone or were pushed out."""
    told = [(price, quantity) for price, quantity in after.items() if before.get(price) != quantity]
    return told + [(price, GONE) for price in before if price not in after]
