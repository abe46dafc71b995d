"""Keeps loops alive: one that fails is logged, counted, shown, and started again after a pause."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from adapters.common.backoff import delays
from gateway.feeds import metrics

log = structlog.get_logger()

_HEALTHY_AFTER_S = 30.0


@dataclass(slots=True)
class LoopState:
    """How one loop fares."""

    is_running: bool = False
    failures: int = 0
    last_error: str | None = None


class Supervisor:
    """The loops of one process, by name."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic):
        self.loops: dict[str, LoopState] = {}
        self._monotonic = monotonic

    async def keep(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run `loop` again and again until cancelled."""
        state = self.loops[name] = LoopState()
        waits = delays(0.1, 10.0)
        while True:
            started_at, state.is_running = self._monotonic(), True
            try:
                await loop()
            except Exception as error:  # whatever it is, the other loops go on
                state.failures += 1
                state.last_error = type(error).__name__
                metrics.failures.labels(name).inc()
                log.exception("loop_failed", loop=name)
            finally:
                state.is_running = False
            if self._monotonic() - started_at > _HEALTHY_AFTER_S:
                waits = delays(0.1, 10.0)
            await asyncio.sleep(next(waits))
