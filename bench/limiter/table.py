"""What was measured, as the table that goes into the limiter's page, and the sums it takes. Pure."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was measured. Without a floor it is only told."""

    what: str
    ours: str
    peer: str
    value: float
    """What the floor is about: a ratio, a share or a number."""
    floor: float | None = None
    aim: float | None = None
    is_most: bool = False
    """Whether the floor is the most that may be, instead of the least."""

    @property
    def is_missed(self) -> bool:
        return self.floor is not None and not self._reaches(self.floor)

    @property
    def verdict(self) -> str:
        if self.floor is None:
            return ""
        if self.is_missed:
            return "missed"
        return "ok" if self.aim is None or self._reaches(self.aim) else "ok, below the aim"

    def _reaches(self, bound: float) -> bool:
        return self.value <= bound if self.is_most else self.value >= bound

    def __str__(self) -> str:
        sign = "≤" if self.is_most else "≥"
        bounds = ["" if bound is None else f"{sign} {_text(bound)}" for bound in (self.floor, self.aim)]
        return "| " + " | ".join((self.what, self.ours, self.peer, _text(self.value), *bounds, self.verdict)) + " |"


HEADER = "| what | ours | peer | value | floor | aim | |\n|---|---|---|---|---|---|---|"


def jain(amounts: Sequence[float]) -> float:
    """Jain's index of fairness: 1 if all got the same, 1 / n if one got everything."""
    squares = sum(amount * amount for amount in amounts)
    return sum(amounts) ** 2 / (len(amounts) * squares) if squares else 0.0


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that is not exceeded by `share` of them."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def use_of_limit(arrivals_us: Sequence[int], limit: int, period_us: int, *, periods: int) -> float:
    """The share of a limit that was used in about so many periods, the first one left out.

    From an arrival to an arrival, so that it is exact for arrivals in bursts, and one more or less for any others.
    """
    first = bisect_left(arrivals_us, arrivals_us[0] + period_us)
    last = bisect_left(arrivals_us, arrivals_us[first] + periods * period_us)
    return (last - first) * period_us / (limit * (arrivals_us[last] - arrivals_us[first]))


def _text(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"
