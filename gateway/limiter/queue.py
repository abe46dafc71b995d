"""Who waits for a set of rules, and who is next: most urgent kind first, within a kind in order of arrival. Pure.

The head is never overtaken by a cheaper call behind it, so that a dear one is not starved. A waiter names its client,
for a later turn by turn between clients. It leaves when it is taken, when its deadline passes, or by itself.
"""

import heapq
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Generic, TypeVar

from adapters.contract import CallKind

T = TypeVar("T")

KINDS = tuple(CallKind)
"""Most urgent first: the order in which `CallKind` lists them."""

BATCH_MAX = 256
"""Calls asked for at once."""

_arrivals = count(1)  # over all queues, so that their heads can be compared


class QueueFull(Exception):
    """As many wait as may."""


@dataclass(slots=True, eq=False)
class Waiter(Generic[T]):
    """A caller that waits; `ticket` is how it is told."""

    client: str
    kind: CallKind
    units: tuple[int, ...]
    deadline_s: float
    ticket: T
    arrived: int = field(default=0)
    is_judged: bool = field(default=False)
    """Whether its chances were looked at; from then on its deadline is watched."""

    @property
    def is_cancel(self) -> bool:
        return self.kind is CallKind.CANCEL


@dataclass(frozen=True, slots=True)
class Forecast:
    """When calls like one that was asked for can be granted, at the earliest.

    Of `capacity` calls per period, the first `len(waits_us)` not yet granted can go after those waits.
    """

    made_at_s: float
    units: tuple[int, ...]
    is_cancel: bool
    granted: int
    waits_us: tuple[int, ...]
    capacity: int
    period_us: int
    rule: str
    """The rule that binds."""

    def is_like(self, waiter: Waiter[T]) -> bool:
        return self.units == waiter.units and self.is_cancel == waiter.is_cancel

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
        self._by_kind: dict[CallKind, OrderedDict[int, Waiter[T]]] = {kind: OrderedDict() for kind in KINDS}
        self._deadlines: list[tuple[float, int, Waiter[T]]] = []
        self._unjudged = 0

    def __len__(self) -> int:
        return sum(map(len, self._by_kind.values()))

    def __iter__(self) -> Iterator[Waiter[T]]:
        """In the order in which they will be served."""
        for waiters in self._by_kind.values():
            yield from waiters.values()

    def add(self, waiter: Waiter[T]) -> int:
        """Join; answers how many are served before. Raises `QueueFull`."""
        if len(self) >= self._length_max:
            raise QueueFull
        place = sum(len(self._by_kind[kind]) for kind in KINDS[: KINDS.index(waiter.kind) + 1])
        waiter.arrived = next(_arrivals)
        self._by_kind[waiter.kind][waiter.arrived] = waiter
        self._unjudged += 1
        return place

    def leave(self, waiter: Waiter[T]) -> bool:
        """Whether it was still waiting."""
        if self._by_kind[waiter.kind].pop(waiter.arrived, None) is None:
            return False
        self._unjudged -= not waiter.is_judged
        return True

    def head(self) -> Waiter[T] | None:
        return next(iter(self), None)

    def urgency(self) -> tuple[int, int]:
        """For comparing queues: kind and age of the head."""
        head = self.head()
        return (len(KINDS), 0) if head is None else (KINDS.index(head.kind), head.arrived)

    def leading(self) -> int:
        """How many calls equal to the head's come first, as far as one asks at once."""
        head, length = self.head(), 0
        for waiter in islice(self, BATCH_MAX):
            if head is None or waiter.units != head.units or waiter.is_cancel != head.is_cancel:
                break
            length += 1
        return length

    def take(self, units: tuple[int, ...], length: int, *, only_cancels: bool) -> list[Waiter[T]]:
        """Remove the first `length` waiters that can use a grant of `units`, got from the reserve if `only_cancels`."""
        fitting = (waiter for waiter in self if waiter.units == units and (waiter.is_cancel or not only_cancels))
        taken = list(islice(fitting, length))
        for waiter in taken:
            self.leave(waiter)
        return taken

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
