"""Chores: what must be seen to until it is done, whichever replica lives to do it.

They wait in Redis. A replica takes what is due and holds it for as long as it is at work on it; when it dies, another
takes it over. Two may be at work on the same chore when one was paused: whatever is done must be safe to do twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from gateway.errors import StoreUnavailable
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_TAKE = Script.load("gateway.orders", "chores.lua")

_EVERY_S = 0.25
_HOLD_MS = 2_000
"""After how long without a word a replica is taken to have died over a chore."""
_AT_ONCE_MAX = 32
_BROKEN_MS = 5_000
"""When a chore that cannot be done as it stands is tried again."""

Do = Callable[[str], Awaitable[int | None]]
"""Sees to one chore: answers when it is to be seen to again, ms from now; None if it is done."""


class Chores:
    """One queue of chores, and how each is done."""

    def __init__(self, store: Store, key: str, do: Do):
        self._store = store
        self._key = key
        self._do = do
        self._held: set[str] = set()
        self._woken = asyncio.Event()

    async def add(self, chores: list[str]) -> None:
        """See to these from now on; safe to repeat. Raises `StoreUnavailable`."""
        for first in range(0, len(chores), 500):
            scored = [part for chore in chores[first : first + 500] for part in (0, chore)]
            await self._store.command("ZADD", self._key, "NX", *scored)
        self.wake()

    async def hasten(self, chore: str) -> None:
        """See to it now, if it is still to be done. Raises `StoreUnavailable`."""
        await self._store.command("ZADD", self._key, "XX", 0, chore)
        self.wake()

    def wake(self) -> None:
        """Look now for what is due."""
        self._woken.set()

    async def drop(self, chore: str) -> None:
        """It is done; safe to repeat. Raises `StoreUnavailable`."""
        await self._store.command("ZREM", self._key, chore)

    async def run(self) -> None:
        """Take what is due, again and again; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                with suppress(StoreUnavailable):  # it all waits there
                    for chore in await self._take():
                        self._held.add(chore)
                        tasks.create_task(self._see_to(chore))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY_S):
                        await self._woken.wait()

    async def _take(self) -> list[str]:
        """What is due and nobody else is at work on; what we are at work on is held on to."""
        held = [part for chore in self._held for part in (chore, _HOLD_MS)]
        taken = await self._store.run(_TAKE, [self._key], [_AT_ONCE_MAX - len(self._held), _HOLD_MS, *held])
        return [chore for chore in (one.decode() for one in taken) if chore not in self._held]

    async def _see_to(self, chore: str) -> None:
        try:
            again_ms = await self._do(chore)
        except StoreUnavailable:
            again_ms = 0
        except Exception:  # one that cannot be done must not keep the others from being done
            _log.exception("chore_broken", chore=chore)
            again_ms = _BROKEN_MS
        finally:
            self._held.discard(chore)
        with suppress(StoreUnavailable):  # then it is seen to once more when the hold has lapsed
            if again_ms is None:
                await self.drop(chore)
            else:
                await self._store.run(_TAKE, [self._key], [0, _HOLD_MS, chore, again_ms])
