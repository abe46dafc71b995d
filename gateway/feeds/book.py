"""One order book: a venue's snapshot and the deltas that follow it (pure).

Rules:

- Without a snapshot deltas are kept (a bounded, contiguous run of them). A snapshot older than that run cannot be
  joined to it: another is needed.
- A delta that ends at or before the book's id was seen before and is ignored. The first one after a snapshot may
  straddle it; every later one must start exactly at the book's id, else something was missed.
- A best bid at or above the best ask, a negative quantity or a price of zero: the book is wrong.
- Where the venue's snapshot holds only part of its book, levels beyond its worst price are unknown: they are neither
  shown nor kept, and a book that has become too thin for its depth asks for a new snapshot.

After anything missed or wrong the book is empty and keeps deltas again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum

from adapters.models import BookDelta, BookSnapshot, Level

IGNORED_IN_A_ROW_MAX = 50
"""More old deltas than this in a row are no repetition: the venue has begun to count anew."""


class Step(Enum):
    APPLIED = "applied"
    IGNORED = "ignored"
    KEPT = "kept"
    """Waiting for a snapshot."""
    GAP = "gap"
    CORRUPT = "corrupt"


class Load(Enum):
    LOADED = "loaded"
    TOO_OLD = "too_old"
    CORRUPT = "corrupt"


class Book:
    """The levels of one market, at one update id."""

    def __init__(self, *, depth: int, keeps_depth: bool = False, kept_max: int = 2000):
        """`keeps_depth`: the venue's deltas move levels in and out of the depth themselves; nothing is unknown."""
        self.update_id: int | None = None
        """None while there is no snapshot."""
        self.venue_time_us: int | None = None
        self.received_time_us = 0
        horizon_depth = None if keeps_depth else depth
        self._bids = _Side(best=max, depth=horizon_depth)
        self._asks = _Side(best=min, depth=horizon_depth)
        self._kept: deque[BookDelta] = deque(maxlen=kept_max)
        self._straddle = False
        self._ignored = 0

    @property
    def is_thin(self) -> bool:
        """A level that the venue has may be missing within the depth we promise."""
        return self.update_id is not None and (self._bids.is_thin or self._asks.is_thin)

    def bids(self) -> list[Level]:
        """Best first."""
        return sorted((Level(*item) for item in self._bids.levels.items()), reverse=True)

    def asks(self) -> list[Level]:
        """Best first."""
        return sorted(Level(*item) for item in self._asks.levels.items())

    def give_up(self) -> None:
        """Forget the levels, and go on with what was kept for the next snapshot."""
        self.update_id = None

    def reset(self) -> None:
        """Forget everything, as after a reconnect."""
        self.give_up()
        self._kept.clear()

    def agrees_with(self, snapshot: BookSnapshot) -> bool:
        """Whether the venue's own book, at the same id, has the levels we have, as far as both reach."""
        return all(
            all(mine == theirs for mine, theirs in zip(ours, levels, strict=False))
            for ours, levels in ((self.bids(), snapshot.bids), (self.asks(), snapshot.asks))
        )

    def load(self, snapshot: BookSnapshot) -> Load:
        """Start from `snapshot`, and apply what was kept meanwhile."""
        while self._kept and self._kept[0].last_id <= snapshot.update_id:
            self._kept.popleft()
        if self._kept and self._kept[0].previous_id > snapshot.update_id:
            return Load.TOO_OLD
        sound = self._bids.load(snapshot.bids) and self._asks.load(snapshot.asks)
        self.update_id = snapshot.update_id
        self.venue_time_us, self.received_time_us = snapshot.venue_time_us, snapshot.received_time_us
        self._straddle, self._ignored = True, 0
        waiting = list(self._kept)
        self._kept.clear()
        if not sound or self._is_wrong or any(self.apply(delta) is Step.CORRUPT for delta in waiting):
            self.reset()
            return Load.CORRUPT
        return Load.LOADED

    def apply(self, delta: BookDelta) -> Step:
        """Take the next delta, and say what became of it."""
        if self.update_id is None:
            self._keep(delta)
            return Step.KEPT
        if delta.last_id <= self.update_id:
            self._ignored += 1
            if self._ignored <= IGNORED_IN_A_ROW_MAX:
                return Step.IGNORED
            return self._missed(delta)
        if delta.previous_id > self.update_id or (delta.previous_id < self.update_id and not self._straddle):
            return self._missed(delta)
        if not (self._bids.apply(delta.bids) and self._asks.apply(delta.asks)) or self._is_wrong:
            self.reset()
            return Step.CORRUPT
        self.update_id = delta.last_id
        self.venue_time_us, self.received_time_us = delta.venue_time_us, delta.received_time_us
        self._straddle, self._ignored = False, 0
        return Step.APPLIED

    def visible(self, delta: BookDelta) -> tuple[list[Level], list[Level]]:
        """The part of an applied delta that lies within what this book knows: bids, asks."""
        return self._bids.within(delta.bids), self._asks.within(delta.asks)

    @property
    def _is_wrong(self) -> bool:
        bid, ask = self._bids.best_price, self._asks.best_price
        return bid is not None and ask is not None and bid >= ask

    def _missed(self, delta: BookDelta) -> Step:
        self.reset()
        self._keep(delta)
        return Step.GAP

    def _keep(self, delta: BookDelta) -> None:
        if self._kept:
            last_id = self._kept[-1].last_id
            if delta.last_id <= last_id:
                return
            if delta.previous_id != last_id:
                self._kept.clear()
        self._kept.append(delta)


class _Side:
    """Bids or asks: quantities by price, the best price, and how far the venue's snapshot reached."""

    def __init__(self, *, best: Callable[[Iterable[Decimal]], Decimal], depth: int | None):
        self.levels: dict[Decimal, Decimal] = {}
        self.best_price: Decimal | None = None
        self._best = best
        self._depth = depth
        self._horizon: Decimal | None = None
        """The worst price of a snapshot that may hold only part of the venue's book."""

    @property
    def is_thin(self) -> bool:
        return self._horizon is not None and self._depth is not None and len(self.levels) < self._depth // 2

    def load(self, levels: Sequence[Level]) -> bool:
        self.levels.clear()
        self.best_price = None
        self._horizon = levels[-1].price if self._depth is not None and len(levels) >= self._depth else None
        return self.apply(levels)

    def apply(self, changes: Iterable[Level]) -> bool:
        """Set or remove levels; say whether all of them could be true."""
        for price, quantity in self.within(changes):
            if price <= 0 or quantity < 0:
                return False
            if quantity:
                self.levels[price] = quantity
                if self.best_price is None or self._best((price, self.best_price)) == price:
                    self.best_price = price
            elif self.levels.pop(price, None) is not None and price == self.best_price:
                self.best_price = self._best(self.levels) if self.levels else None
        return True

    def within(self, changes: Iterable[Level]) -> list[Level]:
        horizon = self._horizon
        if horizon is None:
            return list(changes)
        return [level for level in changes if self._best((level.price, horizon)) == level.price]
