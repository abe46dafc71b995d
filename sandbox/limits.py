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


@dataclass(frozen=True, slots=True)
class VenueLimits:
    """What a venue limits by itself: requests per class and period, and how it counts them."""

    limits: dict[str, int] = field(default_factory=dict)
    counting: tuple[Counting, ...] = (Counting.CLOCK,)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands against one limit: requests left, and when the window they are counted in is over."""

    limit: int
    remaining: int
    resets_us: int


@dataclass(slots=True)
class Bucket:
    """Holds as many requests as the limit and is refilled evenly; starts full.

    `level` counts in parts of a request, one period's microseconds to each: exact, for each microsecond brings as many
    parts as the limit.
    """

    limit: int
    period_us: int
    level: int = field(init=False)
    seen_us: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.level = self.limit * self.period_us

    def refill(self, now_us: int, limit: int) -> None:
        """Let time pass up to now; a limit that has changed takes effect now."""
        self.limit = limit
        self.level = min(limit * self.period_us, self.level + (now_us - self.seen_us) * limit)
        self.seen_us = now_us

    def take(self, requests: int = 1) -> None:
        self.level -= requests * self.period_us

    @property
    def used(self) -> int:
        """Of the limit; what is refilled in part is still used."""
        return self.limit - self.level // self.period_us

    @property
    def next_us(self) -> int:
        """When it holds one request more, from the time last seen; that time itself, if it is full."""
        if self.level >= self.limit * self.period_us:
            return self.seen_us
        missing = self.period_us - self.level % self.period_us
        return self.seen_us + -(-missing // self.limit)


@dataclass(slots=True)
class Tally:
    """One caller's requests of one class."""

    limit: int
    period_us: int
    counting: tuple[Counting, ...]
    arrivals: int = 0
    breaches: int = 0
    most_in_any_window: int = 0
    recent: deque[int] = field(default_factory=deque)
    opened_us: int = -1
    opened_count: int = 0
    clock_windows: dict[int, int] = field(default_factory=dict)
    opened_windows: dict[int, int] = field(default_factory=dict)
    breach_times_us: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT_BREACHES))
    bucket: Bucket = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.limit, self.period_us)

    def arrived(self, now_us: int) -> bool:
        """Count an arrival; False if any kind of counting says it is one too many."""
        self.arrivals += 1
        counts = self._counts(now_us)
        if any(counts[kind] >= self.limit for kind in self.counting):
            self.breaches += 1
            self.breach_times_us.append(now_us)
            return False
        if not self.opened_count:
            self.opened_us = now_us
        self.recent.append(now_us)
        self.most_in_any_window = max(self.most_in_any_window, len(self.recent))
        self.opened_count += 1
        clock_window = now_us - now_us % self.period_us
        _count(self.clock_windows, clock_window)
        _count(self.opened_windows, self.opened_us)
        self.bucket.take()
        return True

    def give_back(self) -> None:
        """Forget the latest arrival that was let in: it was refused elsewhere and takes no room here."""
        latest_us = self.recent.pop()
        self.opened_count -= 1
        self.clock_windows[latest_us - latest_us % self.period_us] -= 1
        self.opened_windows[self.opened_us] -= 1
        self.bucket.take(-1)

    def standing(self, now_us: int) -> Standing:
        """By the kind of counting that leaves least; of equal ones, the one that frees room last."""
        counts = self._counts(now_us)
        ends = {
            Counting.ROLLING: (self.recent[0] if self.recent else now_us) + self.period_us,
            Counting.FIRST_REQUEST: (self.opened_us if self.opened_count else now_us) + self.period_us,
            Counting.CLOCK: now_us - now_us % self.period_us + self.period_us,
            Counting.BUCKET: self.bucket.next_us,
        }
        used, resets_us = max((counts[kind], ends[kind]) for kind in self.counting)
        return Standing(self.limit, max(0, self.limit - used), resets_us)

    def _counts(self, now_us: int) -> dict[Counting, int]:
        while self.recent and self.recent[0] <= now_us - self.period_us:
            self.recent.popleft()
        if now_us >= self.opened_us + self.period_us:
            self.opened_count = 0
        self.bucket.refill(now_us, self.limit)
        return {
            Counting.ROLLING: len(self.recent),
            Counting.FIRST_REQUEST: self.opened_count,
            Counting.CLOCK: self.clock_windows.get(now_us - now_us % self.period_us, 0),
            Counting.BUCKET: self.bucket.used,
        }

    @property
    def windows(self) -> dict[int, int]:
        """Start and count of each window, as they were judged: by the first request only if nothing else was."""
        return self.opened_windows if self.counting == (Counting.FIRST_REQUEST,) else self.clock_windows


def _count(windows: dict[int, int], start_us: int) -> None:
    windows[start_us] = windows.get(start_us, 0) + 1
    if len(windows) > KEPT_WINDOWS:
        del windows[next(iter(windows))]


class Limits:
    """All callers' tallies. A caller is a sub-account's name, or a client address."""

    def __init__(self, config: LimitConfig, own: VenueLimits | None = None) -> None:
        own = own or VenueLimits()
        self._limits = own.limits if config.limits is None else config.limits
        self._counting = own.counting if config.counting is None else config.counting
        self._period_ms = config.period_ms
        self._enforced = config.enforced
        self._tallies: dict[tuple[str, str], Tally] = {}

    @property
    def period_ms(self) -> int:
        return self._period_ms

    def arrived(self, caller: str, request_class: str, now_us: int, *, multiplier: int = 1) -> bool:
        """Count a request; False if it must be refused. A class without a limit is never refused."""
        tally = self._tally(caller, request_class, multiplier)
        return tally is None or tally.arrived(now_us) or not self._enforced

    def give_back(self, caller: str, request_class: str) -> None:
        """Undo the caller's latest admitted arrival, which was refused for another limit."""
        tally = self._tallies.get((caller, request_class))
        if tally is not None:
            tally.give_back()

    def standing(self, caller: str, request_class: str, now_us: int, *, multiplier: int = 1) -> Standing | None:
        """How the caller stands; None where the class has no limit."""
        tally = self._tally(caller, request_class, multiplier)
        return None if tally is None else tally.standing(now_us)

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
                    "windows": [[start // 1000, count] for start, count in tally.windows.items()],
                    "breach_times": [time_us // 1000 for time_us in tally.breach_times_us],
                }
        return {
            "period_ms": self._period_ms,
            "counting": [kind.value for kind in self._counting],
            "breaches": sum(tally.breaches for tally in self._tallies.values()),
            "callers": callers,
        }

    def _tally(self, caller: str, request_class: str, multiplier: int) -> Tally | None:
        limit = self._limits.get(request_class)
        if limit is None:
            return None
        key = (caller, request_class)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(limit, self._period_ms * 1000, self._counting)
        tally.limit = limit * multiplier
        return tally
