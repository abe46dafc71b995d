"""A market's order book as a topic (pure)."""

from adapters.contract import BookSource, Capabilities
from adapters.models import BookDelta, BookSnapshot, Market, StreamEvent
from gateway.fanout.envelope import Frame, Integrity
from gateway.feeds.book import Book, Load, Step
from gateway.feeds.feed import Fetched, Need
from gateway.feeds.metrics import resyncs
from gateway.feeds.shapes import BookData, book_data
from gateway.feeds.writer import Writer

FIRST_AUDIT_US = 2_000_000
FOLLOWS_WITHIN_US = 2_000_000
"""A change that the venue's own book shows reaches the stream within this, or it never will."""


class BookFeed:
    """Keeps the book, publishes every change of it, and starts over when one was missed."""

    def __init__(self, writer: Writer, market: Market, capabilities: Capabilities):
        self.writer = writer
        self.market = market
        self.depth = capabilities.book_depth_max
        self.need = Need.NOTHING
        self.is_restoring = False
        self.is_closed = False
        self.book = Book(depth=self.depth, keeps_depth=capabilities.book_keeps_depth)
        self._restart = Need.FETCH if capabilities.book_source is BookSource.REST else Need.RESUBSCRIBE
        self._sound_us: int | None = None
        """When the book was last known to be the venue's; None without one."""
        self._is_confirmed = False
        """A delta has come since the snapshot, so that the subscription certainly works."""
        self._behind: tuple[int, int] | None = None
        """The venue's own book was ahead of ours: its id, and when we saw it."""

    def connected(self, now_us: int) -> None:
        self._forget()
        # a stream that brings its own snapshots does so on its own after a reconnect
        self.need = Need.FETCH if self._restart is Need.FETCH else Need.NOTHING

    def disconnected(self, now_us: int) -> list[Frame]:
        self.need = Need.NOTHING
        self._forget()
        return self.writer.status(Integrity.RESYNCING, now_us)

    def event(self, event: StreamEvent, now_us: int) -> list[Frame]:
        match event:
            case BookDelta():
                return self._delta(event, now_us)
            case BookSnapshot():
                self._forget()
                return self.fetched(event, now_us)
            case _:
                return []

    def fetched(self, state: Fetched, now_us: int) -> list[Frame]:
        if not isinstance(state, BookSnapshot) or self.book.update_id is not None:
            return []
        if self.book.load(state) is Load.LOADED:
            self.need = Need.NOTHING
            self._sound_us, self._is_confirmed, self._behind = now_us, False, None
            return [self.writer.snapshot(*self._state(), now_us)]
        return self._resync(self._restart, now_us)

    def not_fetched(self, now_us: int) -> list[Frame]:
        return self.writer.status(Integrity.RESYNCING, now_us)

    def resubscribed(self) -> None:
        self.need = self._restart

    def repeat(self, now_us: int) -> list[Frame]:
        if self.book.update_id is None:
            return self.writer.repeat_status(now_us)
        return [self.writer.repeat(*self._state(), now_us)]

    def tick(self, now_us: int) -> list[Frame]:
        """A quiet market is not stale; but a book that did not follow the venue's own has lost its subscription."""
        if self._behind is None or self.book.update_id is None:
            return []
        update_id, seen_us = self._behind
        if self.book.update_id >= update_id:
            self._behind = None
            return []
        return self._resync(Need.RESUBSCRIBE, now_us) if now_us - seen_us >= FOLLOWS_WITHIN_US else []

    def audit_due(self, now_us: int, quiet_us: int) -> bool:
        """Whether the book has been silent so long that only the venue itself can say that it is still right."""
        if self._sound_us is None or self._restart is not Need.FETCH or self._behind is not None:
            return False
        return now_us - self._sound_us >= (quiet_us if self._is_confirmed else FIRST_AUDIT_US)

    def auditing(self, now_us: int) -> None:
        """The audit has begun; the next one is due a while later, whatever comes of it."""
        self._sound_us, self._is_confirmed = now_us, True

    def audited(self, snapshot: BookSnapshot, now_us: int) -> list[Frame]:
        """Compare with the venue's own book, fetched just now."""
        if self.book.update_id is None:
            return []
        if snapshot.update_id > self.book.update_id:
            self._behind = (snapshot.update_id, now_us)
        elif snapshot.update_id == self.book.update_id and not self.book.agrees_with(snapshot):
            return self._resync(self._restart, now_us)
        return []

    def _delta(self, delta: BookDelta, now_us: int) -> list[Frame]:
        step = self.book.apply(delta)
        if step in (Step.GAP, Step.CORRUPT):
            return self._resync(self._restart, now_us)
        if step is not Step.APPLIED:
            return []
        if self.book.is_thin:
            frames = self._resync(self._restart, now_us)
            self.book.apply(delta)  # kept, so that the next snapshot cannot be older than what was shown
            return frames
        self._sound_us, self._is_confirmed = now_us, True
        data = book_data(*self.book.visible(delta), delta.last_id)
        return [self.writer.update(data, delta.venue_time_us, delta.received_time_us, now_us)]

    def _resync(self, need: Need, now_us: int) -> list[Frame]:
        """Give the present book up; what the venue sends meanwhile is kept for the next one."""
        self.need = need
        self.book.give_up()
        self._sound_us, self._behind = None, None
        resyncs.labels(self.writer.topic.venue).inc()
        return self.writer.status(Integrity.RESYNCING, now_us)

    def _forget(self) -> None:
        self.book.reset()
        self._sound_us, self._behind = None, None

    def _state(self) -> tuple[BookData, int | None, int]:
        book = self.book
        data = book_data(book.bids(), book.asks(), book.update_id or 0)
        return data, book.venue_time_us, book.received_time_us
