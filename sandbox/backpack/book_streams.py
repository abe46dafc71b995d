"""`depth`, its aggregated flavours, and `bookTicker`.

Depth: one frame per engine call, covering all ids it used; the aggregated flavours cover a period. Either way the next
frame starts where the last one ended.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.backpack import frames
from sandbox.matching import Engine
from sandbox.matching.book import Book
from sandbox.matching.events import BookChange
from sandbox.sockets import Hub, Topic

DEPTH_PERIODS_US = {"200ms": 200_000, "600ms": 600_000, "1000ms": 1_000_000}
Touch = tuple[Decimal, Decimal, Decimal, Decimal]


@dataclass(slots=True)
class _Gathering:
    """Book changes of one market waiting for the end of a period."""

    first_id: int
    due_us: int
    last_id: int = 0
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def add(self, change: BookChange) -> None:
        self.last_id = change.last_id
        self.bids.update(change.bids)
        self.asks.update(change.asks)


class BookStreams:
    """Follows books for whoever subscribed."""

    def __init__(self, engine: Engine, hub: Hub) -> None:
        self._engine = engine
        self._hub = hub
        self._gatherings: dict[Topic, _Gathering] = {}
        self._touches: dict[str, Touch] = {}

    def on_change(self, change: BookChange, now_us: int) -> None:
        topic = (None, f"depth.{change.symbol}")
        if self._hub.has(topic):
            market, ids = self._engine.markets[change.symbol], (change.first_id, change.last_id)
            self._hub.publish(
                topic, frames.frame(topic[1], frames.depth(market, ids, change.bids, change.asks, now_us))
            )
        for label, period_us in DEPTH_PERIODS_US.items():
            topic = (None, f"depth.{label}.{change.symbol}")
            if self._hub.has(topic):
                gathering = self._gatherings.get(topic)
                if gathering is not None and gathering.last_id + 1 != change.first_id:
                    self._flush(topic, gathering, now_us)  # a gap is not to be covered up
                    gathering = None
                if gathering is None:
                    due_us = now_us - now_us % period_us + period_us
                    gathering = self._gatherings[topic] = _Gathering(change.first_id, due_us)
                gathering.add(change)
        if self._hub.has((None, f"bookTicker.{change.symbol}")):
            self._on_touch(self._engine.books[change.symbol], now_us)

    def advance(self, now_us: int) -> None:
        """Send what has been gathered for long enough."""
        for topic, gathering in list(self._gatherings.items()):
            if gathering.due_us <= now_us:
                self._flush(topic, gathering, now_us)

    def clock_stepped(self, by_us: int) -> None:
        for gathering in self._gatherings.values():
            gathering.due_us += by_us

    def _on_touch(self, book: Book, now_us: int) -> None:
        bid, ask = book.bids.best(), book.asks.best()
        if bid is None or ask is None:
            return
        touch = (bid.price, bid.quantity, ask.price, ask.quantity)
        if self._touches.get(book.symbol) == touch:
            return
        self._touches[book.symbol] = touch
        market, stream = self._engine.markets[book.symbol], f"bookTicker.{book.symbol}"
        data = frames.book_ticker(market, touch[:2], touch[2:], book.update_id, now_us)
        self._hub.publish((None, stream), frames.frame(stream, data))

    def _flush(self, topic: Topic, gathering: _Gathering, now_us: int) -> None:
        del self._gatherings[topic]
        stream = topic[1]
        market = self._engine.markets[stream.split(".", 2)[2]]
        bids, asks = sorted(gathering.bids.items()), sorted(gathering.asks.items())
        data = frames.depth(market, (gathering.first_id, gathering.last_id), bids, asks, now_us)
        self._hub.publish(topic, frames.frame(stream, data))
