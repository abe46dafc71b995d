"""Getting back what a feed has lost, or never had: fetched from the venue over REST, paced and within its limits."""

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from adapters.common.backoff import delays
from adapters.contract import BookSource, Channel, Stream, Throttle, Venue
from adapters.models import BookSnapshot
from gateway.fanout.envelope import Frame
from gateway.fanout.fold import TRADES_KEPT
from gateway.fanout.topic import Topic
from gateway.feeds import metrics
from gateway.feeds.book_feed import BookFeed
from gateway.feeds.feed import Feed, Fetched, Need

log = structlog.get_logger()

Publish = Callable[[Feed, list[Frame]], None]

_AT_ONCE = 8
"""Fetches in flight per venue: after a reconnect every topic needs one, and other readers share the budget."""

_FETCH_TIMEOUT_S = 10.0
_APART_S = 0.1
"""Between the end of a subscription and the next one: a stream sends the sum of what changed meanwhile."""

_CALM_S = 30.0

_STREAM_ANSWERS_S = 2.0
"""How long a new subscription is given to bring its snapshot."""


class _Pace:
    """How fast one topic may be restored: at once after a calm time, then more and more slowly."""

    def __init__(self) -> None:
        self._last_at = -math.inf
        self._waits = delays(0.05, 5.0)

    def wait_s(self) -> float:
        now = time.monotonic()
        is_calm = now - self._last_at > _CALM_S
        self._last_at = now
        if not is_calm:
            return next(self._waits)
        self._waits = delays(0.05, 5.0)
        return 0.0


class Restorer:
    """Sees to the needs of a venue's feeds while its connection is up; one attempt at a time for each."""

    def __init__(
        self,
        venue: Venue,
        throttle: Throttle,
        stream: Stream,
        *,
        tasks: asyncio.TaskGroup,
        publish: Publish,
        time_us: Callable[[], int],
    ):
        self.is_connected = False
        self._venue = venue
        self._throttle = throttle
        self._stream = stream
        self._tasks = tasks
        self._publish = publish
        self._time_us = time_us
        self._paces: dict[Topic, _Pace] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._connection = 0
        """Counts the venue's connections: what was asked for under an earlier one says nothing under this."""

    def connected(self) -> None:
        self.is_connected = True
        self._connection += 1

    def disconnected(self) -> None:
        self.is_connected = False

    def see_to(self, feed: Feed) -> None:
        """Get the feed what it needs, if it needs anything and nobody is at it."""
        if feed.need is not Need.NOTHING and not feed.is_restoring and self.is_connected:
            feed.is_restoring = True
            self._tasks.create_task(self._restore(feed))

    def audit(self, feed: BookFeed) -> None:
        """Compare a silent book with the venue's own."""
        feed.auditing(self._time_us())
        self._tasks.create_task(self._audit(feed))

    async def _restore(self, feed: Feed) -> None:
        pace = self._paces.setdefault(feed.writer.topic, _Pace())
        patience_s = 0.0
        try:
            while self._is_needy(feed):
                await asyncio.sleep(max(pace.wait_s(), patience_s))
                if self._is_needy(feed):
                    patience_s = await self._attempt(feed)
        finally:
            feed.is_restoring = False

    def _is_needy(self, feed: Feed) -> bool:
        return self.is_connected and not feed.is_closed and feed.need is not Need.NOTHING

    async def _attempt(self, feed: Feed) -> float:
        """Do what is needed; say how long to give it, at least, before the next attempt."""
        if feed.need is Need.FETCH:
            await self._fetch(feed)
            return 0.0
        self._stream.unsubscribe(feed.writer.topic.channel, feed.market)
        await asyncio.sleep(_APART_S)
        if feed.is_closed:
            return 0.0
        self._stream.subscribe(feed.writer.topic.channel, feed.market)
        feed.resubscribed()
        return _STREAM_ANSWERS_S if self._venue.capabilities.book_source is BookSource.STREAM else 0.0

    async def _fetch(self, feed: Feed) -> None:
        connection = self._connection
        state = await self._read(feed)
        if self.is_connected and connection == self._connection:
            now_us = self._time_us()
            self._publish(feed, feed.not_fetched(now_us) if state is None else feed.fetched(state, now_us))

    async def _audit(self, feed: BookFeed) -> None:
        connection = self._connection
        snapshot = await self._read(feed)
        if isinstance(snapshot, BookSnapshot) and self.is_connected and connection == self._connection:
            self._publish(feed, feed.audited(snapshot, self._time_us()))
            self.see_to(feed)

    async def _read(self, feed: Feed) -> Fetched | None:
        """The topic's state as the venue has it now, or None if it could not be had; the log says why."""
        topic = feed.writer.topic
        try:
            async with self._slots, asyncio.timeout(_FETCH_TIMEOUT_S):
                state = await self._call(feed)
        except Exception as error:  # a venue, a limit or a store that fails costs this topic a retry, not the venue
            metrics.fetches.labels(topic.venue, topic.channel, "failed").inc()
            log.warning("feed_fetch_failed", topic=str(topic), error=repr(error))
            return None
        metrics.fetches.labels(topic.venue, topic.channel, "ok").inc()
        return state

    async def _call(self, feed: Feed) -> Fetched:
        market_data, market = self._venue.market_data, feed.market
        match feed.writer.topic.channel:
            case Channel.ORDERBOOK:
                depth = self._venue.capabilities.book_depth_max
                return await market_data.order_book(market, depth, self._throttle)
            case Channel.TRADES:
                return await market_data.trades(market, TRADES_KEPT, self._throttle)
            case Channel.TICKER:
                return await market_data.ticker(market, self._throttle)
