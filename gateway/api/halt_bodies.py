"""Public shapes of halts."""

from typing import Annotated, Self

from pydantic import Field

from gateway.api.bodies import Body, Shape, TimeMs
from gateway.risk.halt import Halt, HaltScope, Mode
from gateway.risk.halts import Acknowledged


class HaltRequest(Body):
    scope: Annotated[HaltScope, Field(strict=False)]
    name: Annotated[str, Field(max_length=64)] = ""
    """Of the venue, desk, account, client or symbol; left out where the scope is global."""
    mode: Annotated[Mode, Field(strict=False)]
    cancel_open: bool = False
    """Cancel what rests in the scope as well, until nothing does."""
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    until: TimeMs | None = None
    """When it ends by itself, ms; by default it stands until it is lifted."""


class HaltShape(Shape):
    scope: HaltScope
    name: str
    mode: Mode
    cancel_open: bool
    reason: str
    until: int | None
    set_at: int
    set_by: str
    cancelled: int
    """Orders it has cancelled so far."""
    resting: int
    """Orders that rested still when last looked at."""

    @classmethod
    def of(cls, halt: Halt, *, cancelled: int = 0, resting: int = 0) -> Self:
        return cls(
            scope=halt.scope,
            name=halt.name,
            mode=halt.mode,
            cancel_open=halt.cancel_open,
            reason=halt.reason,
            until=halt.until_ms,
            set_at=halt.set_ms,
            set_by=halt.set_by,
            cancelled=cancelled,
            resting=resting,
        )


class HaltChange(Shape):
    """A halt that was set or lifted, and which replicas go by that already."""

    halt: HaltShape | None
    """Null if there was none to lift."""
    acknowledged: list[str]
    missing: list[str]
    """Replicas that live, or did seconds ago, and did not say so within a second: nothing new goes out from these
    either, but they may still answer as before."""

    @classmethod
    def of(cls, halt: Halt | None, acknowledged: Acknowledged) -> Self:
        return cls(
            halt=None if halt is None else HaltShape.of(halt),
            acknowledged=list(acknowledged.replicas),
            missing=list(acknowledged.missing),
        )
