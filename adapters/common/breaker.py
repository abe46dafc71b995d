"""A circuit breaker for one class of a venue's endpoints: stops asking what keeps failing. Pure; time is an argument.

Rules: closed until `failures` in a row, then open. While open one probe is let through every `open_s`; a probe that
succeeds closes it, one that fails keeps it open. Success is any answer the venue gave of its own will, a refusal too.

`seconds` are of any monotonic clock. Raising is its user's part.
"""

from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """Open, and the next call may go through as a probe."""


class Breaker:
    """Not a lock: calls under way while it opens are left alone."""

    def __init__(self, *, failures: int = 8, open_s: float = 2.0) -> None:
        self._failures_to_open = failures
        self._open_s = open_s
        self._failures_in_a_row = 0
        self._next_probe_s: float | None = None

    def state(self, seconds: float) -> BreakerState:
        if self._next_probe_s is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if seconds >= self._next_probe_s else BreakerState.OPEN

    def allows(self, seconds: float) -> bool:
        """Whether a call may go now; asking takes the probe, which comes back by itself after `open_s`."""
        if self._next_probe_s is None:
            return True
        if seconds < self._next_probe_s:
            return False
        self._next_probe_s = seconds + self._open_s
        return True

    def succeeded(self) -> None:
        self._failures_in_a_row = 0
        self._next_probe_s = None

    def failed(self, seconds: float) -> None:
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= self._failures_to_open:
            self._next_probe_s = seconds + self._open_s
