"""The control plane's calls about faults: put rules in force, see what is left of them, forget them."""

from typing import Any

from sandbox.errands import real_ms
from sandbox.faults import AnyRule, RequestDeed, read_rules
from sandbox.questions import BadQuestion, Question
from sandbox.world import World


def show_faults(world: World, question: Question) -> Any:
    """Every rule with what is left of it, and how often it has met something and struck."""
    return {"faults": world.faults.report()}


def add_faults(world: World, question: Question) -> Any:
    """Put one rule or several in force: all of them, or none if one cannot be understood."""
    rules = read_rules(question.body)
    if not world.face.issues_tokens and any(_expires_tokens(rule) for rule in rules):
        raise BadQuestion("this venue issues no tokens")
    added = [world.faults.add(rule, at_ms=real_ms()) for rule in rules]
    world.stream_faults.follow_rules()
    return {"added": added, **show_faults(world, question)}


def forget_faults(world: World, question: Question) -> Any:
    """Forget the rule of this id, or all."""
    text = question.query.get("id")
    if text is not None and not (text.isascii() and text.isdigit()):
        raise BadQuestion("`id` is a number")
    if not world.faults.forget(None if text is None else int(text)):
        raise BadQuestion(f"no fault {text}")
    world.stream_faults.follow_rules()
    return show_faults(world, question)


def _expires_tokens(rule: AnyRule) -> bool:
    return isinstance(rule.deed, RequestDeed) and rule.deed.expires_tokens
