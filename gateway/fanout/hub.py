"""One replica's readers: topics in from one Redis connection, each message out to every mailbox that wants it.

Promises:

- Within a topic messages are offered in order, each once. Nothing is offered that does not follow what came before it
  or start anew; anything missed is announced (`resyncing`) and repaired by a snapshot.
- `subscribe`, `unsubscribe` and every `offer` return at once: Redis is never kept waiting by a reader.
- The first reader of a topic makes it wished for, the last one to leave ends that after a pause.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Collection

import msgspec
import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from adapters.common.backoff import delays
from adapters.contract import Channel
from adapters.models import VenueName
from gateway.fanout import metrics
from gateway.fanout.envelope import Integrity, Kind, NotAFrame, unpack
from gateway.fanout.fold import TopicState
from gateway.fanout.mailbox import Mailbox
from gateway.fanout.message import encode
from gateway.fanout.pulse import Pulse, decode_pulse
from gateway.fanout.reader import Published, Subscribed, read
from gateway.fanout.ring import Position, Ring, Verdict
from gateway.fanout.settings import FanoutSettings
from gateway.fanout.station import Station
from gateway.fanout.topic import Topic
from gateway.fanout.wishes import Wishes
from gateway.store import keys
from gateway.store.client import Store

log = structlog.get_logger()

_TEND_EVERY_S = 0.25


class Hub:
    """The topics of one process. Everything but `run` and `ensure` is synchronous; use it from one event loop."""

    def __init__(
        self,
        store: Store,
        venues: Collection[VenueName],
        replica_id: str,
        settings: FanoutSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        time_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ):
        self._store = store
        self._settings = settings
        self._monotonic = monotonic
        self._time_us = time_us
        self._wishes = Wishes(store, replica_id, settings.wish_ttl_s, monotonic)
        self._stations: dict[Topic, Station] = {}
        self._by_channel: dict[bytes, Station] = {}
        self._pulse_of = {keys.feed_pulse(venue).encode(): venue for venue in venues}
        self._pulses: dict[VenueName, Pulse] = {}
        self._heard_at: dict[VenueName, float] = {}
        self._epochs: dict[VenueName, int] = {}
        self._pubsub: PubSub | None = None
        self._confirmed: set[VenueName] = set()
        """Venues whose pulses the present connection has begun to read."""
        self._changed = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether messages can arrive at all."""
        return len(self._confirmed) == len(self._pulse_of)

    # --- for readers

    def subscribe(self, topic: Topic, mailbox: Mailbox, since: Position | None = None) -> None:
        """Feed `mailbox` from now on, starting with a replay after `since` or a snapshot. Repeated, it starts over."""
        station = self._station(topic)
        self._drop(station, mailbox)
        station.subscriptions[mailbox] = mailbox.join(topic, station.ring, since)

    def unsubscribe(self, topic: Topic, mailbox: Mailbox) -> None:
        """Nothing of the topic reaches `mailbox` any more; safe to repeat."""
        if station := self._stations.get(topic):
            self._drop(station, mailbox)

    def close(self, mailbox: Mailbox) -> None:
        """Unsubscribe from everything."""
        for topic in list(mailbox.topics):
            self.unsubscribe(topic, mailbox)

    def snapshot(self, topic: Topic) -> TopicState | None:
        """The present state from memory, however old: look at its `integrity`. None if nothing is known."""
        station = self._stations.get(topic)
        return station.state() if station else None

    async def ensure(self, topic: Topic, timeout_s: float) -> TopicState | None:
        """Keep the topic live for a while, and wait for it; None if it has no sound state within `timeout_s`."""
        station = self._station(topic)
        station.warm_until = self._monotonic() + max(self._settings.warm_s, timeout_s)
        if not station.ring.can_start:
            try:
                async with asyncio.timeout(timeout_s):
                    await station.started.wait()
            except TimeoutError:
                return None
        return station.state()

    def state(self) -> dict[VenueName, Pulse | None]:
        """The last sign of life of each venue's owner; None where it is overdue."""
        return {
            venue: self._pulses.get(venue) if not self._is_silent(venue) else None for venue in self._pulse_of.values()
        }

    def unsound(self) -> Counter[tuple[VenueName, Channel]]:
        """How many topics read here are not to be trusted now: being repaired, silent, or never yet heard of."""
        return Counter(
            (topic.venue, topic.channel)
            for topic, station in self._stations.items()
            if station.ring.integrity is not Integrity.OK
        )

    # --- the loops

    async def run(self) -> None:
        """Read from Redis for ever, over any number of reconnects."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._reconcile())
            tasks.create_task(self._tend())

    async def _read(self) -> None:
        waits = delays(0.05, 1.0)
        while True:
            for station in self._stations.values():
                was_read, station.is_read, station.is_requested = station.is_read, False, False
                if was_read:
                    self._lose(station)
            try:
                async with self._store.subscriber() as pubsub:
                    await pubsub.subscribe(*self._pulse_of)
                    self._pubsub = pubsub
                    self._changed.set()
                    async for message in read(pubsub):
                        waits = delays(0.05, 1.0)
                        self._handle(message)
            except (RedisError, OSError) as error:
                log.warning("fanout_disconnected", error=str(error) or type(error).__name__)
            finally:
                self._pubsub = None
                self._confirmed.clear()
            metrics.reconnects.inc()
            await asyncio.sleep(next(waits))

    async def _reconcile(self) -> None:
        """Bring the connection's subscriptions in line with the topics wanted here; its errors end `run`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            pubsub = self._pubsub
            if pubsub is None:
                continue
            new = [station for station in self._stations.values() if not station.is_requested]
            gone = [name for name in pubsub.channels if name not in self._by_channel and name not in self._pulse_of]
            for station in new:
                station.is_requested = True
            if new:
                await pubsub.subscribe(*(station.channel for station in new))
            if gone:
                await pubsub.unsubscribe(*gone)

    async def _tend(self) -> None:
        """Refresh wishes, end topics nobody reads, ask again for what did not come, notice an owner's silence."""
        while True:
            await asyncio.sleep(_TEND_EVERY_S)
            now = self._monotonic()
            for topic, station in list(self._stations.items()):
                if not station.subscriptions and now >= station.warm_until:
                    self._forget(topic, station)
                    continue
                if self._is_silent(topic.venue):
                    self._lose(station)
                asked_at = station.asked_at
                is_due = asked_at is None or now - asked_at >= self._settings.ask_again_s
                if is_due and station.is_read and not station.ring.can_start:
                    self._ask(station)
            self._wishes.refresh(self._stations)

    # --- what arrives

    def _handle(self, message: Published | Subscribed) -> None:
        station = self._by_channel.get(message.channel)
        venue = self._pulse_of.get(message.channel)
        match message:
            case Subscribed() if station:
                station.is_read = True
                self._ask(station)
            case Subscribed() if venue:
                if venue in self._confirmed:
                    raise ConnectionError("redis-py has connected anew by itself")
                self._confirmed.add(venue)
                self._heard_at[venue] = self._monotonic()  # silence counts from here
            case Published(data=data) if station:
                self._on_frame(station, data)
            case Published(data=data) if venue:
                self._on_pulse(venue, data)

    def _on_frame(self, station: Station, data: bytes) -> None:
        venue = station.topic.venue
        metrics.received.labels(venue).inc()
        try:
            frame = unpack(data)
        except NotAFrame as error:
            metrics.ignored.labels(venue, "malformed").inc()
            log.warning("fanout_not_a_frame", topic=str(station.topic), reason=error.reason)
            return
        if frame.epoch < self._epochs.get(venue, 0):
            metrics.ignored.labels(venue, "epoch").inc()
            return
        self._epochs[venue] = frame.epoch
        metrics.lag.observe(max(self._time_us() - frame.sent_us, 0) / 1_000_000)
        match station.accept(frame):
            case Verdict.GAP:
                log.warning("fanout_gap", topic=str(station.topic), epoch=frame.epoch, seq=frame.seq)
                self._lose(station)
                self._ask(station)
            case Verdict.IGNORED:
                metrics.ignored.labels(venue, "seen").inc()
            case Verdict.FORWARD | Verdict.REFRESHED:
                pass

    def _on_pulse(self, venue: VenueName, data: bytes) -> None:
        try:
            pulse = decode_pulse(data)
        except msgspec.MsgspecError:
            metrics.ignored.labels(venue, "malformed").inc()
            return
        if pulse.epoch < self._epochs.get(venue, 0):
            return
        self._epochs[venue] = pulse.epoch
        self._pulses[venue] = pulse
        self._heard_at[venue] = self._monotonic()
        for topic, station in self._stations.items():
            ring = station.ring
            if topic.venue != venue or not ring.live:
                continue
            if ring.epoch < pulse.epoch or ring.seq < pulse.seqs.get(str(topic), 0):
                self._lose(station)
                self._ask(station)

    # --- one topic

    def _station(self, topic: Topic) -> Station:
        station = self._stations.get(topic)
        if station is None:
            ring = Ring(
                keyed=topic.channel is Channel.TICKER,
                frames_limit=self._settings.ring_frames,
                bytes_limit=self._settings.ring_bytes,
            )
            station = Station(topic, keys.feed_topic(topic.venue, str(topic)).encode(), ring)
            self._stations[topic] = self._by_channel[station.channel] = station
            metrics.topics.set(len(self._stations))
            self._changed.set()
        return station

    def _drop(self, station: Station, mailbox: Mailbox) -> None:
        mailbox.leave(station.topic)
        if station.subscriptions.pop(mailbox, None) and not station.subscriptions:
            station.warm_until = max(station.warm_until, self._monotonic() + self._settings.linger_s)

    def _forget(self, topic: Topic, station: Station) -> None:
        del self._stations[topic], self._by_channel[station.channel]
        metrics.topics.set(len(self._stations))
        self._wishes.drop(topic)
        self._changed.set()

    def _ask(self, station: Station) -> None:
        station.asked_at = self._monotonic()
        self._wishes.ask(station.topic)

    def _lose(self, station: Station) -> None:
        topic, ring, now_us = station.topic, station.ring, self._time_us()
        if ring.trouble is not None:
            return
        metrics.gaps.labels(topic.venue).inc()
        station.lose(
            encode(
                topic,
                Kind.STATUS,
                epoch=ring.epoch,
                seq=ring.seq,
                integrity=Integrity.RESYNCING,
                data=None,
                venue_time_us=None,
                received_time_us=now_us,
                now_us=now_us,
            )
        )

    def _is_silent(self, venue: VenueName) -> bool:
        return self._monotonic() - self._heard_at.get(venue, -math.inf) > self._settings.silence_s
