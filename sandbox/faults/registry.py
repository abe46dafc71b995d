"""The rules in force, oldest first. The first that strikes wins; one that does not strike leaves it to later ones."""

from typing import Any, TypeGuard

from sandbox.faults.messages import MessageDeed
from sandbox.faults.requests import RequestDeed
from sandbox.faults.rules import AnyRule, Rule, When


class Faults:
    """Times are milliseconds of one steady clock, whichever. Most venues have no rules: ask that first."""

    def __init__(self) -> None:
        self._rules: dict[int, AnyRule] = {}
        self._next_id = 1
        self._of_requests: list[Rule[RequestDeed]] = []
        self._of_messages: list[Rule[MessageDeed]] = []
        self.are_about_requests = self.are_about_messages = False

    def add(self, rule: AnyRule, *, at_ms: int) -> int:
        """Put a rule in force and say its id."""
        rule.id, rule.schedule.added_ms = self._next_id, at_ms
        self._next_id += 1
        self._rules[rule.id] = rule
        self._sort()
        return rule.id

    def forget(self, rule_id: int | None = None) -> bool:
        """Forget one rule, or all; False if there is no such rule."""
        if rule_id is None:
            self._rules.clear()
        elif self._rules.pop(rule_id, None) is None:
            return False
        self._sort()
        return True

    def strike_request(
        self, method: str, path: str, account: str | None, when: When, *, at_ms: int
    ) -> Rule[RequestDeed] | None:
        """The rule that strikes this request at this moment, if any."""
        for rule in self._of_requests:
            plan = rule.schedule
            if rule.when is not when or not plan.is_in_force(at_ms):
                continue
            if rule.match.fits_request(method, path, account) and plan.strikes():
                return rule
        return None

    def strike_message(self, account: str | None, stream: str, *, at_ms: int) -> Rule[MessageDeed] | None:
        """The rule that strikes this message on its way to one connection, if any."""
        for rule in self._of_messages:
            plan = rule.schedule
            if plan.is_in_force(at_ms) and rule.match.fits_topic(account, stream) and plan.strikes():
                return rule
        return None

    def report(self) -> list[dict[str, Any]]:
        return [rule.report() for rule in self._rules.values()]

    def _sort(self) -> None:
        self._of_requests = [rule for rule in self._rules.values() if _is_about_requests(rule)]
        self._of_messages = [rule for rule in self._rules.values() if _is_about_messages(rule)]
        self.are_about_requests, self.are_about_messages = bool(self._of_requests), bool(self._of_messages)


def _is_about_requests(rule: AnyRule) -> TypeGuard[Rule[RequestDeed]]:
    return isinstance(rule.deed, RequestDeed)


def _is_about_messages(rule: AnyRule) -> TypeGuard[Rule[MessageDeed]]:
    return isinstance(rule.deed, MessageDeed)
