"""What a hub keeps for one topic: its ring, its readers, and how long to go on without any."""

import asyncio

from gateway.fanout.envelope import Frame
from gateway.fanout.fold import TopicState, fold
from gateway.fanout.mailbox import Mailbox, Subscription
from gateway.fanout.ring import Ring, Verdict
from gateway.fanout.topic import Topic


class Station:
    """One topic on one replica."""

    def __init__(self, topic: Topic, channel: bytes, ring: Ring):
        self.topic = topic
        self.channel = channel
        self.ring = ring
        self.subscriptions: dict[Mailbox, Subscription] = {}
        self.warm_until = 0.0
        """Monotonic time until which it stays without readers."""
        self.is_requested = False
        """The present connection was told to subscribe."""
        self.is_read = False
        """... and has confirmed it: nothing published from then on is missed."""
        self.asked_at: float | None = None
        """When the owner was last asked for a snapshot."""
        self.started = asyncio.Event()
        """Set while a joiner can be served."""
        self._state: TopicState | None = None

    def accept(self, frame: Frame) -> Verdict:
        """Take a message in, and offer it to those it concerns."""
        verdict = self.ring.accept(frame)
        if verdict is Verdict.FORWARD:
            self.offer(frame)
        elif verdict is Verdict.REFRESHED:
            for subscription in self.subscriptions.values():
                subscription.refreshed()
        self._mark()
        return verdict

    def lose(self, trouble: Frame) -> None:
        """Trust nothing until the next snapshot, and tell the readers."""
        self.ring.lose(trouble)
        self.offer(trouble)
        self._mark()

    def offer(self, frame: Frame) -> None:
        for subscription in self.subscriptions.values():
            subscription.offer(frame)

    def state(self) -> TopicState | None:
        """The present state; the last sound one, marked as such, while there is trouble."""
        frames = self.ring.last_known()
        if not frames:
            return None
        known, newest, integrity = self._state, frames[-1], self.ring.integrity
        if known is None or (known.epoch, known.seq, known.integrity) != (newest.epoch, newest.seq, integrity):
            self._state = fold(self.topic.channel, frames, integrity)
        return self._state

    def _mark(self) -> None:
        if self.ring.can_start:
            self.started.set()
        else:
            self.started.clear()
