"""One client's queue, bounded in bytes (pure).

Rules:

- Replies are never dropped. Where one does not fit, the mailbox has overflowed, and its client is to be closed.
- Market data that does not fit is given up by channel: a ticker and a book start over from what the topic's ring holds
  when the client reads again; trades lose their oldest updates, and the client is told which (`"type": "gap"`).
- Starting over costs no memory while it waits: the queue holds a mark, which is looked up in the ring when taken.

A subscription is *starting* while such a mark is queued, *waiting* while its topic is not live and it holds no state,
and *live* while every message is queued as it comes.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from enum import Enum

import msgspec

from adapters.contract import Channel
from gateway.fanout.envelope import Frame, Kind
from gateway.fanout.ring import Position, Ring
from gateway.fanout.topic import Topic


class _Phase(Enum):
    STARTING = "starting"
    WAITING = "waiting"
    LIVE = "live"


class Subscription:
    """One client's interest in one topic, fed by the hub."""

    __slots__ = ("_mailbox", "lost", "phase", "position", "ring", "since", "topic")

    def __init__(self, mailbox: "Mailbox", topic: Topic, ring: Ring, since: Position | None):
        self.topic = topic
        self.ring = ring
        self.phase = _Phase.STARTING
        self.since = since
        self.position: Position | None = None
        """The last message the client has got."""
        self.lost: Position | None = None
        """The last message that was dropped, while that has not been announced."""
        self._mailbox = mailbox

    @property
    def keeps_newest(self) -> bool:
        return self.topic.channel is not Channel.TRADES

    def offer(self, frame: Frame) -> None:
        """Pass on a message of the topic; never waits."""
        self._mailbox.offer(self, frame)

    def refreshed(self) -> None:
        """Say that the ring can serve joiners again."""
        if self.phase is _Phase.WAITING:
            self._mailbox.start(self)


_Queue = deque[tuple[Subscription | None, Frame | bytes | None]]
"""A reply of ours (no subscription), a message of a subscription, or its mark (no item)."""


class _Gap(msgspec.Struct, frozen=True):
    channel: str
    venue: str
    symbol: str
    type: str
    epoch: int
    from_seq: int
    to_seq: int


class Mailbox:
    """What waits to be written to one client; `wake` is called whenever there is something to take."""

    def __init__(self, limit_bytes: int, wake: Callable[[], None]):
        self.overflowed = False
        self.dropped: Counter[str] = Counter()
        """Messages given up, by channel; whoever counts them empties it."""
        self._limit = limit_bytes
        self._wake = wake
        self._queue: _Queue = deque()
        self._bytes = 0
        self._subscriptions: dict[Topic, Subscription] = {}

    @property
    def bytes_held(self) -> int:
        return self._bytes

    @property
    def topics(self) -> Iterable[Topic]:
        return self._subscriptions.keys()

    def reply(self, body: bytes) -> None:
        """Queue an answer of ours; one that cannot fit makes the mailbox overflow."""
        if self._bytes + len(body) > self._limit:
            self._shed()
        if self._bytes + len(body) > self._limit:
            self.overflowed = True
        else:
            self._queue.append((None, body))
            self._bytes += len(body)
        self._wake()

    def join(self, topic: Topic, ring: Ring, since: Position | None) -> Subscription:
        """Begin with a replay after `since` where the ring reaches it, else with a snapshot."""
        self.leave(topic)
        subscription = Subscription(self, topic, ring, since)
        self._subscriptions[topic] = subscription
        self.start(subscription)
        return subscription

    def leave(self, topic: Topic) -> Subscription | None:
        """Forget the topic, and what of it is still queued."""
        subscription = self._subscriptions.pop(topic, None)
        if subscription is not None:
            self._forget({subscription})
        return subscription

    def start(self, subscription: Subscription) -> None:
        subscription.phase = _Phase.STARTING
        self._queue.append((subscription, None))
        self._wake()

    def offer(self, subscription: Subscription, frame: Frame) -> None:
        if subscription.phase is _Phase.STARTING:
            return  # the ring has it, and is read when the mark is taken
        if subscription.phase is _Phase.WAITING and frame.kind is not Kind.STATUS:
            self.start(subscription)
            return
        self._queue.append((subscription, frame))
        self._bytes += len(frame.body)
        if self._bytes > self._limit:
            self._shed()
        self._wake()

    def take(self, budget: int) -> list[bytes]:
        """The next messages in order, until they make `budget` bytes or nothing is left."""
        taken: list[bytes] = []
        size = 0
        while self._queue and size < budget:
            subscription, item = self._queue.popleft()
            before = len(taken)
            if subscription is not None and subscription.lost:
                taken.extend(_announce(subscription))
            if isinstance(item, bytes):
                self._bytes -= len(item)
                taken.append(item)
            elif item is None:
                taken.extend(_begin(subscription) if subscription else ())
            else:
                self._bytes -= len(item.body)
                taken.append(item.body)
                if subscription is not None:
                    subscription.position = Position(item.epoch, item.seq)
            size += sum(len(body) for body in taken[before:])
        if not self._queue:
            for each in self._subscriptions.values():
                taken.extend(_announce(each) if each.lost else ())
        return taken

    def _shed(self) -> None:
        """Come down to half the limit, so that a slow client does not cost a pass over its queue per message."""
        target = self._limit // 2
        self._start_over({each for each in self._subscriptions.values() if each.keeps_newest})
        if self._bytes > target:
            self._drop_oldest_trades(target)
        if self._bytes > target:
            self._start_over(set(self._subscriptions.values()))

    def _start_over(self, subscriptions: set[Subscription]) -> None:
        for subscription in self._forget(subscriptions):
            if subscription.phase is not _Phase.STARTING:
                self.start(subscription)

    def _forget(self, subscriptions: set[Subscription]) -> set[Subscription]:
        """Remove the queued messages of these subscriptions, and the marks of those who left."""
        kept: _Queue = deque()
        affected: set[Subscription] = set()
        for subscription, item in self._queue:
            if subscription not in subscriptions:
                kept.append((subscription, item))
            elif isinstance(item, Frame):
                affected.add(subscription)
                self._drop(subscription, item)
            elif self._subscriptions.get(subscription.topic) is subscription:
                kept.append((subscription, item))
        self._queue = kept
        return affected

    def _drop_oldest_trades(self, target: int) -> None:
        kept: _Queue = deque()
        restarted: set[Subscription] = set()
        while self._queue and self._bytes > target:
            subscription, item = self._queue.popleft()
            if subscription is None or not isinstance(item, Frame):
                kept.append((subscription, item))
                continue
            self._drop(subscription, item)
            if item.kind is not Kind.UPDATE:
                restarted.add(subscription)  # what follows stands on what was just dropped
        self._queue = kept + self._queue
        self._forget(restarted)
        for subscription in restarted:
            self.start(subscription)

    def _drop(self, subscription: Subscription, frame: Frame) -> None:
        self._bytes -= len(frame.body)
        self.dropped[subscription.topic.channel] += 1
        if not subscription.keeps_newest:
            subscription.lost = Position(frame.epoch, frame.seq)


def _begin(subscription: Subscription) -> list[bytes]:
    """What a joiner gets now: the replay or snapshot, or word that the topic is in trouble."""
    ring = subscription.ring
    frames = ring.since(subscription.since) if subscription.since else None
    if frames is None:
        frames = ring.start()
    if frames is None:
        subscription.phase = _Phase.WAITING
        if ring.trouble is None:
            return []
        subscription.since = None  # told of trouble, it needs to be told of its end as well: by a snapshot
        return [ring.trouble.body]
    subscription.phase = _Phase.LIVE
    subscription.since = None
    subscription.position = Position(ring.epoch, ring.seq)
    return [frame.body for frame in frames]


def _announce(subscription: Subscription) -> list[bytes]:
    """Say what was dropped. Over a change of epoch nobody can count; there the snapshot of the new one says it."""
    position, lost, topic = subscription.position, subscription.lost, subscription.topic
    subscription.lost = None
    if position is None or lost is None or lost.epoch != position.epoch or lost.seq <= position.seq:
        return []
    subscription.position = lost
    gap = _Gap(topic.channel, topic.venue, topic.symbol, "gap", lost.epoch, position.seq + 1, lost.seq)
    return [msgspec.json.encode(gap)]
