"""What a limiter says now and then: that this replica is alive, what its clients spent, how many wait."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

from adapters.models import VenueName
from gateway.errors import StoreUnavailable
from gateway.limiter.consumption import Consumption
from gateway.limiter.emergency import Emergency
from gateway.limiter.metrics import Meters
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_HEARTBEAT = Script.load("gateway.limiter", "heartbeat.lua")
_EVERY_S = 2.0


class Heartbeat:
    """Of one venue's limiter; `waiting` counts those who wait."""

    def __init__(
        self,
        store: Store,
        venue: VenueName,
        *,
        emergency: Emergency,
        consumption: Consumption,
        meters: Meters,
        waiting: Callable[[], int],
    ):
        self._store = store
        self._venue = venue
        self._replica = uuid4().hex
        self._emergency = emergency
        self._consumption = consumption
        self._meters = meters
        self._waiting = waiting

    async def run(self) -> None:
        """Until cancelled: say it, and count the other replicas."""
        while True:
            self._consumption.tell()
            self._meters.waiting(self._waiting())
            with suppress(StoreUnavailable):
                self._emergency.replicas = await self._store.run(
                    _HEARTBEAT, [keys.limit_replicas(self._venue)], [self._replica, keys.LIMIT_REPLICA_TTL_MS]
                )
            await asyncio.sleep(_EVERY_S)
