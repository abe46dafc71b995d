"""The venue's own count of requests: who arrived when, and who came too often.

Pure, by its own bookkeeping, and a judge: it knows nothing of how a client paces itself. A request counts by its
arrival; one that was refused for coming too often is recorded as a breach and takes no further room.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.config import Counting, LimitConfig

KEPT_WINDOWS = 50
KEPT_BREACHES = 200


@dataclass(slots=True)
class Tally:
    """One caller's requests of one class."""

    limit: int
    arrivals: int = 0
    breaches: int = 0
    most_in_any_window: int = 0
    recent: deque[int] = field(default_factory=deque)
    opened_us: int = -1
    opened_count: int = 0
    clock_windows: dict[int, int] = field(default_factory=dict)
    breach_times_us: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT_BREACHES))

    def arrived(self, now_us: int, period_us: int, counting: tuple[Counting, ...]) -> bool:
        """Count an arrival; False if any kind of counting says it is one too many."""
        self.arrivals += 1
        while self.recent and self.recent[0] <= now_us - period_us:
            self.recent.popleft()
        if self.opened_us < 0 or now_us >= self.opened_us + period_us:
            self.opened_us, self.opened_count = now_us, 0
        window = now_us - now_us % period_us
        counts = {
            Counting.ROLLING: len(self.recent),
            Counting.FIRST_REQUEST: self.opened_count,
            Counting.CLOCK: self.clock_windows.get(window, 0),
        }
        if any(counts[kind] >= self.limit for kind in counting):
            self.breaches += 1
            self.breach_times_us.append(now_us)
            return False
        self.recent.append(now_us)
        self.most_in_any_window = max(self.most_in_any_window, len(self.recent))
        self.opened_count += 1
        self._count_clock_window(window)
        return True

    def _count_clock_window(self, window: int) -> None:
        self.clock_windows[window] = self.clock_windows.get(window, 0) + 1
        if len(self.clock_windows) > KEPT_WINDOWS:
            del self.clock_windows[next(iter(self.clock_windows))]


class Limits:
    """All callers' tallies. A caller is a sub-account's name, or a client address for public requests."""

    def __init__(self, config: LimitConfig) -> None:
        self._config = config
        self._period_us = config.period_ms * 1000
        self._tallies: dict[tuple[str, str], Tally] = {}

    def arrived(self, caller: str, request_class: str, now_us: int) -> bool:
        """Count a request; False if it must be refused. A class without a limit is never refused."""
        limit = self._config.limits.get(request_class)
        if limit is None:
            return True
        key = (caller, request_class)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(limit)
        return tally.arrived(now_us, self._period_us, self._config.counting) or not self._config.enforced

    def report(self, caller: str | None = None) -> dict[str, Any]:
        """Counts and breaches by caller and class, as plain data. Times are epoch milliseconds."""
        callers: dict[str, dict[str, Any]] = {}
        for (name, request_class), tally in self._tallies.items():
            if caller is None or caller == name:
                callers.setdefault(name, {})[request_class] = {
                    "limit": tally.limit,
                    "arrivals": tally.arrivals,
                    "breaches": tally.breaches,
                    "most_in_any_window": tally.most_in_any_window,
                    "windows": [[start // 1000, count] for start, count in tally.clock_windows.items()],
                    "breach_times": [time_us // 1000 for time_us in tally.breach_times_us],
                }
        return {
            "period_ms": self._config.period_ms,
            "counting": [kind.value for kind in self._config.counting],
            "breaches": sum(tally.breaches for tally in self._tallies.values()),
            "callers": callers,
        }
