"""How a replica goes without anybody who uses it noticing; what follows, the server does: it ends what is under way.

Not ready any more, and every WebSocket told → leases handed over → all still answered for a while, since balancers are
slow to notice → sockets closed, with the code to connect anew.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from gateway.limiter import Limiter
from gateway.services import Lifecycle
from gateway.ws.endpoint import Sockets

_log = structlog.get_logger()

_CLOSE_S = 2.0
_HAND_OVER_S = 3.0


class Draining:
    """One replica's going; `install` gives it to whoever ends the process."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        sockets: Sockets,
        limiters: Iterable[Limiter],
        hand_over: Callable[[], Awaitable[None]],
    ):
        self._lifecycle = lifecycle
        self._sockets = sockets
        self._limiters = limiters
        self._hand_over = hand_over

    def install(self) -> None:
        self._lifecycle.drain, self._lifecycle.hurry = self.drain, self.hurry

    async def drain(self, seconds: float) -> None:
        """Send everybody away within so many seconds, which others need to notice."""
        ends_s = time.monotonic() + seconds
        self._lifecycle.is_draining = True
        _log.info("draining", seconds=seconds)
        self._sockets.announce(seconds)
        try:
            async with asyncio.timeout(_HAND_OVER_S):
                await self._hand_over()
        except Exception:  # whatever it is: leases lapse by themselves, and clients must still be sent away
            _log.exception("leases_not_handed_over")
        await asyncio.sleep(max(0.0, ends_s - time.monotonic()))
        self._sockets.drain()
        await self._sockets.closed(_CLOSE_S)

    def hurry(self) -> None:
        """Let nobody wait for a venue's budget any more."""
        for limiter in self._limiters:
            limiter.stop_serving()
