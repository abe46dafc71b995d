"""Which replica owns a venue's streams, and until when.

A lease lives in Redis and is counted on two clocks, neither of which is shared: Redis lets it expire, and its holder
stops earlier, by its own monotonic clock, counted from before it asked. A holder that was paused therefore finds its
term over before anybody else can have begun one; should it publish all the same, its epoch is lower than the next
owner's, and every replica drops it.

Epochs rise for ever, even when Redis has lost its data: a new one is at least Redis' own time in seconds.
"""

import time
from collections.abc import Callable

from adapters.models import VenueName
from gateway.errors import StoreUnavailable
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_ACQUIRE = Script.load("gateway.feeds", "acquire_lease.lua")
_RENEW = Script.load("gateway.feeds", "renew_lease.lua")
_RELEASE = Script.load("gateway.store", "release.lua")

_FENCED_AFTER = 0.75
"""The part of a lease its holder uses."""


class TermOver(Exception):
    """The lease ran out or went to another replica: nothing more may be published under its epoch."""


class Term:
    """One holding of a lease, from its acquisition to its end."""

    def __init__(self, lease: "Lease", epoch: int, asked_at: float):
        self.epoch = epoch
        self.venue = lease.venue
        self._lease = lease
        self._ends_at = asked_at + lease.duration_s * _FENCED_AFTER

    def check(self) -> None:
        """Raise `TermOver` unless the term certainly goes on."""
        if self._lease.monotonic() >= self._ends_at:
            raise TermOver(f"epoch {self.epoch} has ended")

    async def renew(self) -> None:
        """Make the term longer. A Redis that is away changes nothing; raises `TermOver` if it says no."""
        lease = self._lease
        asked_at = lease.monotonic()
        try:
            goes_on = await lease.store.run(_RENEW, [keys.feed_lease(lease.venue)], [self._token, lease.duration_ms])
        except StoreUnavailable:
            return
        if not goes_on:
            self._ends_at = asked_at
            raise TermOver(f"epoch {self.epoch} was replaced")
        self._ends_at = asked_at + lease.duration_s * _FENCED_AFTER

    async def release(self) -> None:
        """End the term now, so that another replica need not wait for it to run out."""
        self._ends_at = self._lease.monotonic()
        await self._lease.store.run(_RELEASE, [keys.feed_lease(self._lease.venue)], [self._token])

    @property
    def _token(self) -> str:
        return f"{self._lease.replica_id}|{self.epoch}"


class Lease:
    """One replica's way to the ownership of one venue's streams."""

    def __init__(
        self,
        store: Store,
        venue: VenueName,
        replica_id: str,
        *,
        duration_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ):
        self.store = store
        self.venue = venue
        self.replica_id = replica_id
        self.duration_s = duration_s
        self.duration_ms = round(duration_s * 1000)
        self.monotonic = monotonic

    async def acquire(self) -> Term | float:
        """A term, or in how many seconds it is worth asking again. Raises `StoreUnavailable`."""
        asked_at = self.monotonic()
        is_taken, value = await self.store.run(
            _ACQUIRE,
            [keys.feed_lease(self.venue), keys.feed_epoch(self.venue)],
            [self.replica_id, self.duration_ms],
        )
        return Term(self, value, asked_at) if is_taken else value / 1000
