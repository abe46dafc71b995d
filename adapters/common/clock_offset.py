"""How far a venue's clock is from ours, from a few questions about its time. Pure; asking is its user's part.

The venue read its clock somewhere between our sending and receiving, so half the round trip bounds the error: of the
samples still fresh, the one with the shortest round trip is believed (as in NTP's clock filter, RFC 5905 section 10).
Samples that a later one contradicts are from before a step of the venue's clock, and are forgotten.
"""

from collections import deque
from dataclasses import dataclass

_DRIFT = 1_000
"""Two clocks drift apart by less than one part in so many."""


@dataclass(frozen=True, slots=True)
class Offset:
    """Venue time minus our time, and how wrong that may be."""

    offset_us: int
    error_us: int


@dataclass(frozen=True, slots=True)
class _Sample:
    received_us: int
    round_trip_us: int
    offset_us: int

    def agrees_with(self, earlier: "_Sample", resolution_us: int) -> bool:
        """Whether one clock, running at about the right speed, can have given both answers."""
        errors_us = (self.round_trip_us + earlier.round_trip_us) // 2 + resolution_us
        drift_us = (self.received_us - earlier.received_us) // _DRIFT
        return abs(self.offset_us - earlier.offset_us) <= errors_us + drift_us


class ClockOffset:
    """Keeps the last `samples`, none older than `max_age_s`, since clocks drift."""

    def __init__(self, *, samples: int = 16, max_age_s: float = 600.0, resolution_us: int = 1000) -> None:
        self._samples: deque[_Sample] = deque(maxlen=samples)
        self._max_age_us = int(max_age_s * 1_000_000)
        self._resolution_us = resolution_us

    def add(self, *, sent_us: int, received_us: int, server_time_us: int) -> None:
        """Take one sample; one whose answer came before its question (our clock was set back) is left out."""
        if received_us >= sent_us:
            middle_us = (sent_us + received_us) // 2
            # A clock that shows whole milliseconds is on average half of one behind.
            offset_us = server_time_us + self._resolution_us // 2 - middle_us
            newest = _Sample(received_us, received_us - sent_us, offset_us)
            kept = [sample for sample in self._samples if newest.agrees_with(sample, self._resolution_us)]
            self._samples = deque([*kept, newest], maxlen=self._samples.maxlen)

    def estimate(self, now_us: int) -> Offset | None:
        """The best of what is known, None while nothing fresh is."""
        fresh = [sample for sample in self._samples if now_us - sample.received_us <= self._max_age_us]
        if not fresh:
            return None
        best = min(fresh, key=lambda sample: sample.round_trip_us)
        return Offset(best.offset_us, best.round_trip_us // 2 + self._resolution_us // 2)
