"""A rule: what it meets, when it strikes, what it does, and how it is read from JSON."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Generic, TypeVar

from sandbox.faults import messages, requests, schedule
from sandbox.faults.contents import CONTENTS
from sandbox.faults.messages import MessageDeed, parse_message_deed
from sandbox.faults.reading import BadRule, Members, read_json, write_json
from sandbox.faults.requests import RequestDeed, parse_request_deed
from sandbox.faults.schedule import Schedule, parse_schedule

Deed = TypeVar("Deed", RequestDeed, MessageDeed)


class When(StrEnum):
    """The moment a request is struck: its head is read; all of it is, and it was let in; it was executed."""

    BEFORE_READING = "before_reading"
    BEFORE = "before"
    AFTER_EXECUTE = "after_execute"


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule fits; None fits everything, and a trailing `*` everything that begins so."""

    method: str | None = None
    path: str | None = None
    topic: str | None = None
    account: str | None = None

    def fits_request(self, method: str, path: str, account: str | None) -> bool:
        return self.method in (None, method) and _fits(self.path, path) and self.account in (None, account)

    def fits_topic(self, account: str | None, stream: str) -> bool:
        return _fits(self.topic, stream) and self.account in (None, account)


@dataclass(slots=True)
class Rule(Generic[Deed]):
    """One rule with its own chance and noise; `when` is None for messages."""

    match: Match
    when: When | None
    deed: Deed
    schedule: Schedule
    label: str
    id: int = 0
    noise: Random = field(init=False)

    def __post_init__(self) -> None:
        self.noise = Random(f"noise {self.schedule.seed}")  # of its own: what is garbled does not change the strikes

    def report(self) -> dict[str, Any]:
        plan = self.schedule
        return {
            "id": self.id,
            "method": self.match.method,
            "path": self.match.path,
            "topic": self.match.topic,
            "account": self.match.account,
            "when": self.when.value if self.when else None,
            "do": self.label,
            "left": plan.left,
            "met": plan.met,
            "struck": plan.struck,
        }


AnyRule = Rule[RequestDeed] | Rule[MessageDeed]


def read_rules(body: bytes) -> list[AnyRule]:
    """Read one rule or a list of them; raises `BadRule`."""
    raw = read_json(body)
    return [parse_rule(item) for item in (raw if isinstance(raw, list) else [raw])]


def parse_rule(raw: Any) -> AnyRule:
    """Read one rule; one whose `match` names a topic is about messages, any other about requests."""
    rule = Members("a rule", raw, ("match", "when", "do", *schedule.KNOWN))
    members = Members("match", rule.value("match") or {}, ("method", "path", "topic", "account"))
    match = Match(*(members.text(name) for name in ("method", "path", "topic", "account")))
    label = write_json(rule.object("do"), is_sorted=True).decode()
    if match.topic is not None:
        members.refuse_together(("topic",), ("method", "path"))
        if rule.given("when"):
            raise BadRule("`when` is about requests: a message is met on its way out")
        deed = parse_message_deed(Members("do", rule.object("do"), messages.KNOWN))
        return Rule(match, None, deed, parse_schedule(rule), label)
    do = Members("do", rule.object("do"), requests.KNOWN)
    when = _when(rule, do)
    _check_moment(do, when, match)
    return Rule(
        match, when, parse_request_deed(do, is_executed=when is When.AFTER_EXECUTE), parse_schedule(rule), label
    )


def _when(rule: Members, do: Members) -> When:
    """By default before; what spoils the true answer comes after there is one."""
    if rule.value("when") is None:
        return When.AFTER_EXECUTE if _spoils_truth(do) else When.BEFORE
    try:
        return When(rule.value("when"))
    except ValueError as exc:
        raise BadRule(f"`when` is one of {', '.join(When)}") from exc


def _spoils_truth(do: Members) -> list[str]:
    return [] if do.given("status", "late_ms") else do.given(*CONTENTS, "truncate", "twice")


def _check_moment(do: Members, when: When, match: Match) -> None:
    """Raises `BadRule` for what cannot be done at that moment."""
    if when is not When.AFTER_EXECUTE and (spoiling := _spoils_truth(do)):
        raise BadRule(f"`{spoiling[0]}` spoils the true answer: `when` is {When.AFTER_EXECUTE}")
    if when is not When.BEFORE and do.given("late_ms"):
        raise BadRule(f"`late_ms` puts the execution off: `when` is {When.BEFORE}")
    if when is When.BEFORE_READING:
        if match.account is not None:
            raise BadRule("nobody knows whose a request is before it is read: no `account`")
        if aside := do.given(*requests.ASIDE):
            raise BadRule(f"`{aside[0]}` needs a request that was read")


def _fits(pattern: str | None, name: str) -> bool:
    if pattern is None:
        return True
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
