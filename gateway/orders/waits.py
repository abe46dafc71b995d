"""Orders of this replica that wait for the venue's budget: a wait ends at once when its order is called off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.contract import Call, Grant, Throttle
from gateway.errors import Code, Outcome, Refusal


class Waits:
    """The waits, by order id."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Timeout] = {}

    def throttle(self, throttle: Throttle, order_id: str) -> Throttle:
        """The same budget, in which waiting for the order's grants can be ended by `end`."""
        return _Waiting(throttle, order_id, self._running)

    def end(self, order_id: str) -> None:
        """End the order's wait, if it waits here; whoever waits gets a `not_sent` refusal."""
        if (wait := self._running.get(order_id)) is not None:
            wait.reschedule(asyncio.get_running_loop().time())


class _Waiting:
    def __init__(self, throttle: Throttle, order_id: str, running: dict[str, asyncio.Timeout]):
        self._throttle = throttle
        self._order_id = order_id
        self._running = running

    @asynccontextmanager
    async def grant(self, call: Call) -> AsyncIterator[Grant]:
        async with AsyncExitStack() as stack:
            yield await self._wait(stack, call)

    async def _wait(self, stack: AsyncExitStack, call: Call) -> Grant:
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._running[self._order_id] = wait
                try:
                    return await stack.enter_async_context(self._throttle.grant(call))
                finally:
                    del self._running[self._order_id]
        except TimeoutError:
            if not wait.expired():
                raise
            raise Refusal(
                Code.STORE_UNAVAILABLE,
                "the order was cancelled while it waited to be sent",
                outcome=Outcome.NOT_SENT,
                retry_after_s=1,
            ) from None
