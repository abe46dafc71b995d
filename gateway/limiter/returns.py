"""What becomes of the grants of one set of rules: how each ended, told to the budget, and what the venue said."""

from collections.abc import Callable, Mapping

from adapters.contract import LimitHeaders, LimitScope
from gateway.limiter import headers as limit_headers
from gateway.limiter.consumption import Tally
from gateway.limiter.grant import Grant
from gateway.limiter.metrics import Meters
from gateway.limiter.redis_spend import SharedBudget, Units
from gateway.limiter.rules import OwnedRule


class Returns:
    """Takes grants back; fulfils `grant.Issuer`.

    `freed` is called when somebody who waits may go at once, `owes` when there are debts to enter.
    """

    def __init__(
        self,
        *,
        budget: SharedBudget,
        meters: Meters,
        spent: Tally,
        venue_headers: LimitHeaders | None,
        venue_time_ms: Callable[[], int],
        freed: Callable[[], None],
        owes: Callable[[], None],
    ):
        self._budget = budget
        self._meters = meters
        self._spent = spent
        self._venue_headers = venue_headers
        self._venue_time_ms = venue_time_ms
        self._freed = freed
        self._owes = owes

    def started(self, grant: Grant) -> None:
        self._spent[grant.client, grant.units] += 1

    def answered(self, grant: Grant, headers: Mapping[str, str]) -> None:
        if grant.slots is None:
            self._owe(grant)
        else:
            self._budget.answered(grant.slots, grant.units, self._sight(grant, headers))

    def unmade(self, grant: Grant) -> None:
        if grant.slots is not None:
            self.give_back(grant.slots, grant.units, 1)

    def unheard(self, grant: Grant) -> None:
        self._meters.incident("no_answer")
        if grant.slots is None:
            self._owe(grant)

    def refused(self, grant: Grant, headers: Mapping[str, str], retry_after_s: float | None, *, is_ban: bool) -> None:
        self._meters.incident("venue_banned" if is_ban else "venue_refused")
        self._budget.settle()
        of_address = [rule for rule in self._budget.rules if rule.counted and rule.scope is LimitScope.IP]
        banned = of_address if is_ban else []
        self._budget.block(banned or self._narrowest(self._sight(grant, headers)), retry_after_s)
        self._freed()

    def expired(self) -> None:
        self._meters.incident("grant_expired")

    def give_back(self, slots: tuple[int, ...], units: Units, calls: int) -> None:
        """Calls that were granted are not made."""
        self._budget.unmade(slots, units, calls)
        self._freed()

    def _owe(self, grant: Grant) -> None:
        self._budget.owe(grant.units)
        self._owes()

    def _sight(self, grant: Grant, headers: Mapping[str, str]) -> limit_headers.Sight | None:
        if self._venue_headers is None:
            return None
        rules, now_ms = self._budget.rules, self._venue_time_ms()
        return limit_headers.read(headers, self._venue_headers, rules, grant.units, now_ms)

    def _narrowest(self, sight: limit_headers.Sight | None) -> list[OwnedRule]:
        """The rule whose limit the venue names as used up; else the account's rules, else the address's."""
        rules = [rule for rule in self._budget.rules if rule.counted]
        if sight is not None:
            named = zip(self._budget.rules, sight, strict=True)
            used_up = [rule for rule, seen in named if seen is not None and seen.used >= seen.limit]
            if used_up:
                return used_up
        return [rule for rule in rules if rule.scope is LimitScope.ACCOUNT] or rules
