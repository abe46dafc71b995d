"""The budget as one caller sees it; what `adapters.contract.Throttle` asks of us. Who goes when, `Limiter` decides."""

from collections.abc import Awaitable, Callable
from types import TracebackType

from adapters.contract import Call
from gateway.limiter.grant import Grant
from gateway.limiter.rules import RuleStatus


class Throttle:
    """One caller's view of the budget; safe to use for several calls at once."""

    def __init__(self, acquire: Callable[[Call], Awaitable[Grant]]):
        self._acquire = acquire
        self.tightest: RuleStatus | None = None
        """Of the last grant, the rule of which least was left: for the headers of an answer."""

    def grant(self, call: Call) -> "GrantBlock":
        """Wait for leave to make `call`. Entering the block raises as `Limiter.acquire` does."""
        return GrantBlock(self, call)

    async def acquire(self, call: Call) -> Grant:
        """Wait for leave; whoever calls this must `leave` the grant. `grant` does."""
        grant = await self._acquire(call)
        self.tightest = grant.tightest
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
