"""A venue's limits, resolved: which rules a call debits, whose they are, under which keys. No I/O."""

import math
from dataclasses import dataclass

from adapters.contract import LimitRule, Limits, LimitScope
from adapters.models import AccountName, VenueName
from gateway.limiter.settings import LimiterSettings
from gateway.limiter.spend import Ask, Left
from gateway.store import keys


@dataclass(frozen=True, slots=True)
class OwnedRule:
    """A rule as it counts for one owner: an egress or an account."""

    name: str
    scope: LimitScope
    key: str
    limit: int
    reserve: int
    """Units that only cancels may use."""
    period_us: int
    ttl_ms: int

    def ask(self, units: int, *, is_cancel: bool) -> Ask:
        return Ask(self.limit, 0 if is_cancel else self.reserve, self.period_us, units)


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One rule as clients see it."""

    name: str
    scope: LimitScope
    limit: int
    remaining: int
    period_ms: int
    reset_unix_s: int
    """When all of the limit is there again, if nothing more is spent and all that is in flight were answered now."""

    def share_left(self) -> float:
        return self.remaining / self.limit

    @classmethod
    def of(cls, rule: OwnedRule, left: Left, unix_s: float) -> "RuleStatus":
        reset_unix_s = math.ceil(unix_s + left.back_in_us / 1e6)
        return cls(rule.name, rule.scope, rule.limit, left.remaining, rule.period_us // 1000, reset_unix_s)


@dataclass(frozen=True, slots=True)
class Route:
    """What one kind of call debits: rules, and units of each."""

    rules: tuple[OwnedRule, ...]
    units: tuple[int, ...]


class Rulebook:
    """The rules of one venue."""

    def __init__(self, venue: VenueName, limits: Limits, settings: LimiterSettings):
        """Raises `ValueError` where a debit names no rule, or takes more of one than there is."""
        self._venue = venue
        self._rules = {rule.name: rule for rule in limits.rules}
        self._debits = limits.debits
        self._settings = settings
        self._dearest = dict.fromkeys(self._rules, 1)
        for cost_class, debits in limits.debits.items():
            for name, units in debits:
                if name not in self._rules or not 0 < units <= self._rules[name].limit:
                    raise ValueError(f"{venue}: {cost_class} cannot debit {units} of rule {name}")
                self._dearest[name] = max(self._dearest[name], units)

    def route(self, cost_class: str, account: AccountName | None, egress: str) -> Route:
        """Raises `ValueError` for an unknown class, or one that debits an account when there is none."""
        if cost_class not in self._debits:
            raise ValueError(f"{self._venue} has no cost class {cost_class}")
        debits = self._debits[cost_class]
        rules = tuple(self._owned(self._rules[name], account, egress) for name, _ in debits)
        return Route(rules, tuple(units for _, units in debits))

    def visible(self, account: AccountName | None, egress: str) -> tuple[OwnedRule, ...]:
        """Every rule that has an owner among the two."""
        return tuple(
            self._owned(rule, account, egress)
            for rule in self._rules.values()
            if rule.scope is LimitScope.IP or account is not None
        )

    def _owned(self, rule: LimitRule, account: AccountName | None, egress: str) -> OwnedRule:
        owner = egress if rule.scope is LimitScope.IP else account
        if owner is None:
            raise ValueError(f"{self._venue}: rule {rule.name} is counted per account, and there is none")
        period_us, hard_us = rule.period_ms * 1000, round(self._settings.hard_timeout_s * 1e6)
        return OwnedRule(
            name=rule.name,
            scope=rule.scope,
            key=keys.limit_rule(self._venue, rule.scope, owner, rule.name),
            limit=rule.limit,
            reserve=self._reserve(rule),
            period_us=period_us,
            ttl_ms=keys.limit_rule_ttl_ms(hard_us, period_us),
        )

    def _reserve(self, rule: LimitRule) -> int:
        if self._settings.reserve_share == 0:
            return 0
        # A reserve that left too little for the dearest call would forbid that call for ever.
        reserve = max(1, math.ceil(rule.limit * self._settings.reserve_share))
        return min(reserve, rule.limit - self._dearest[rule.name])
