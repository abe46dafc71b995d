"""Rules by which a simulated venue misbehaves on purpose. Pure: decides what goes wrong, others do it.

A rule says which requests it meets, when it strikes and what it does. `before`: the request is never executed.
`after_execute`: it is executed and only its answer is spoiled, so the client cannot know. The first matching rule wins.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class When(StrEnum):
    BEFORE = "before"
    AFTER_EXECUTE = "after_execute"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this status and body instead."""

    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """Give no answer: end the connection, politely or with a TCP reset."""

    reset: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to one request: wait, then an answer, a hang-up, or (after execution only) the true answer, late."""

    label: str
    hang_ms: int
    effect: Answer | Hangup | None


class BadRule(ValueError):
    """A rule that cannot be understood; the message says why."""


@dataclass(slots=True)
class Rule:
    """One rule with how often it may still strike (`left`; None is for ever)."""

    method: str | None
    path: str | None
    when: When
    fault: Fault
    left: int | None

    def meets(self, method: str, path: str, when: When) -> bool:
        if when is not self.when or self.left == 0:
            return False
        if self.method is not None and self.method != method:
            return False
        if self.path is None:
            return True
        return path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path


def parse_rule(raw: Any) -> Rule:
    """Read a rule from JSON: `{"match": {"method", "path"}, "when", "do": {…}, "count"}`; a path may end in `*`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("do"), dict):
        raise BadRule("a rule is an object with `do`, and optionally `match`, `when` and `count`")
    match = raw.get("match") or {}
    try:
        when = When(raw.get("when", "before"))
    except ValueError as exc:
        raise BadRule("`when` is `before` or `after_execute`") from exc
    count = raw.get("count", 1)
    if count is not None and (not isinstance(count, int) or count < 1):
        raise BadRule("`count` is a positive integer, or null for ever")
    return Rule(match.get("method"), match.get("path"), when, _parse_fault(raw["do"], when), count)


def _parse_fault(do: dict[str, Any], when: When) -> Fault:
    unknown = do.keys() - {"status", "body", "content_type", "close", "reset", "hang_ms"}
    if unknown:
        raise BadRule(f"`do` does not know {', '.join(sorted(unknown))}")
    hang_ms = int(do.get("hang_ms", 0))
    effect: Answer | Hangup | None = None
    if "status" in do:
        body = do.get("body", "")
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
        kind = "text/html" if text.startswith("<") else "application/json; charset=utf-8"
        effect = Answer(int(do["status"]), text.encode(), str(do.get("content_type", kind)))
    elif do.get("reset"):
        effect = Hangup(reset=True)
    elif do.get("close") or (hang_ms and when is When.BEFORE):  # what was not executed has no answer to give late
        effect = Hangup(reset=False)
    elif not hang_ms:
        raise BadRule("`do` needs one of status, close, reset, hang_ms")
    return Fault(json.dumps(do, sort_keys=True), hang_ms, effect)


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        self._rules.append(rule)

    def clear(self) -> None:
        self._rules.clear()

    def strike(self, method: str, path: str, when: When) -> Fault | None:
        """The fault for this request at this moment, if any; uses up one of the rule's strikes."""
        for rule in self._rules:
            if rule.meets(method, path, when):
                if rule.left is not None:
                    rule.left -= 1
                return rule.fault
        return None

    def report(self) -> list[dict[str, Any]]:
        return [
            {
                "method": rule.method,
                "path": rule.path,
                "when": rule.when.value,
                "do": rule.fault.label,
                "left": rule.left,
            }
            for rule in self._rules
        ]
