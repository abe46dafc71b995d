"""The one loop of a limiter that asks Redis for those who wait, in order of urgency. Who waits, its pumps know."""

import asyncio
import logging
import math
import time
from collections.abc import Iterable

from adapters.contract import CallKind
from gateway.limiter.line import KINDS
from gateway.limiter.pump import Pump, Question
from gateway.store.client import Store

_log = logging.getLogger(__name__)


class Serving:
    """Serves the pumps that were woken."""

    def __init__(self, store: Store):
        self._store = store
        self._active: dict[Pump, None] = {}
        self._woken = asyncio.Event()

    @property
    def active(self) -> Iterable[Pump]:
        """The pumps somebody waits at, or that have something to enter."""
        return self._active

    def is_before(self, kind: CallKind) -> bool:
        """Whether anybody waits whose call is as urgent as this kind, or more so."""
        return any(pump.queue.urgency()[0] <= KINDS.index(kind) for pump in self._active)

    def wake(self, pump: Pump) -> None:
        """There may be something to ask for."""
        self._active[pump] = None
        self._woken.set()

    async def run(self) -> None:
        """Ask for those who wait, until cancelled."""
        while True:
            self._woken.clear()
            if not await self._ask_for_due(time.monotonic()):
                await self._sleep_until(min((pump.next_at_s() for pump in self._active), default=math.inf))

    async def _ask_for_due(self, now_s: float) -> bool:
        """One round of questions; answers whether there were any."""
        is_store_up = self._store.is_up
        for pump in list(self._active):
            pump.remove_late(now_s)
            if not is_store_up:
                pump.go_on_without_store()
            if pump.is_idle():
                del self._active[pump]
        due = [pump for pump in self._active if pump.is_due(now_s, is_store_up=is_store_up)]
        # Questions leave in this order in one pipeline, so the more urgent find what is left before the others.
        due.sort(key=lambda pump: pump.queue.urgency())
        for pump, asked in [(pump, pump.ask(now_s)) for pump in due]:
            if asked is not None:
                await self._receive(pump, *asked)
        return bool(due)

    async def _receive(self, pump: Pump, question: Question, reply: asyncio.Future[list[int]]) -> None:
        try:
            await pump.receive(question, reply)
        except Exception:  # those who waited were told; the others must still be served
            _log.exception("the limiter's question failed")

    async def _sleep_until(self, at_s: float) -> None:
        loop = asyncio.get_running_loop()
        timer = None if at_s == math.inf else loop.call_later(at_s - time.monotonic(), self._woken.set)
        try:
            await self._woken.wait()
        finally:
            if timer is not None:
                timer.cancel()
