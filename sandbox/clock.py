"""The venue's clock: wall time at the start, then steady, with a skew if a test wants one."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_us(self) -> int:
        """Epoch microseconds; never goes back."""


class SteadyClock:
    """Wall time once, the monotonic clock from there: a stepped host clock does not disturb the market."""

    def __init__(self, skew_ms: int = 0) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns() + skew_ms * 1_000_000

    def now_us(self) -> int:
        return (time.monotonic_ns() + self._offset_ns) // 1000
