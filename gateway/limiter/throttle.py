"""The budget as one caller sees it; what `adapters.contract.Throttle` asks of us. Who goes when, `Limiter` decides."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import TracebackType

from adapters.contract import Call
from gateway.limiter.grant import Grant
from gateway.limiter.rules import RuleStatus

ON_SPENT: ContextVar[Callable[[RuleStatus], None] | None] = ContextVar("crossgate_on_spent", default=None)
"""Told, with every grant, the rule of which least is left: how an answer learns what its request spent from.

A context variable, because a request may spend in a task that others wait for too.
"""


class Throttle:
    """One caller's view of the budget; safe to use for several calls at once."""

    def __init__(self, acquire: Callable[[Call], Awaitable[Grant]]):
        self._acquire = acquire

    def grant(self, call: Call) -> "GrantBlock":
        """Wait for leave to make `call`. Entering the block raises as `Limiter.acquire` does."""
        return GrantBlock(self, call)

    def holding(self, call: Call, grant: Grant) -> "Throttle":
        """The same budget, with leave for one `call` at hand: that goes to whoever asks for it first."""
        held = [grant]

        async def acquire(wanted: Call) -> Grant:
            return held.pop() if held and wanted == call else await self._acquire(wanted)

        return Throttle(acquire)

    async def acquire(self, call: Call) -> Grant:
        """Wait for leave; whoever calls this must `leave` the grant. `grant` does."""
        grant = await self._acquire(call)
        if grant.tightest is not None and (on_spent := ON_SPENT.get()) is not None:
            on_spent(grant.tightest)
        return grant


class GrantBlock:
    """The block in which a grant may be used; leaving it gives back what was not."""

    __slots__ = ("_call", "_grant", "_throttle")

    def __init__(self, throttle: Throttle, call: Call):
        self._throttle = throttle
        self._call = call
        self._grant: Grant | None = None

    async def __aenter__(self) -> Grant:
        self._grant = await self._throttle.acquire(self._call)
        return self._grant

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._grant is not None:
            self._grant.leave()
