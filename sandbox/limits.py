"""The venue's own count of requests: who arrived when, and who came too often.

Pure, by its own bookkeeping, and a judge: it knows nothing of how a client paces itself. A request counts by its
arrival; one that was refused for coming too often is recorded as a breach and takes no further room. Whatever kinds of
counting refuse, every kind counts for itself what came too often by it. Time counts as it passed: a clock that is put
forward or back neither gives room nor takes it.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    breaches_by: dict[Counting, int] = field(default_factory=lambda: dict.fromkeys(Counting, 0))
    recent: deque[int] = field(default_factory=deque)
    opened_us: int = -1
    opened_count: int = 0
    clock_windows: dict[int, int] = field(default_factory=dict)
    opened_windows: dict[int, int] = field(default_factory=dict)
    breach_times_us: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT_BREACHES))
    bucket: Bucket = field(init=False)
    _most: int = field(init=False, default=0)
    _lowest: int = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.limit, self.period_us)
        self._lowest = self.bucket.level

    def arrived(self, now_us: int) -> bool:
        """Count an arrival; False if a kind of counting that judges says it is one too many."""
        self.arrivals += 1
        counts = self._counts(now_us)
        over = [kind for kind in Counting if counts[kind] >= self.limit]
        for kind in over:
            self.breaches_by[kind] += 1
        if any(kind in self.counting for kind in over):
            self.breaches += 1
            self.breach_times_us.append(now_us)
            return False
        if not self.opened_count:
            self.opened_us = now_us
        self.recent.append(now_us)
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

    def report(self, ahead_us: int) -> dict[str, Any]:
        """What came, as plain data; `ahead_us` is what today's clock is ahead of the time that passed."""
        self._remember_extremes()
        windows = {Counting.FIRST_REQUEST: self.opened_windows, Counting.CLOCK: self.clock_windows}
        return {
            "limit": self.limit,
            "arrivals": self.arrivals,
            "breaches": self.breaches,
            "breaches_by": dict(self.breaches_by),
            "most_in_any_window": self._most,
            "lowest_bucket_level": round(self._lowest / self.period_us, 6),
            "windows": {
                kind: [[(start_us + ahead_us) // 1000, count] for start_us, count in counts.items() if count]
                for kind, counts in windows.items()
            },
            "breach_times": [(time_us + ahead_us) // 1000 for time_us in self.breach_times_us],
        }

    def _counts(self, now_us: int) -> dict[Counting, int]:
        self._remember_extremes()
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

    def _remember_extremes(self) -> None:
        """Only once the latest arrival can no longer be given back: before time passes, or somebody asks."""
        self._most = max(self._most, len(self.recent))
        self._lowest = min(self._lowest, self.bucket.level)


def _count(windows: dict[int, int], start_us: int) -> None:
    windows[start_us] = windows.get(start_us, 0) + 1
    if len(windows) > KEPT_WINDOWS:
        del windows[next(iter(windows))]


class Limits:
    """All callers' tallies. A caller is a sub-account's name, or a client address."""

    def __init__(self, config: LimitConfig, own: VenueLimits | None = None) -> None:
        own = own or VenueLimits()
        self._limits = dict(own.limits if config.limits is None else config.limits)
        self._classes = sorted(own.limits.keys() | self._limits.keys())
        self._counting = own.counting if config.counting is None else config.counting
        self._period_ms = config.period_ms
        self._enforced = config.enforced
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._ahead_us = 0

    @property
    def period_ms(self) -> int:
        return self._period_ms

    @property
    def classes(self) -> list[str]:
        """Every class of requests there is, limited or not."""
        return self._classes

    def arrived(self, caller: str, request_class: str, now_us: int, *, multiplier: int = 1) -> bool:
        """Count a request; False if it must be refused. A class without a limit is never refused."""
        tally = self._tally(caller, request_class, multiplier)
        return tally is None or tally.arrived(now_us - self._ahead_us) or not self._enforced

    def give_back(self, caller: str, request_class: str) -> None:
        """Undo the caller's latest admitted arrival, which was refused for another limit."""
        tally = self._tallies.get((caller, request_class))
        if tally is not None:
            tally.give_back()

    def standing(self, caller: str, request_class: str, now_us: int, *, multiplier: int = 1) -> Standing | None:
        """How the caller stands; None where the class has no limit."""
        tally = self._tally(caller, request_class, multiplier)
        if tally is None:
            return None
        found = tally.standing(now_us - self._ahead_us)
        return replace(found, resets_us=found.resets_us + self._ahead_us)

    def change(self, limits: Mapping[str, int | None], period_ms: int | None = None) -> list[str]:
        """Set limits (None: no limit) and their period from now on; the classes that begin to count anew."""
        changed = {name for name, limit in limits.items() if limit != self._limits.get(name)}
        if period_ms is not None and period_ms != self._period_ms:
            self._period_ms = period_ms
            changed.update(self._classes)
        for name, limit in limits.items():
            if limit is None:
                self._limits.pop(name, None)
            else:
                self._limits[name] = limit
        self._tallies = {key: tally for key, tally in self._tallies.items() if key[1] not in changed}
        return sorted(changed)

    def clock_stepped(self, by_us: int) -> None:
        """The venue's clock was put forward or back; no time has passed by that."""
        self._ahead_us += by_us

    def report(self, caller: str | None = None) -> dict[str, Any]:
        """Counts and breaches by caller and class, as plain data. Times are epoch milliseconds by today's clock."""
        callers: dict[str, dict[str, Any]] = {}
        for (name, request_class), tally in self._tallies.items():
            if caller is None or caller == name:
                callers.setdefault(name, {})[request_class] = tally.report(self._ahead_us)
        tallies = self._tallies.values()
        return {
            "period_ms": self._period_ms,
            "counting": list(self._counting),
            "limits": self._limits,
            "arrivals": sum(tally.arrivals for tally in tallies),
            "breaches": sum(tally.breaches for tally in tallies),
            "breaches_by": {kind: sum(tally.breaches_by[kind] for tally in tallies) for kind in Counting},
            "callers": callers,
        }

    def _tally(self, caller: str, request_class: str, multiplier: int) -> Tally | None:
        limit = self._limits.get(request_class)
        if limit is None:
            return None
        key = (caller, request_class)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(limit * multiplier, self._period_ms * 1000, self._counting)
        tally.limit = limit * multiplier
        return tally
