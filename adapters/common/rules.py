"""Limit rules as an operator may have changed them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.contract import LimitRule


def overridden(
    rules: Sequence[LimitRule], overrides: Mapping[str, tuple[int, int]], *, of: str
) -> tuple[LimitRule, ...]:
    """The rules, some replaced by `{name: (limit, period_ms)}`; raises `ValueError` for a name that is not one."""
    if unknown := sorted(overrides.keys() - {rule.name for rule in rules}):
        raise ValueError(f"limits: {of} has no rule {unknown[0]!r}")
    return tuple(_override(rule, overrides.get(rule.name)) for rule in rules)


def _override(rule: LimitRule, value: tuple[int, int] | None) -> LimitRule:
    if value is None:
        return rule
    if min(value) < 1:
        raise ValueError(f"limits: rule {rule.name!r} needs a positive limit and period")
    return replace(rule, limit=value[0], period_ms=value[1])
