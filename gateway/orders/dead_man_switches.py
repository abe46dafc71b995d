"""Dead-man switches in Redis: one script for each step, every one safe to run twice. Redis' clock alone decides."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from adapters.models import VenueName
from gateway.journal.entry import MAX_LENGTH
from gateway.orders.dead_man import Firing, Switch, exempt_labels, exempt_text
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

SWITCHES_MAX = 64
"""Switches that a client may have on one account."""
UNFINISHED_MAX = 8
"""Firings of one switch that may have orders left, for it to be set again."""

_DUE_MAX = 200

_SET = Script.load("gateway.orders", "dead_man_set.lua")
_FIRE = Script.load("gateway.orders", "dead_man_fire.lua")
_END = Script.load("gateway.orders", "dead_man_end.lua")


@dataclass(frozen=True, slots=True)
class SwitchState:
    """How a switch stands."""

    firings: int = 0
    """How many of its firings have orders left that have not ended."""
    timeout_ms: int | None = None
    deadline_ms: int | None = None
    """When it fires unless it is renewed; None: it is off."""
    exempt: str = ""
    fired_ms: int | None = None
    """When it fired last."""
    cancelled: int | None = None
    """How many orders that ended; None while some have not."""

    @property
    def exempt_labels(self) -> frozenset[str]:
        return exempt_labels(self.exempt)


_states = msgspec.json.Decoder(SwitchState)


class DeadManSwitches:
    """The switches of one venue's accounts."""

    def __init__(self, store: Store, venue: VenueName):
        self._store = store
        self._venue = venue

    async def set(self, switch: Switch, *, timeout_ms: int, exempt: frozenset[str]) -> SwitchState | None:
        """Have the switch fire `timeout_ms` from now unless it is set again; 0 switches it off.

        None: there are as many switches as there may be. Safe to repeat. Raises `StoreUnavailable`.
        """
        kept = await self._store.run(
            _SET,
            [self._switches(switch), keys.dead_man_deadlines(self._venue)],
            [
                switch.session,
                switch.name,
                timeout_ms,
                exempt_text(exempt),
                SWITCHES_MAX,
                keys.DEAD_MAN_KEEP_MS,
                UNFINISHED_MAX,
            ],
        )
        return None if kept is None else _states.decode(kept)

    async def get(self, switch: Switch) -> SwitchState:
        """How the switch stands. Raises `StoreUnavailable`."""
        kept = await self._store.command("HGET", self._switches(switch), switch.session)
        return SwitchState() if kept is None else _states.decode(kept)

    async def due(self) -> list[str]:
        """Names of switches whose deadline seems to have passed. Raises `StoreUnavailable`."""
        now_ms = (await self._store.time_us()) // 1_000
        names = await self._store.command(
            "ZRANGEBYSCORE", keys.dead_man_deadlines(self._venue), "-inf", now_ms, "LIMIT", 0, _DUE_MAX
        )
        return [name.decode() for name in names]

    async def fire(self, switch: Switch) -> bool:
        """Fire the switch if its deadline has passed; False if it has not, or somebody else fired it.

        Safe to repeat. Raises `StoreUnavailable`.
        """
        fired_ms = await self._store.run(
            _FIRE,
            [
                self._switches(switch),
                keys.dead_man_deadlines(self._venue),
                keys.dead_man_firings(self._venue),
                keys.journal(self._venue, switch.account),
            ],
            [switch.session, switch.name, switch.client, MAX_LENGTH, keys.DEAD_MAN_KEEP_MS],
        )
        return bool(fired_ms)

    async def cover(self, firing: Firing, order_ids: Iterable[str]) -> None:
        """Remember orders that the firing is to end; safe to repeat. Raises `StoreUnavailable`."""
        key = keys.dead_man_covered(self._venue, firing.name)
        await self._store.command("SADD", key, *order_ids)
        await self._store.command("PEXPIRE", key, keys.DEAD_MAN_COVERED_MS)

    async def covered(self, firing: Firing) -> list[str]:
        """Ids of the orders it has found to end. Raises `StoreUnavailable`."""
        ids = await self._store.command("SMEMBERS", keys.dead_man_covered(self._venue, firing.name))
        return [order_id.decode() for order_id in ids]

    async def end(self, firing: Firing, *, cancelled: int) -> bool:
        """None of its orders is left; False if that was known. Safe to repeat. Raises `StoreUnavailable`."""
        switch = firing.switch
        ended = await self._store.run(
            _END,
            [
                self._switches(switch),
                keys.dead_man_firings(self._venue),
                keys.journal(self._venue, switch.account),
                keys.dead_man_covered(self._venue, firing.name),
            ],
            [
                switch.session,
                firing.name,
                firing.fired_ms,
                cancelled,
                switch.client,
                MAX_LENGTH,
                exempt_text(firing.exempt),
            ],
        )
        return bool(ended)

    def _switches(self, switch: Switch) -> str:
        return keys.dead_man_switches(self._venue, switch.account, switch.client)
