"""The venue's clock: as fast as real time, some times as fast, or standing still until it is told to go on."""

import time
from typing import Protocol

from sandbox.config import ClockKind, SandboxConfig


class Clock(Protocol):
    def now_us(self) -> int:
        """Epoch microseconds; never goes back."""

    def leap(self, forward_ms: int) -> None:
        """From now on be this much later."""


class SteadyClock:
    """Goes on from where it was started by the monotonic clock: a stepped host clock does not disturb the market."""

    def __init__(self, start_us: int, *, rate: int = 1) -> None:
        self._start_us = start_us
        self._rate = rate
        self._started_ns = time.monotonic_ns()

    def now_us(self) -> int:
        return self._start_us + (time.monotonic_ns() - self._started_ns) * self._rate // 1000

    def leap(self, forward_ms: int) -> None:
        self._start_us += forward_ms * 1000


class SteppedClock:
    """Moves when told, and only then: the same calls give the same market to the byte, however long they take."""

    def __init__(self, start_us: int) -> None:
        self._now_us = start_us

    def now_us(self) -> int:
        return self._now_us

    def leap(self, forward_ms: int) -> None:
        self._now_us += forward_ms * 1000


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
