"""Firing dead-man switches: whose client has not renewed in time, its orders end.

Every replica looks for switches whose deadline has passed, so that none has to be found dead first; a script decides
which of them fires one. A firing is a chore until none of the orders it covers is left.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from adapters.models import OrderStatus, VenueName
from gateway.errors import StoreUnavailable
from gateway.orders import metrics
from gateway.orders.chores import Chores, Do
from gateway.orders.dead_man import Firing, Switch
from gateway.orders.dead_man_switches import DeadManSwitches
from gateway.orders.identity import Identities
from gateway.orders.record import OrderRecord
from gateway.orders.records import Records
from gateway.orders.withdrawing import Withdrawing
from gateway.store import keys
from gateway.store.client import Store

_log = structlog.get_logger()

_EVERY_S = 0.25
_AGAIN_MS = 500


class DeadMan:
    """Fires the switches of all venues."""

    def __init__(
        self,
        *,
        store: Store,
        switches: Mapping[VenueName, DeadManSwitches],
        records: Mapping[VenueName, Records],
        identities: Identities,
        withdrawing: Withdrawing,
    ):
        self._switches = switches
        self._records = records
        self._identities = identities
        self._withdrawing = withdrawing
        self._firings = {
            venue: Chores(store, keys.dead_man_firings(venue), self._see_to_those_of(venue)) for venue in switches
        }

    async def run(self) -> None:
        """Fire what is due, and see to it; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for venue, firings in self._firings.items():
                tasks.create_task(self._watch(venue))
                tasks.create_task(firings.run())

    async def _watch(self, venue: VenueName) -> None:
        switches = self._switches[venue]
        while True:
            with suppress(StoreUnavailable):  # deadlines wait there: a switch fires as soon as it can be read
                for name in await switches.due():
                    await self._fire(venue, name)
            await asyncio.sleep(_EVERY_S)

    async def _fire(self, venue: VenueName, name: str) -> None:
        try:
            switch = Switch.read(name)
            if not await self._switches[venue].fire(switch):
                return
        except StoreUnavailable:
            raise
        except Exception:  # one switch that is broken must not keep the others from firing
            _log.exception("dead_man_broken", switch=name)
            return
        metrics.DEAD_MAN_FIRED.labels(switch.account).inc()
        _log.warning("dead_man_fired", account=switch.account, client=switch.client, session=switch.session)
        self._firings[venue].wake()

    def _see_to_those_of(self, venue: VenueName) -> Do:
        async def see_to(name: str) -> int | None:
            return await self._see_to(venue, Firing.read(name))

        return see_to

    async def _see_to(self, venue: VenueName, firing: Firing) -> int | None:
        switches = self._switches[venue]
        left = [record.intent.order_id for record in await self._unended(venue, firing)]
        if left:
            await switches.cover(firing, left)
            await self._withdrawing.withdraw(venue, left, at_ms=firing.fired_ms)
            return _AGAIN_MS
        found = [await self._records[venue].get(order_id) for order_id in await switches.covered(firing)]
        cancelled = sum(one is not None and one.result.status is OrderStatus.CANCELLED for one in found)
        if await switches.end(firing, cancelled=cancelled):
            account, client = firing.switch.account, firing.switch.client
            metrics.DEAD_MAN_DONE.labels(account).inc()
            _log.warning("dead_man_done", account=account, client=client, covered=len(found), cancelled=cancelled)
        return None

    async def _unended(self, venue: VenueName, firing: Firing) -> list[OrderRecord]:
        """The orders it covers that have not ended: resting, on their way, or unknown."""
        records, switch = self._records[venue], firing.switch
        ids = await records.unended(switch.account)
        # The id itself says whose it is: others' are not even read.
        theirs = [one for one in ids if (who := self._identities.read(one)) and who.owner == switch.client]
        found = await asyncio.gather(*(records.get(order_id) for order_id in theirs))
        return [record for record in found if record is not None and firing.covers(record)]
