"""On which of its meetings a rule strikes. The same meetings at the same times give the same strikes."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from sandbox.faults.reading import BadRule, Members

KNOWN = ("probability", "count", "skip", "every", "from_ms", "for_ms", "seed")
MOST = 10**15


@dataclass(slots=True)
class Schedule:
    """`left` None is for ever; times are counted from when the rule was added, in real time."""

    left: int | None = 1
    skip: int = 0
    every: int = 1
    probability: float = 1.0
    from_ms: int = 0
    for_ms: int | None = None
    seed: int = 0
    added_ms: int = 0
    met: int = 0
    struck: int = 0
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def is_in_force(self, at_ms: int) -> bool:
        """Whether it may meet anything now; what comes while it is not does not count as met."""
        age_ms = at_ms - self.added_ms - self.from_ms
        return self.left != 0 and age_ms >= 0 and (self.for_ms is None or age_ms < self.for_ms)

    def strikes(self) -> bool:
        """Count a meeting, and say whether to strike on it."""
        self.met += 1
        if self.met <= self.skip or (self.met - self.skip) % self.every:
            return False
        if self.probability < 1 and self._random.random() >= self.probability:
            return False
        self.struck += 1
        if self.left is not None:
            self.left -= 1
        return True


def parse_schedule(members: Members) -> Schedule:
    """Read a rule's members about when to strike."""
    count: int | None = 1
    if "count" in members.given("count"):
        count = members.whole("count", least=1, most=MOST)
    return Schedule(
        left=count,
        skip=members.whole("skip", most=MOST) or 0,
        every=members.whole("every", least=1, most=MOST) or 1,
        probability=_probability(members.value("probability")),
        from_ms=members.whole("from_ms") or 0,
        for_ms=members.whole("for_ms"),
        seed=members.whole("seed", most=MOST) or 0,
    )


def _probability(value: Any) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value <= 1:
        raise BadRule("`probability` is a number from 0 to 1")
    return float(value)
