"""The messages of one topic in one term of its owner: numbered, and encoded once for the whole fleet (pure)."""

from gateway.fanout.envelope import Frame, Integrity, Kind
from gateway.fanout.message import encode
from gateway.fanout.topic import Topic
from gateway.feeds.shapes import Data

REPEAT_AFTER_FRAMES = 500
REPEAT_AFTER_BYTES = 64 * 1024
"""After so much since the last snapshot another one is due, so that joiners and slow readers never replay much more."""


class Writer:
    """Numbers a topic's messages from 1; `seq` rises by one with each, repeated snapshots apart."""

    def __init__(self, topic: Topic, epoch: int):
        self.topic = topic
        self.epoch = epoch
        self.seq = 0
        self.integrity: Integrity | None = None
        """What clients were told last; None before the first message."""
        self._frames = 0
        self._bytes = 0
        self._snapshot_bytes = 0

    @property
    def repeat_due(self) -> bool:
        return self._frames >= REPEAT_AFTER_FRAMES or self._bytes >= max(REPEAT_AFTER_BYTES, 2 * self._snapshot_bytes)

    def snapshot(self, data: Data, venue_time_us: int | None, received_time_us: int, now_us: int) -> Frame:
        """A new state, which is sound."""
        self.integrity = Integrity.OK
        self.seq += 1
        return self.repeat(data, venue_time_us, received_time_us, now_us)

    def update(self, data: Data, venue_time_us: int | None, received_time_us: int, now_us: int) -> Frame:
        self.integrity = Integrity.OK
        self.seq += 1
        frame = self._frame(Kind.UPDATE, data, venue_time_us, received_time_us, now_us)
        self._frames += 1
        self._bytes += len(frame.body)
        return frame

    def repeat(self, data: Data, venue_time_us: int | None, received_time_us: int, now_us: int) -> Frame:
        """The present state once more, at the `seq` it already has."""
        frame = self._frame(Kind.SNAPSHOT, data, venue_time_us, received_time_us, now_us)
        self._frames, self._bytes, self._snapshot_bytes = 0, 0, len(frame.body)
        return frame

    def status(self, integrity: Integrity, now_us: int) -> list[Frame]:
        """Say that the integrity has changed; nothing if it has not."""
        if integrity is self.integrity:
            return []
        self.integrity = integrity
        self.seq += 1
        return self.repeat_status(now_us)

    def repeat_status(self, now_us: int) -> list[Frame]:
        """What clients were told last, once more; nothing if they were told nothing."""
        return [] if self.integrity is None else [self._frame(Kind.STATUS, None, None, now_us, now_us)]

    def _frame(
        self, kind: Kind, data: Data | None, venue_time_us: int | None, received_time_us: int, now_us: int
    ) -> Frame:
        return encode(
            self.topic,
            kind,
            epoch=self.epoch,
            seq=self.seq,
            integrity=self.integrity or Integrity.OK,
            data=data,
            venue_time_us=venue_time_us,
            received_time_us=received_time_us,
            now_us=now_us,
        )
