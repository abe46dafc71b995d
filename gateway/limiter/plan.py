"""Whether calls fit a budget, when, and how often: answered without spending anything. Pure.

The answer is for a caller alone: what others will spend meanwhile is not foreseen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.contract import CallKind
from gateway.limiter.rules import OwnedRule, Route

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """How one rule stands."""

    held: int
    closed_us: int
    returns: tuple[tuple[int, int], ...]
    """When units come back, in µs from now and soonest first, and how many."""

    def wait_us(self, units: int, usable: int, period_us: int) -> int:
        """How long until `units` more have been taken, if nobody else takes any."""
        rounds, rest = divmod(units - 1, usable)
        free, wait_us = usable - self.held, 0
        for after_us, back in self.returns:
            if free > rest:
                break
            free, wait_us = free + back, after_us
        return max(wait_us, self.closed_us) + rounds * period_us


@dataclass(frozen=True, slots=True)
class PlannedCalls:
    """Some equal calls; `route` is what each debits."""

    kind: CallKind
    count: int
    route: Route

    def units(self) -> Iterator[tuple[OwnedRule, int]]:
        yield from zip(self.route.rules, self.route.units, strict=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls together."""

    wait_us: int
    """Until the last of them could go; 0 if all fit now."""
    per_minute: int | None
    """How often in a minute all of them fit, if nothing else is spent; None: without limit."""
    rule: str | None
    """The rule that decides `wait_us`, or `per_minute` if all fit now."""


def plan(calls: Sequence[PlannedCalls], outlooks: Mapping[OwnedRule, Outlook]) -> Plan:
    """Say how calls fit together; `outlooks` has every rule they debit."""
    wanted: dict[OwnedRule, int] = {}
    may_use_reserve: dict[OwnedRule, bool] = {}
    for planned in calls:
        for rule, units in planned.units():
            wanted[rule] = wanted.get(rule, 0) + units * planned.count
            may_use_reserve[rule] = may_use_reserve.get(rule, True) and planned.kind is CallKind.CANCEL
    slowest, rarest = Plan(0, None, None), Plan(0, None, None)
    for rule, units in wanted.items():
        usable = rule.limit - (0 if may_use_reserve[rule] else rule.reserve)
        wait_us = outlooks[rule].wait_us(units, usable, rule.period_us)
        per_minute = usable * MINUTE_US // (units * rule.period_us)
        if wait_us > slowest.wait_us:
            slowest = Plan(wait_us, None, rule.name)
        if rarest.per_minute is None or per_minute < rarest.per_minute:
            rarest = Plan(0, per_minute, rule.name)
    return Plan(slowest.wait_us, rarest.per_minute, slowest.rule or rarest.rule)
