"""Tending accounts: each is swept, and its private stream followed, by one replica at a time.

Each account is tended by itself, so that one venue in trouble holds up no other. The lease only saves work: every step
is safe to take twice, also by a replica that was paused and does not know that its lease has gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from adapters.errors import VenueError
from adapters.models import AccountName, VenueName
from gateway.accounts import Account, Accounts
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders import metrics
from gateway.orders.following import Following
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.orders.sweep import Sweep
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_RELEASE = Script.load("gateway.store", "release.lua")

_EVERY_S = 0.5
_LEASE_MS = 5_000
_FOLLOW_AGAIN_S = 1.0


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
        lag_ms: int,
        also: Sequence[Callable[[Account], Awaitable[None]]] = (),
    ):
        """`also` is done before each sweep of an account."""
        self._accounts = accounts
        self._store = store
        self._records = records
        self._settling = settling
        self._replica = replica
        self._lag_ms = lag_ms
        self._also = also

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
                await asyncio.sleep(_EVERY_S)
        finally:
            if following is not None:
                await _end(following)
            metrics.tended(name, is_ours=False)
            if account is not None and is_ours:
                await self._release(account)

    async def _tend(self, account: Account) -> bool:
        """One pass over the account's orders, if it is ours to tend; answers whether it is."""
        try:
            if not await self._has_lease(account):
                return False
            for chore in self._also:
                await chore(account)
            await Sweep(account, self._store, self._records[account.venue.name], self._settling).once()
        except (StoreUnavailable, VenueError, Refusal) as error:
            metrics.SWEEP_FAILURES.labels(account.name).inc()
            _log.warning("sweep_failed", account=account.name, error=str(error))
        except Exception:  # whatever it is, it must not end the tending of the other accounts
            metrics.SWEEP_FAILURES.labels(account.name).inc()
            _log.exception("sweep_broken", account=account.name)
        return True

    async def _follow(self, account: Account) -> None:
        streams = account.at_venue.streams
        while streams is not None:
            try:
                await Following(
                    account, streams, self._records[account.venue.name], self._settling, lag_ms=self._lag_ms
                ).run()
            except Exception:  # the stream keeps itself up; what ends it is a fault, and must not end it for good
                _log.exception("private_stream_broken", account=account.name)
            await asyncio.sleep(_FOLLOW_AGAIN_S)

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


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
