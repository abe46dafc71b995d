"""A venue's limits, resolved: which rules a call debits, whose they are, under which keys. No I/O.

Two kinds of rules are our own and work as the venue's do: *share* caps what one client may have in use of a rule, and
*pace* spreads a rule's limit over parts of its period. Neither holds back a cancel.
"""

import math
from dataclasses import dataclass, replace

from adapters.contract import LimitRule, Limits, LimitScope
from adapters.models import AccountName, VenueName
from gateway.limiter.settings import AccountTerms, ClientTerms, LimiterSettings
from gateway.limiter.spend import Ask, Left
from gateway.store import keys

_UNCAPPED = ClientTerms()


@dataclass(frozen=True, slots=True)
class OwnedRule:
    """A rule as it counts for one owner: an egress or an account."""

    name: str
    scope: LimitScope
    key: str
    limit: int
    counted: int
    """The limit as the venue has it, what is left to others included; 0 for rules of our own."""
    reserve: int
    """Units that only cancels may use."""
    period_us: int
    ttl_ms: int

    @property
    def memory_s(self) -> float:
        """A state of which units were taken less than this ago has not expired: if it is gone, it was lost."""
        return self.ttl_ms / 2000

    def ask(self, units: int, known: int = 0) -> Ask:
        return Ask(self.limit, self.reserve, self.period_us, units, known)


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
    foreign: int = 0
    """Units that somebody else spent in the venue's present window, as far as the venue tells."""

    def share_left(self) -> float:
        return self.remaining / self.limit

    @classmethod
    def of(cls, rule: OwnedRule, left: Left, unix_s: float) -> "RuleStatus":
        reset_unix_s = math.ceil(unix_s + left.back_in_us / 1e6)
        period_ms = rule.period_us // 1000
        return cls(rule.name, rule.scope, rule.limit, left.remaining, period_ms, reset_unix_s, left.foreign)


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
        self._tiers = limits.tiers
        self._settings = settings
        self._dearest = dict.fromkeys(self._rules, 1)
        for cost_class, debits in limits.debits.items():
            for name, units in debits:
                if name not in self._rules or not 0 < units <= self._rules[name].limit:
                    raise ValueError(f"{venue}: {cost_class} cannot debit {units} of rule {name}")
                self._dearest[name] = max(self._dearest[name], units)
        if unknown := sorted(settings.pace.keys() - self._rules.keys()):
            raise ValueError(f"{venue}: pace: there is no rule {unknown[0]!r}")
        for account, terms in settings.accounts.items():
            if terms.tier > len(self._tiers):
                raise ValueError(f"{venue}: account {account} is in tier {terms.tier} of {len(self._tiers)}")

    def route(
        self,
        cost_class: str,
        account: AccountName | None,
        egress: str,
        *,
        is_cancel: bool = True,
        client: str = "",
        terms: ClientTerms = _UNCAPPED,
    ) -> Route:
        """Raises `ValueError` for an unknown class, or one that debits an account when there is none."""
        if cost_class not in self._debits:
            raise ValueError(f"{self._venue} has no cost class {cost_class}")
        debited: list[tuple[OwnedRule, int]] = []
        for name, units in self._debits[cost_class]:
            rule = self._owned(self._rules[name], account, egress)
            debited.append((rule, units))
            if is_cancel:
                continue
            if name in self._settings.pace:
                parts = self._settings.pace[name]
                debited.append((self._own(rule, "pace", -(-rule.limit // parts), -(-rule.period_us // parts)), units))
            if terms.max_share < 1:
                share = int(rule.limit * terms.max_share)
                debited.append((self._own(rule, f"share of {client}", share, rule.period_us), units))
        return Route(tuple(rule for rule, _ in debited), tuple(units for _, units in debited))

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
        terms = self._settings.accounts.get(account, AccountTerms()) if account is not None else AccountTerms()
        counted = rule.limit * (self._tiers[terms.tier - 1].get(rule.name, 1) if terms.tier else 1)
        foreign = self._settings.foreign_budget if rule.scope is LimitScope.IP else terms.foreign_budget
        limit = max(self._dearest[rule.name], math.floor(counted * (1 - foreign)))
        period_us = rule.period_ms * 1000
        return OwnedRule(
            name=rule.name,
            scope=rule.scope,
            key=keys.limit_rule(self._venue, rule.scope, owner, rule.name),
            limit=limit,
            counted=counted,
            reserve=self._reserve(rule.name, limit),
            period_us=period_us,
            ttl_ms=self._ttl_ms(period_us),
        )

    def _own(self, rule: OwnedRule, what: str, limit: int, period_us: int) -> OwnedRule:
        """A rule of our own about what `rule` counts."""
        return replace(
            rule,
            name=f"{rule.name} ({what})",
            key=keys.limit_own_rule(rule.key, what),
            limit=max(self._dearest[rule.name], limit),
            counted=0,
            reserve=0,
            period_us=period_us,
            ttl_ms=self._ttl_ms(period_us),
        )

    def _ttl_ms(self, period_us: int) -> int:
        return keys.limit_rule_ttl_ms(round(self._settings.hard_timeout_s * 1e6), period_us)

    def _reserve(self, name: str, limit: int) -> int:
        if self._settings.reserve_share == 0:
            return 0
        # A reserve that left too little for the dearest call would forbid that call for ever.
        reserve = max(1, math.ceil(limit * self._settings.reserve_share))
        return min(reserve, limit - self._dearest[name])
