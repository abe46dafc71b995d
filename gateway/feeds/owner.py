"""One term of the replica that owns a venue's streams: the venue's events in, every topic's messages out to Redis.

Exactly one upstream subscription per topic: only the owner subscribes, and only for what some replica wishes for.
Nothing is published after the term has ended; the other replicas would drop it by its epoch anyway.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from redis.exceptions import RedisError

from adapters.common.backoff import delays
from adapters.contract import Channel, Throttle, Venue
from adapters.models import (
    BookDelta,
    BookSnapshot,
    ChannelState,
    Market,
    StreamEvent,
    StreamState,
    Symbol,
    Ticker,
    Trade,
    VenueName,
)
from gateway.errors import StoreUnavailable
from gateway.fanout.envelope import Frame
from gateway.fanout.pulse import Pulse, encode_pulse
from gateway.fanout.reader import Published, read
from gateway.fanout.topic import Topic
from gateway.feeds import metrics
from gateway.feeds.book_feed import BookFeed
from gateway.feeds.feed import Feed
from gateway.feeds.lease import Term
from gateway.feeds.restore import Restorer
from gateway.feeds.settings import FeedSettings
from gateway.feeds.ticker_feed import TickerFeed
from gateway.feeds.trades_feed import TradesFeed
from gateway.feeds.wishes import parse_topic, wished_topics
from gateway.feeds.writer import Writer
from gateway.store import keys
from gateway.store.client import Store

log = structlog.get_logger()

FindMarket = Callable[[VenueName, Symbol], Market | None]

_LOOK_EVERY_S = 1.0
_ANSWER_EVERY_S = 0.1
"""However many replicas ask for a topic's snapshot, it is repeated no more often than this."""


class Owner:
    """The owner's work for one term; `run` ends by raising `TermOver` in an exception group, or by cancellation."""

    def __init__(
        self,
        store: Store,
        venue: Venue,
        term: Term,
        *,
        replica_id: str,
        find_market: FindMarket,
        throttle: Throttle,
        settings: FeedSettings,
        monotonic: Callable[[], float],
        time_us: Callable[[], int],
    ):
        self._store = store
        self._venue = venue
        self._term = term
        self._replica_id = replica_id
        self._find_market = find_market
        self._settings = settings
        self._monotonic = monotonic
        self._time_us = time_us
        self._throttle = throttle
        self._feeds: dict[Topic, Feed] = {}
        self._writers: dict[Topic, Writer] = {}
        """Kept over the end of a feed: `seq` must not start again within a term. Bounded by the venue's markets."""
        self._unwished_since: dict[Topic, float] = {}
        self._unknown: set[Topic] = set()
        self._asked: set[Topic] = set()
        self._has_asked = asyncio.Event()
        self._moved: dict[str, int] = {}
        self._lag = metrics.lag.labels(venue.name)

    async def run(self) -> None:
        try:
            await self._run()
        finally:
            metrics.topics.labels(self._venue.name).set(0)

    async def _run(self) -> None:
        async with self._venue.streams.connect() as stream, asyncio.TaskGroup() as tasks:
            self._stream = stream
            self._restorer = Restorer(
                self._venue, self._throttle, stream, tasks=tasks, publish=self._publish, time_us=self._time_us
            )
            tasks.create_task(self._hold())
            tasks.create_task(self._listen())
            tasks.create_task(self._answer())
            tasks.create_task(self._look())
            async for event in stream:
                self._on_event(event)
            raise ConnectionError("the venue's stream ended by itself")

    # --- the loops of a term

    async def _hold(self) -> None:
        """Keep the lease, and show the replicas that we do."""
        while True:
            self._term.check()
            await self._pulse()
            await asyncio.sleep(self._settings.lease_s / 3)
            self._term.check()
            await self._term.renew()

    async def _pulse(self) -> None:
        moved, self._moved = self._moved, {}
        pulse = Pulse(self._term.epoch, self._replica_id, self._restorer.is_connected, moved)
        try:
            await self._store.command("PUBLISH", keys.feed_pulse(self._venue.name), encode_pulse(pulse))
        except StoreUnavailable:
            self._moved = moved | self._moved  # replicas may not know yet how far these got

    async def _listen(self) -> None:
        """Hear what replicas ask for. What is lost with a connection, they ask again."""
        waits = delays(0.05, 1.0)
        while True:
            with suppress(RedisError, OSError):
                async with self._store.subscriber() as pubsub:
                    await pubsub.subscribe(keys.feed_control(self._venue.name))
                    async for message in read(pubsub):
                        waits = delays(0.05, 1.0)
                        topic = parse_topic(message.data, self._venue.name) if isinstance(message, Published) else None
                        if topic is not None:
                            self._asked.add(topic)
                            self._has_asked.set()
            await asyncio.sleep(next(waits))

    async def _answer(self) -> None:
        while True:
            await self._has_asked.wait()
            self._has_asked.clear()
            asked, self._asked = self._asked, set()
            for topic in asked:
                self._unwished_since.pop(topic, None)
                if feed := self._feeds.get(topic):
                    self._publish(feed, feed.repeat(self._time_us()))
                else:
                    self._begin(topic)
            await asyncio.sleep(_ANSWER_EVERY_S)

    async def _look(self) -> None:
        """Follow the wishes, and whatever only time can tell."""
        while True:
            with suppress(StoreUnavailable):
                self._follow(await wished_topics(self._store, self._venue.name))
            now_us = self._time_us()
            for feed in list(self._feeds.values()):
                self._publish(feed, feed.tick(now_us))
                if isinstance(feed, BookFeed) and feed.audit_due(now_us, round(self._settings.audit_s * 1_000_000)):
                    self._restorer.audit(feed)
                self._restorer.see_to(feed)
            await asyncio.sleep(_LOOK_EVERY_S)

    # --- topics

    def _follow(self, wished: set[Topic]) -> None:
        now = self._monotonic()
        for topic in wished - self._feeds.keys():
            self._begin(topic)
        for topic in list(self._feeds):
            if topic in wished:
                self._unwished_since.pop(topic, None)
            elif now - self._unwished_since.setdefault(topic, now) >= self._settings.linger_s:
                self._end(topic)

    def _begin(self, topic: Topic) -> None:
        market = self._find_market(topic.venue, topic.symbol)
        if market is None or topic.channel not in self._venue.capabilities.channels:
            if topic not in self._unknown:
                self._unknown.add(topic)
                log.warning("feed_topic_unknown", topic=str(topic))
            return  # looked at again for as long as it is wished for: the markets may not be loaded yet
        writer = self._writers.setdefault(topic, Writer(topic, self._term.epoch))
        feed = self._feeds[topic] = self._feed(writer, market)
        metrics.topics.labels(topic.venue).set(len(self._feeds))
        log.info("feed_topic_begins", topic=str(topic), epoch=self._term.epoch)
        self._stream.subscribe(topic.channel, market)
        if self._restorer.is_connected:
            feed.connected(self._time_us())
            self._restorer.see_to(feed)
        else:
            self._publish(feed, feed.disconnected(self._time_us()))

    def _feed(self, writer: Writer, market: Market) -> Feed:
        match writer.topic.channel:
            case Channel.TICKER:
                return TickerFeed(writer, market)
            case Channel.ORDERBOOK:
                return BookFeed(writer, market, self._venue.capabilities)
            case Channel.TRADES:
                return TradesFeed(writer, market)

    def _end(self, topic: Topic) -> None:
        feed = self._feeds.pop(topic)
        feed.is_closed = True
        self._unwished_since.pop(topic, None)
        metrics.topics.labels(topic.venue).set(len(self._feeds))
        log.info("feed_topic_ends", topic=str(topic))
        self._stream.unsubscribe(topic.channel, feed.market)

    # --- the venue

    def _on_event(self, event: StreamEvent) -> None:
        now_us = self._time_us()
        match event:
            case ChannelState(state=StreamState.CONNECTED):
                self._restorer.connected()
                for feed in self._feeds.values():
                    feed.connected(now_us)
                    self._restorer.see_to(feed)
            case ChannelState(reason=reason):
                self._restorer.disconnected()
                log.warning("feed_disconnected", venue=self._venue.name, reason=reason)
                for feed in self._feeds.values():
                    self._publish(feed, feed.disconnected(now_us))
            case Ticker() | BookDelta() | BookSnapshot() | Trade():
                if event.venue_time_us is not None:
                    self._lag.observe(max(0, event.received_time_us - event.venue_time_us) / 1_000_000)
                # without a feed: still on its way when we unsubscribed
                if found := self._feeds.get(Topic(self._venue.name, _channel(event), event.symbol)):
                    self._publish(found, found.event(event, now_us))
                    if found.writer.repeat_due:
                        self._publish(found, found.repeat(now_us))
                    self._restorer.see_to(found)
            case _:
                pass  # an account's events come on a stream of its own

    # --- Redis

    def _publish(self, feed: Feed, frames: list[Frame]) -> None:
        """Hand over to the store, which keeps the order; raises `TermOver` rather than publish after the term."""
        topic = feed.writer.topic
        if not frames or feed.is_closed:
            return
        self._term.check()
        channel = keys.feed_topic(topic.venue, str(topic))
        for frame in frames:
            self._store.command("PUBLISH", channel, frame.pack()).add_done_callback(self._on_published)
        self._moved[str(topic)] = feed.writer.seq
        metrics.published.labels(topic.venue, topic.channel).inc(len(frames))

    def _on_published(self, reply: asyncio.Future[Any]) -> None:
        """A message that was lost here is missed by the replicas at the next one, or at the next pulse."""
        if not reply.cancelled() and reply.exception() is not None:
            metrics.unpublished.labels(self._venue.name).inc()


def _channel(event: Ticker | BookDelta | BookSnapshot | Trade) -> Channel:
    match event:
        case Ticker():
            return Channel.TICKER
        case Trade():
            return Channel.TRADES
        case BookDelta() | BookSnapshot():
            return Channel.ORDERBOOK
