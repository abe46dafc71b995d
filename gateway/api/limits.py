"""Public shapes of budgets: how they stand, who spends them, and what would fit."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.api.bodies import Shape
from gateway.limiter import Plan, RuleStatus


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
    foreign: int
    """Of the venue's present window, what somebody else spent, at least, where the venue tells."""
    spent_by: dict[str, int] | None
    """Units by client in about the last period, `crossgate` being our own housekeeping; null for whom it is not."""


class PlannedCall(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    call: Annotated[str, Field(max_length=64)]
    count: Annotated[int, Field(ge=1, le=10_000)] = 1


class PlanRequest(BaseModel):
    """Calls one would like to make."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    calls: Annotated[tuple[PlannedCall, ...], Field(min_length=1, max_length=20, strict=False)]


class CallPlan(Shape):
    call: str
    count: int
    fits_now: bool
    fits_in_ms: int
    """How long until the last of them could go, if nobody else spends."""
    per_minute: int | None
    """How many of this call a minute has room for; null: without limit."""
    rule: str | None


class PlanShape(Shape):
    """All calls together, then each kind alone."""

    fits_now: bool
    fits_in_ms: int
    per_minute: int | None
    """How often in a minute all of them fit."""
    rule: str | None
    """The limit that decides."""
    calls: list[CallPlan]


def plan_shape(request: PlanRequest, together: Plan, alone: Iterable[Plan], single: Iterable[Plan]) -> PlanShape:
    """`single` is of one call of each kind."""
    return PlanShape(
        fits_now=together.wait_us == 0,
        fits_in_ms=-(-together.wait_us // 1000),
        per_minute=together.per_minute,
        rule=together.rule,
        calls=[
            CallPlan(
                call=planned.call,
                count=planned.count,
                fits_now=one.wait_us == 0,
                fits_in_ms=-(-one.wait_us // 1000),
                per_minute=of_one.per_minute,
                rule=one.rule,
            )
            for planned, one, of_one in zip(request.calls, alone, single, strict=True)
        ],
    )


def seen_by(client: str, by_client: Mapping[str, int]) -> dict[str, int]:
    """Who spent, for a client that may know only of itself."""
    known = {name: units for name, units in by_client.items() if name in {client, "crossgate"}}
    others = sum(by_client.values()) - sum(known.values())
    return known | ({"others": others} if others else {})


def rule_states(
    states: Iterable[RuleStatus], spent_by: Mapping[str, Mapping[str, int]] | None = None
) -> list[RuleState]:
    """The shapes of a limiter's answer; `spent_by` is by rule and client."""
    return [
        RuleState(
            rule=state.name,
            scope=state.scope,
            limit=state.limit,
            period_ms=state.period_ms,
            remaining=state.remaining,
            used=state.limit - state.remaining,
            reset=state.reset_unix_s,
            foreign=state.foreign,
            spent_by=None if spent_by is None else dict(spent_by.get(state.name, {})),
        )
        for state in states
    ]
