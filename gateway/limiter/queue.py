"""Who waits for a set of rules, and who is next: most urgent kind first, within a kind by fair turns (`line`). Pure.

The head is never overtaken by a cheaper call behind it, so that a dear one is not starved. A waiter leaves when it is
taken, when its deadline passes, or by itself.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Generic

from gateway.limiter.claims import Wanted
from gateway.limiter.line import KINDS, Line, T, Waiter

BATCH_MAX = 128
"""Calls asked for at once."""

_arrivals = count(1)  # over all queues, so that their heads can be compared


class QueueFull(Exception):
    """As many wait as may."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When calls like those that were asked for can be granted, at the earliest.

    Of `capacity` calls per period, the first `len(waits_us)` not yet granted can go after those waits.
    """

    made_at_s: float
    units: tuple[int, ...]
    ranks: frozenset[int]
    """Kinds, as indexes, of which calls were not granted."""
    granted: int
    again_us: int
    waits_us: tuple[int, ...]
    capacity: int
    period_us: int
    rule: str
    """The rule that binds."""

    def is_like(self, waiter: Waiter[T]) -> bool:
        return self.is_about(waiter.units, waiter.rank)

    def is_about(self, units: tuple[int, ...], rank: int) -> bool:
        return self.units == units and rank in self.ranks

    @property
    def again_s(self) -> float:
        """When to ask again."""
        return self.made_at_s + self.again_us / 1e6

    def at_s(self, place: int) -> float:
        """The earliest time for a call with `place` equal ones before it, each keeping its units for a period."""
        rounds, index = divmod(place + self.granted, self.capacity)
        index -= self.granted
        wait_us = 0 if index < 0 else self.waits_us[min(index, len(self.waits_us) - 1)]
        return self.made_at_s + (wait_us + rounds * self.period_us) / 1e6


class WaitQueue(Generic[T]):
    """The waiters of one set of rules."""

    def __init__(self, length_max: int):
        self._length_max = length_max
        self._lines: tuple[Line[T], ...] = tuple(Line() for _ in KINDS)
        self._deadlines: list[tuple[float, int, Waiter[T]]] = []
        self._unjudged = 0
        self._waiting: set[int] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiter[T]]:
        """In the order in which they will be served."""
        for line in self._lines:
            line.tidy()
            for _, _, waiter in line.ordered:
                yield waiter

    def add(self, waiter: Waiter[T]) -> None:
        """Join. Raises `QueueFull`."""
        if len(self._waiting) >= self._length_max:
            raise QueueFull
        waiter.arrived = next(_arrivals)
        self._waiting.add(waiter.arrived)
        self._unjudged += 1
        self._lines[waiter.rank].add(waiter)

    def place(self, waiter: Waiter[T]) -> int:
        """How many are served before one that waits."""
        return sum(len(line.ordered) for line in self._lines[: waiter.rank]) + self._lines[waiter.rank].place(waiter)

    def leave(self, waiter: Waiter[T], *, is_served: bool = False) -> bool:
        """Whether it was still waiting."""
        if waiter.arrived not in self._waiting:
            return False
        self._waiting.remove(waiter.arrived)
        self._lines[waiter.rank].remove(waiter, is_served=is_served)
        self._unjudged -= not waiter.is_judged
        return True

    def head(self) -> Waiter[T] | None:
        return next(iter(self), None)

    def urgency(self) -> tuple[int, int]:
        """For comparing queues: kind and age of the head."""
        head = self.head()
        return (len(KINDS), 0) if head is None else (head.rank, head.arrived)

    def wanted(self, asker: int) -> Wanted:
        """The first calls that take as many units as the head, as far as one asks at once."""
        calls, head = [0] * len(KINDS), self.head()
        for waiter in islice(self, BATCH_MAX):
            if head is None or waiter.units != head.units:
                break
            calls[waiter.rank] += 1
        waiting = (len(line.ordered) if of_line else 0 for line, of_line in zip(self._lines, calls, strict=True))
        return Wanted(tuple(calls), tuple(waiting), tuple(line.weight for line in self._lines), asker)

    def take(self, units: tuple[int, ...], granted: int, *, cancels: int) -> list[Waiter[T]]:
        """Remove the first waiters that can use a grant of `units`.

        Of the grants `cancels` may be the reserve's, which is for cancels only; these may use the others too.
        """
        taken: list[Waiter[T]] = []
        others = granted - cancels
        for waiter in self:
            is_cancel = waiter.rank == 0
            if len(taken) == granted or (others == 0 and not is_cancel):
                break
            if waiter.units == units:
                taken.append(waiter)
                others -= not is_cancel
        for waiter in taken:
            self.leave(waiter, is_served=True)
        return taken

    def pass_by(self, client: str, weight: int, rank: int) -> None:
        """One was served without waiting: it has had its turn."""
        self._lines[rank].pass_by(client, weight)

    def judge(self, waiter: Waiter[T], place: int, forecast: Forecast) -> bool:
        """Whether a new waiter, with `place` others before it, may wait; it is removed if its time comes too late."""
        head = self.head()
        if not forecast.is_like(waiter) and (head is None or not forecast.is_like(head)):
            return True  # the forecast says nothing about this one; the next answer will
        if forecast.at_s(place if forecast.is_like(waiter) else 0) > waiter.deadline_s:
            self.leave(waiter)
            return False
        waiter.is_judged = True
        self._unjudged -= 1
        heapq.heappush(self._deadlines, (waiter.deadline_s, waiter.arrived, waiter))
        return True

    def judge_new(self, forecast: Forecast) -> list[tuple[Waiter[T], int]]:
        """Judge all who were not yet; answers those who were removed, and how many were before each."""
        if not self._unjudged:
            return []
        new = [(waiter, place) for place, waiter in enumerate(self) if not waiter.is_judged]
        return [(waiter, place) for waiter, place in new if not self.judge(waiter, place, forecast)]

    def remove_late(self, now_s: float) -> list[Waiter[T]]:
        """Remove those whose deadline has passed."""
        late = []
        while self._deadlines and self._deadlines[0][0] <= now_s:
            waiter = heapq.heappop(self._deadlines)[2]
            if self.leave(waiter):
                late.append(waiter)
        return late

    def next_deadline_s(self) -> float:
        """The first deadline to watch, infinity if none; it may be that of one who has left."""
        if len(self._deadlines) > 2 * len(self) + BATCH_MAX:
            self._deadlines = [(waiter.deadline_s, waiter.arrived, waiter) for waiter in self if waiter.is_judged]
            heapq.heapify(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else math.inf

    def clear(self) -> list[Waiter[T]]:
        """Remove everybody."""
        everybody = list(self)
        for waiter in everybody:
            self.leave(waiter)
        return everybody
