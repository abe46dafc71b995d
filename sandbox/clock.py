"""The venue's clock: wall time at the start, then steady, with a skew and leaps if a test wants them."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_us(self) -> int:
        """Epoch microseconds; never goes back."""

    def leap(self, forward_ms: int) -> None:
        """From now on be this much later."""


class SteadyClock:
    """Wall time once, the monotonic clock from there: a stepped host clock does not disturb the market."""

    def __init__(self, skew_ms: int = 0) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns() + skew_ms * 1_000_000

    def now_us(self) -> int:
        return (time.monotonic_ns() + self._offset_ns) // 1000

    def leap(self, forward_ms: int) -> None:
        self._offset_ns += forward_ms * 1_000_000
