"""Rules by which a simulated venue misbehaves on purpose. Pure: decides what goes wrong and when, others do it.

A rule says what it meets (`match`), on which of its meetings it strikes (`schedule`) and what it does then: to a
request (`requests`) or to a message of a stream (`messages`). `registry` keeps the rules in force.
"""

from sandbox.faults.messages import Fate, MessageDeed, read_close_code
from sandbox.faults.reading import BadRule
from sandbox.faults.registry import Faults
from sandbox.faults.requests import Ending, RequestDeed
from sandbox.faults.rules import AnyRule, Match, Rule, When, parse_rule, read_rules

__all__ = [
    "AnyRule",
    "BadRule",
    "Ending",
    "Fate",
    "Faults",
    "Match",
    "MessageDeed",
    "RequestDeed",
    "Rule",
    "When",
    "parse_rule",
    "read_close_code",
    "read_rules",
]
