"""Tending accounts: each is swept, and its private stream followed, by one replica at a time.

Each account is tended by itself, so that one venue in trouble holds up no other. The lease only saves work: every step
is safe to take twice, also by a replica that was paused and does not know that its lease has gone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from adapters.common.backoff import delays
from adapters.errors import VenueError
from adapters.models import AccountName, VenueName
from gateway.accounts import Account, Accounts
from gateway.clock import VenueClock
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders import metrics
from gateway.orders.first_look import FirstLook
from gateway.orders.following import Following
from gateway.orders.identity import Identities
from gateway.orders.orphans import EVERY_S, Orphans
from gateway.orders.readiness import Readiness
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.orders.sweep import Sweep
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_RELEASE = Script.load("gateway.store", "release.lua")

_EVERY_S = 0.5
_AWAITED_S = 0.1
"""The same while an account waits to become ready: bots wait with it."""
_LEASE_MS = 2_000
"""Renewed twice a second, however long a sweep takes: for this long nobody looks when whoever tended has died."""
_FOLLOW_AGAIN_S = 1.0
_LOOK_AGAIN_MAX_S = 10.0


class Tending:
    """Tends every account there is, also those that come later."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        store: Store,
        records: Mapping[VenueName, Records],
        settling: Settling,
        replica: str,
        clocks: Mapping[VenueName, VenueClock],
        settings: OrderSettings,
        identities: Identities,
        also: Sequence[Callable[[Account], Awaitable[None]]] = (),
    ):
        """`also` is done before each sweep of an account."""
        self._accounts = accounts
        self._store = store
        self._records = records
        self._settling = settling
        self._replica = replica
        self._also = also
        self._clocks = clocks
        self._settings = settings
        self._identities = identities
        self._compared_s: dict[AccountName, float] = {}
        self._looks: dict[AccountName, _Attempts] = {}

    async def run(self) -> None:
        """Tend again and again; ends only by cancellation, and leaves the accounts to other replicas then."""
        tended: dict[AccountName, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                for account in self._accounts.all():
                    if account.name not in tended or tended[account.name].done():
                        tended[account.name] = tasks.create_task(self._keep_tending(account.name))
                await asyncio.sleep(_EVERY_S)

    async def _keep_tending(self, name: AccountName) -> None:
        following: asyncio.Task[None] | None = None
        followed: Account | None = None
        account: Account | None = None
        is_ours = False
        try:
            while (account := self._accounts.find(name)) is not None:
                is_ours = await self._tend(account)
                metrics.tended(name, is_ours=is_ours)
                if following is not None and (not is_ours or followed is not account):
                    await _end(following)
                    following = None
                if following is None and is_ours and account.at_venue.streams is not None:
                    following, followed = asyncio.create_task(self._follow(account)), account
                last = self._records[account.venue.name].readiness.last.get(name)
                await asyncio.sleep(_EVERY_S if last is not None and last.is_ready else _AWAITED_S)
        finally:
            metrics.forget(name)
            if following is not None:
                await _end(following)
            metrics.tended(name, is_ours=False)
            if account is not None and is_ours:
                await self._release(account)

    async def _tend(self, account: Account) -> bool:
        """One pass over the account's orders, if it is ours to tend; answers whether it is."""
        records = self._records[account.venue.name]
        is_ours = True
        try:
            # Every replica looks: what it remembers is how an old copy of the store is known.
            readiness = await records.readiness.see(account.name)
            metrics.READY.labels(account.name).set(readiness.is_ready)
            metrics.STUCK.labels(account.name).set(len(readiness.held))
            is_ours = await self._has_lease(account)
            if is_ours and not readiness.is_ready and account.at_venue.trading is not None:
                await self._look(account, readiness)
            if is_ours:
                await self._see_to(account, records, readiness)
        except (StoreUnavailable, VenueError, Refusal) as error:
            metrics.SWEEP_FAILURES.labels(account.name).inc()
            _log.warning("sweep_failed", account=account.name, error=str(error))
        except Exception:  # whatever it is, it must not end the tending of the other accounts
            metrics.SWEEP_FAILURES.labels(account.name).inc()
            _log.exception("sweep_broken", account=account.name)
        return is_ours

    async def _see_to(self, account: Account, records: Records, readiness: Readiness) -> None:
        renewing = asyncio.create_task(self._keep_lease(account))
        try:
            for chore in self._also:
                await chore(account)
            await Sweep(account, self._store, records, self._settling).once(lost_ms=readiness.lost_ms)
            if readiness.is_ready:
                await self._compare(account)
        finally:
            await _end(renewing)

    async def _look(self, account: Account, readiness: Readiness) -> None:
        """Look at the venue for the first time, if the last attempt is long enough ago."""
        attempts = self._looks.setdefault(account.name, _Attempts())
        if not attempts.are_due:
            return
        clock = self._clocks[account.venue.name]
        try:
            look = FirstLook(account, self._records[account.venue.name], self._settling, clock, self._settings)
            if clock.is_measured and await look.make(readiness):
                del self._looks[account.name]
        except (VenueError, Refusal) as error:
            attempts.failed()
            _log.warning("venue_not_looked_at", account=account.name, error=str(error))

    async def _compare(self, account: Account) -> None:
        """Look for orphans, if the last time is long enough ago."""
        now_s = time.monotonic()
        if account.at_venue.trading is None or now_s < self._compared_s.get(account.name, 0.0) + EVERY_S:
            return
        self._compared_s[account.name] = now_s  # also if it fails: others need the venue's budget
        await Orphans(account, self._records[account.venue.name], self._settling, self._identities).compare()

    async def _follow(self, account: Account) -> None:
        streams = account.at_venue.streams
        while streams is not None:
            try:
                await Following(
                    account,
                    streams,
                    self._records[account.venue.name],
                    self._settling,
                    lag_ms=self._settings.clock_error_ms + self._settings.history_lag_ms,
                ).run()
            except Exception:  # the stream keeps itself up; what ends it is a fault, and must not end it for good
                _log.exception("private_stream_broken", account=account.name)
            await asyncio.sleep(_FOLLOW_AGAIN_S)

    async def _keep_lease(self, account: Account) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            with suppress(StoreUnavailable):
                await self._has_lease(account)

    async def _has_lease(self, account: Account) -> bool:
        key = keys.sweep_lease(account.venue.name, account.name)
        if await self._store.command("SET", key, self._replica, "NX", "PX", _LEASE_MS):
            return True
        if await self._store.command("GET", key) != self._replica.encode():
            return False
        await self._store.command("PEXPIRE", key, _LEASE_MS)
        return True

    async def _release(self, account: Account) -> None:
        with suppress(StoreUnavailable):  # then it lapses
            await self._store.run(_RELEASE, [keys.sweep_lease(account.venue.name, account.name)], [self._replica])


class _Attempts:
    """When to try again what failed: ever more rarely."""

    def __init__(self) -> None:
        self._waits = delays(_EVERY_S, _LOOK_AGAIN_MAX_S)
        self._next_s = 0.0

    @property
    def are_due(self) -> bool:
        return time.monotonic() >= self._next_s

    def failed(self) -> None:
        self._next_s = time.monotonic() + next(self._waits)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
