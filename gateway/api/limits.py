"""Public shape of a budget's state."""

from collections.abc import Iterable

from gateway.api.bodies import Shape
from gateway.limiter import RuleStatus


class RuleState(Shape):
    """One limit as it stands: what may still be spent now, and when all of it is back."""

    rule: str
    scope: str
    limit: int
    period_ms: int
    remaining: int
    used: int
    reset: int
    """Unix seconds at which the whole limit is free again, if nothing more is spent."""


def rule_states(states: Iterable[RuleStatus]) -> list[RuleState]:
    """The shapes of a limiter's answer."""
    return [
        RuleState(
            rule=state.name,
            scope=state.scope,
            limit=state.limit,
            period_ms=state.period_ms,
            remaining=state.remaining,
            used=state.limit - state.remaining,
            reset=state.reset_unix_s,
        )
        for state in states
    ]
