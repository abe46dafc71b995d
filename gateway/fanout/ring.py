"""What one replica remembers of a topic: the last snapshot and a bounded run of what followed (pure).

Rules, for a frame at (epoch, seq):

- A lower epoch is dropped, whatever it is: it comes from an owner that was replaced and does not know it yet.
- Live, an update must be at `seq` + 1. One at or below `seq` was seen before; one further on, or of a higher epoch,
  is a gap: the ring is no longer live until a snapshot arrives.
- A snapshot ahead of us, or of a higher epoch, or after a gap, starts the ring anew. One at our own `seq` repeats what
  we know: it shortens what a joiner needs and concerns nobody else.
- In a keyed topic (a ticker) every update is the whole state, so that each is a snapshot too and there are no gaps.
"""

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum

from gateway.fanout.envelope import Frame, Integrity, Kind


class Verdict(Enum):
    FORWARD = "forward"
    """New to every client of the topic."""
    REFRESHED = "refreshed"
    """Joiners can be served from here; nobody else needs it."""
    IGNORED = "ignored"
    GAP = "gap"
    """The topic has just stopped being live: say so, and ask for a snapshot."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far somebody has read."""

    epoch: int
    seq: int


class Ring:
    """The memory of one topic. `trouble` is what to tell clients while it is not live."""

    def __init__(self, *, keyed: bool, frames_limit: int, bytes_limit: int):
        self.epoch = 0
        self.seq = 0
        self.live = False
        self.trouble: Frame | None = None
        self._keyed = keyed
        self._frames_limit = frames_limit
        self._bytes_limit = bytes_limit
        self._start: Frame | None = None
        self._recent: deque[Frame] = deque()
        self._bytes = 0

    @property
    def integrity(self) -> Integrity:
        """What the newest frame says, unless we have lost the thread ourselves."""
        if not self.live:
            return Integrity.RESYNCING
        newest = self._recent[-1] if self._recent else self._start
        return newest.integrity if newest else Integrity.RESYNCING

    @property
    def can_start(self) -> bool:
        return self.live and self._start is not None

    @property
    def bytes_held(self) -> int:
        return self._bytes + (len(self._start.body) if self._start else 0)

    def accept(self, frame: Frame) -> Verdict:
        """Take a frame in, and say what it means for the clients."""
        if frame.epoch < self.epoch:
            return Verdict.IGNORED
        if frame.kind is Kind.SNAPSHOT or (self._keyed and frame.kind is Kind.UPDATE):
            return self._accept_state(frame)
        if not self.live:
            return self._accept_while_lost(frame)
        if frame.epoch == self.epoch:
            if frame.seq <= self.seq:
                return Verdict.IGNORED
            if frame.seq == self.seq + 1:
                self.seq = frame.seq
                self._remember(frame)
                return Verdict.FORWARD
        self.live = False
        self.epoch, self.seq = frame.epoch, frame.seq
        return Verdict.GAP

    def lose(self, trouble: Frame) -> None:
        """Trust nothing until the next snapshot; `trouble` is for those who join meanwhile."""
        self.live, self.trouble = False, trouble

    def start(self) -> list[Frame] | None:
        """A snapshot and everything after it, or None if that is not at hand."""
        if not self.live or self._start is None:
            return None
        first = self._start
        if first.kind is Kind.UPDATE:
            first = replace(first, body=first.body.replace(b'"type":"update"', b'"type":"snapshot"', 1))
        return [first, *(frame for frame in self._recent if frame.seq > first.seq)]

    def since(self, position: Position) -> list[Frame] | None:
        """Everything after `position`, or None if that is not at hand."""
        if not self.live or position.epoch != self.epoch or position.seq > self.seq:
            return None
        if position.seq == self.seq:
            return []
        if self._keyed or not self._recent or self._recent[0].seq > position.seq + 1:
            return None
        return [frame for frame in self._recent if frame.seq > position.seq]

    def last_known(self) -> list[Frame]:
        """What `start` gave when it last could: the newest state, however old."""
        if self._start is None:
            return []
        return [self._start, *(frame for frame in self._recent if frame.seq > self._start.seq)]

    def _accept_state(self, frame: Frame) -> Verdict:
        if frame.epoch == self.epoch:
            if frame.seq < self.seq:
                return Verdict.IGNORED
            if self.live and frame.seq == self.seq:
                if frame.kind is Kind.UPDATE:
                    return Verdict.IGNORED
                self._start = frame
                return Verdict.REFRESHED
        follows = not self._keyed and self.live and frame.epoch == self.epoch and frame.seq == self.seq + 1
        if not follows:
            self._recent.clear()
            self._bytes = 0
        self.epoch, self.seq, self.live, self.trouble = frame.epoch, frame.seq, True, None
        self._start = frame
        if follows:
            self._remember(frame)
        return Verdict.FORWARD

    def _accept_while_lost(self, frame: Frame) -> Verdict:
        if frame.epoch > self.epoch or frame.seq > self.seq:
            self.epoch, self.seq = frame.epoch, frame.seq
        if frame.kind is Kind.STATUS and frame.integrity is not Integrity.OK:
            self.trouble = frame
            return Verdict.FORWARD
        return Verdict.IGNORED

    def _remember(self, frame: Frame) -> None:
        self._recent.append(frame)
        self._bytes += len(frame.body)
        while len(self._recent) > self._frames_limit or self._bytes > self._bytes_limit:
            gone = self._recent.popleft()
            self._bytes -= len(gone.body)
            if self._start is not None and gone.seq > self._start.seq:
                self._start = None  # joiners need a fresh snapshot; those who are live go on
