"""The venue's clock: as fast as real time, some times as fast, or standing still until it is told to go on.

Time passes by itself or by a leap; a step puts the clock forward or back without any time passing.
"""

import time
from typing import Protocol

from sandbox.config import ClockKind, SandboxConfig

MILLION = 1_000_000


class Clock(Protocol):
    @property
    def stepped_ms(self) -> int:
        """The sum of all steps."""

    @property
    def drift_ppm(self) -> int:
        """How many millionths faster or, negative, slower than it should it runs."""

    def now_us(self) -> int:
        """Epoch microseconds; goes back by a step alone."""

    def leap(self, forward_ms: int) -> None:
        """Let so much time pass at once."""

    def step(self, by_ms: int) -> None:
        """Be put forward or back."""

    def drift(self, ppm: int) -> None:
        """From now on run so much too fast or too slow; raises `ValueError` on a clock that does not run."""


class SteadyClock:
    """Goes on from where it was started by the monotonic clock: a stepped host clock does not disturb the market."""

    def __init__(self, start_us: int, *, rate: int = 1) -> None:
        self.stepped_ms = 0
        self.drift_ppm = 0
        self._start_us = start_us
        self._rate = rate
        self._started_ns = time.monotonic_ns()

    def now_us(self) -> int:
        return self._at(time.monotonic_ns())

    def leap(self, forward_ms: int) -> None:
        self._start_us += forward_ms * 1000

    def step(self, by_ms: int) -> None:
        self.stepped_ms += by_ms
        self._start_us += by_ms * 1000

    def drift(self, ppm: int) -> None:
        now_ns = time.monotonic_ns()
        self._start_us, self._started_ns, self.drift_ppm = self._at(now_ns), now_ns, ppm

    def _at(self, now_ns: int) -> int:
        passed_ns = (now_ns - self._started_ns) * self._rate
        return self._start_us + (passed_ns + passed_ns * self.drift_ppm // MILLION) // 1000


class SteppedClock:
    """Moves when told, and only then: the same calls give the same market to the byte, however long they take."""

    drift_ppm = 0

    def __init__(self, start_us: int) -> None:
        self.stepped_ms = 0
        self._now_us = start_us

    def now_us(self) -> int:
        return self._now_us

    def leap(self, forward_ms: int) -> None:
        self._now_us += forward_ms * 1000

    def step(self, by_ms: int) -> None:
        self.stepped_ms += by_ms
        self._now_us += by_ms * 1000

    def drift(self, ppm: int) -> None:
        raise ValueError("a stepped clock does not run, and so not too fast or too slow")


def clock_of(config: SandboxConfig) -> Clock:
    """The clock a configuration asks for, started now."""
    start_us = time.time_ns() // 1000 if config.clock_start_ms is None else config.clock_start_ms * 1000
    start_us += config.clock_skew_ms * 1000
    match config.clock:
        case ClockKind.STEPPED:
            return SteppedClock(start_us)
        case ClockKind.SCALED:
            return SteadyClock(start_us, rate=config.clock_rate)
        case ClockKind.REAL:
            return SteadyClock(start_us)
