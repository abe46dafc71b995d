"""A market's public trades as a topic (pure)."""

from collections import deque
from collections.abc import Hashable, Sequence

from adapters.models import Market, StreamEvent, Trade
from gateway.fanout.envelope import Frame, Integrity
from gateway.fanout.fold import TRADES_KEPT
from gateway.feeds.feed import Fetched, Need
from gateway.feeds.shapes import TradesData, trades_data
from gateway.feeds.writer import Writer


class TradesFeed:
    """Publishes every trade once; the last few are what a joiner starts with."""

    def __init__(self, writer: Writer, market: Market):
        self.writer = writer
        self.market = market
        self.need = Need.NOTHING
        self.is_restoring = False
        self.is_closed = False
        self._last: deque[Trade] = deque(maxlen=TRADES_KEPT)

    def connected(self, now_us: int) -> None:
        self.need = Need.FETCH

    def disconnected(self, now_us: int) -> list[Frame]:
        self.need = Need.NOTHING
        return self.writer.status(Integrity.RESYNCING, now_us)

    def event(self, event: StreamEvent, now_us: int) -> list[Frame]:
        if not isinstance(event, Trade) or any(_identity(event) == _identity(trade) for trade in self._last):
            return []
        self._last.append(event)
        if self.writer.integrity is not Integrity.OK:
            return []  # it will be in the snapshot
        return [self.writer.update(trades_data([event]), event.venue_time_us, event.received_time_us, now_us)]

    def fetched(self, state: Fetched, now_us: int) -> list[Frame]:
        if self.need is Need.NOTHING or not isinstance(state, Sequence):
            return []
        self.need = Need.NOTHING
        merged = {_identity(trade): trade for trade in reversed(state)}
        merged |= {_identity(trade): trade for trade in self._last}  # the stream's copy has the finer time
        newest = sorted(merged.values(), key=lambda trade: trade.venue_time_us)[-TRADES_KEPT:]
        self._last.clear()
        self._last.extend(newest)
        return [self.writer.snapshot(*self._state(now_us), now_us)]

    def not_fetched(self, now_us: int) -> list[Frame]:
        return self.writer.status(Integrity.RESYNCING, now_us)

    def resubscribed(self) -> None:
        self.need = Need.FETCH

    def repeat(self, now_us: int) -> list[Frame]:
        if self.writer.integrity is not Integrity.OK:
            return self.writer.repeat_status(now_us)
        return [self.writer.repeat(*self._state(now_us), now_us)]

    def tick(self, now_us: int) -> list[Frame]:
        return []

    def _state(self, now_us: int) -> tuple[TradesData, int | None, int]:
        newest = self._last[-1] if self._last else None
        return (
            trades_data(self._last),
            newest.venue_time_us if newest else None,
            newest.received_time_us if newest else now_us,
        )


def _identity(trade: Trade) -> Hashable:
    """What tells a trade from another; where the venue gives no id, everything about it."""
    if trade.trade_id is not None:
        return trade.trade_id
    return (trade.venue_time_us, trade.price, trade.quantity, trade.side)
