"""A market's ticker as a topic (pure)."""

from adapters.models import Market, StreamEvent, Ticker
from gateway.fanout.envelope import Frame, Integrity
from gateway.feeds.feed import Fetched, Need
from gateway.feeds.shapes import ticker_data
from gateway.feeds.writer import Writer

SILENCE_US = 5_000_000
"""Venues send a ticker every second, changed or not: after this long without one it is stale."""


class TickerFeed:
    """Publishes every ticker; the newest one is the whole state."""

    def __init__(self, writer: Writer, market: Market):
        self.writer = writer
        self.market = market
        self.need = Need.NOTHING
        self.is_restoring = False
        self.is_closed = False
        self._last: Ticker | None = None
        self._heard_us: int | None = None
        """When the present connection last gave us something; None without one."""

    def connected(self, now_us: int) -> None:
        self.need = Need.FETCH
        self._heard_us = now_us

    def disconnected(self, now_us: int) -> list[Frame]:
        self.need = Need.NOTHING
        self._heard_us = None
        return self.writer.status(Integrity.RESYNCING, now_us)

    def event(self, event: StreamEvent, now_us: int) -> list[Frame]:
        if not isinstance(event, Ticker):
            return []
        self.need = Need.NOTHING
        self._heard_us = now_us
        first = self.writer.integrity in (None, Integrity.RESYNCING)
        self._last = event
        write = self.writer.snapshot if first else self.writer.update
        return [write(ticker_data(event), event.venue_time_us, event.received_time_us, now_us)]

    def fetched(self, state: Fetched, now_us: int) -> list[Frame]:
        if self.need is Need.NOTHING or not isinstance(state, Ticker):
            return []  # the stream was faster
        return self.event(state, now_us)

    def not_fetched(self, now_us: int) -> list[Frame]:
        return []  # the stream brings one every second; if it does not, `tick` says so

    def resubscribed(self) -> None:
        self.need = Need.FETCH

    def repeat(self, now_us: int) -> list[Frame]:
        if self._last is None or self.writer.integrity is Integrity.RESYNCING:
            return self.writer.repeat_status(now_us)
        last = self._last
        return [self.writer.repeat(ticker_data(last), last.venue_time_us, last.received_time_us, now_us)]

    def tick(self, now_us: int) -> list[Frame]:
        if self._heard_us is None or now_us - self._heard_us < SILENCE_US:
            return []
        return self.writer.status(Integrity.STALE, now_us)
