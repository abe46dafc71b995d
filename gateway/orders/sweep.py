"""The sweep: finds orders that nobody is at work on any more, and settles those that are unknown.

Each account is swept by itself, so that one venue in trouble holds up no other, and by one replica at a time: a lease
that only saves work, since every step is safe to take twice.
"""

import asyncio
from collections.abc import Mapping

import structlog

from adapters.contract import CallKind
from adapters.errors import VenueError
from adapters.models import AccountName, VenueName
from gateway.accounts import Account, Accounts
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders import lifecycle, metrics
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.store import keys
from gateway.store.client import Store

_log = structlog.get_logger()

_EVERY_S = 1.0
_LEASE_MS = 5_000
_CLIENT = "crossgate"
"""Our own name as a client of the limiter."""


class Sweeps:
    """Sweeps every account there is, also those that come later."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        store: Store,
        records: Mapping[VenueName, Records],
        settling: Settling,
        replica: str,
    ):
        self._accounts = accounts
        self._store = store
        self._records = records
        self._settling = settling
        self._replica = replica

    async def run(self) -> None:
        """Sweep again and again; ends only by cancellation."""
        swept: dict[AccountName, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                for account in self._accounts.all():
                    if account.name not in swept or swept[account.name].done():
                        swept[account.name] = tasks.create_task(self._keep_sweeping(account.name))
                await asyncio.sleep(_EVERY_S)

    async def _keep_sweeping(self, name: AccountName) -> None:
        while (account := self._accounts.find(name)) is not None:
            sweep = Sweep(account, self._store, self._records[account.venue.name], self._settling)
            try:
                if await self._has_lease(account):
                    await sweep.once()
            except (StoreUnavailable, VenueError, Refusal) as error:
                _log.warning("sweep_failed", account=name, error=str(error))
            await asyncio.sleep(_EVERY_S)

    async def _has_lease(self, account: Account) -> bool:
        key = keys.sweep_lease(account.venue.name, account.name)
        if await self._store.command("SET", key, self._replica, "NX", "PX", _LEASE_MS):
            return True
        if await self._store.command("GET", key) != self._replica.encode():
            return False
        await self._store.command("PEXPIRE", key, _LEASE_MS)
        return True


class Sweep:
    """Sweeps one account."""

    def __init__(self, account: Account, store: Store, records: Records, settling: Settling):
        self._account = account
        self._store = store
        self._records = records
        self._settling = settling

    async def once(self) -> None:
        """One pass over what is due.

        Raises what the store and the venue raise; what was settled before that stays settled.
        """
        now_ms = (await self._store.time_us()) // 1_000
        due = await self._records.due(self._account.name, now_ms)
        metrics.PENDING.labels(self._account.name).set(len(due))
        found = [record for order_id in due if (record := await self._records.get(order_id))]
        unknown = [record for record in [await self._taken_over(one, now_ms) for one in found] if _is_unknown(record)]
        if not unknown:
            return
        # Settling may use the reserve that cancels have: an order in doubt is as urgent.
        throttle = self._account.throttle(_CLIENT, kind=CallKind.CANCEL)
        for record in await self._settling.look_up(self._account, unknown, throttle):
            if not _is_unknown(record):
                metrics.UNKNOWN_SETTLED.labels(self._account.venue.name, record.state).inc()
                _log.info(
                    "order_settled",
                    order_id=record.intent.order_id,
                    account=self._account.name,
                    client=record.intent.owner,
                    status=record.result.status,
                    reason=record.result.reason,
                    evidence=record.result.evidence,
                )

    async def _taken_over(self, record: OrderRecord, now_ms: int) -> OrderRecord:
        return await self._settling.take(record, lambda current: lifecycle.taken_over(current, now_ms=now_ms))


def _is_unknown(record: OrderRecord) -> bool:
    return record.state is State.UNKNOWN
