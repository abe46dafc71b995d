"""How full the store is: new orders stop while there is still room for what is needed to see the others through."""

import asyncio
from contextlib import suppress

import structlog

from gateway.errors import StoreUnavailable
from gateway.store import metrics
from gateway.store.client import Store

_log = structlog.get_logger()

_EVERY_S = 1.0
_FULL_SHARE = 0.85


class StoreMemory:
    """Watches one Redis; without a `maxmemory` there is nothing to watch."""

    def __init__(self, store: Store):
        self._store = store
        self._is_limited: bool | None = None
        self.is_short = False
        """Whether new orders must stop."""

    async def run(self) -> None:
        """Look once a second; ends only by cancellation."""
        while True:
            with suppress(StoreUnavailable):  # then nothing is placed anyway
                await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Look now. Raises `StoreUnavailable`."""
        lines = (await self._store.command("INFO", "memory")).decode().splitlines()
        info = dict(line.split(":", 1) for line in lines if ":" in line)
        used, most = int(info["used_memory"]), int(info["maxmemory"])
        if self._is_limited is None and not most:
            _log.warning("redis_without_maxmemory", advice="set it, so that new orders stop before memory runs out")
        self._is_limited = most > 0
        share = used / most if most else 0.0
        metrics.MEMORY_SHARE.set(share)
        is_short = share >= _FULL_SHARE
        if is_short != self.is_short:
            log = _log.error if is_short else _log.warning
            log("redis_memory_short" if is_short else "redis_memory_enough", used=used, maxmemory=most)
        self.is_short = is_short
