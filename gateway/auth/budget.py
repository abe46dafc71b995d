"""How many requests one client may make of this replica: a bucket each, so that a looping bot slows only itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What is left of a client's own budget, `reset_in_s` until it is whole again."""

    allowed: bool
    limit: int
    remaining: int
    reset_in_s: float
    retry_after_s: float


class ClientBudget:
    """Allows `per_s` requests a second and as many at once, for each caller by name."""

    def __init__(self, per_s: int, monotonic_s: Callable[[], float], *, callers_max: int = 10_000):
        self._per_s = per_s
        self._monotonic_s = monotonic_s
        self._callers_max = callers_max
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, caller: str) -> BudgetState:
        now_s = self._monotonic_s()
        bucket = self._buckets.get(caller)
        if bucket is None:
            # The oldest caller is forgotten: it starts again with a whole bucket, which costs us little.
            while len(self._buckets) >= self._callers_max:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[caller] = _Bucket(self._per_s, now_s)
        bucket.tokens = min(float(self._per_s), bucket.tokens + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        allowed = bucket.tokens >= 1
        if allowed:
            bucket.tokens -= 1
        return BudgetState(
            allowed=allowed,
            limit=self._per_s,
            remaining=math.floor(bucket.tokens),
            reset_in_s=(self._per_s - bucket.tokens) / self._per_s,
            retry_after_s=0 if allowed else (1 - bucket.tokens) / self._per_s,
        )
