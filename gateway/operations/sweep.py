"""The sweep of operations: finds those that nobody is at work on any more, and looks for those that are unknown.

Every step is safe to take twice; the lease only saves calls.
"""

import asyncio
from collections.abc import Mapping

import structlog

from adapters.contract import CallKind
from adapters.errors import VenueError
from adapters.models import VenueName
from gateway.accounts import Account, Accounts
from gateway.errors import Refusal, StoreUnavailable
from gateway.operations import lifecycle
from gateway.operations.record import OperationRecord, State
from gateway.operations.records import Records
from gateway.operations.settling import Settling, now_ms
from gateway.store import keys
from gateway.store.client import Store

_log = structlog.get_logger()

_EVERY_S = 1.0
_LEASE_MS = 5_000
_CLIENT = "crossgate"
"""Our own name as a client of the limiter."""


class Sweep:
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
        while True:
            await asyncio.gather(*(self._sweep(account) for account in self._accounts.all()))
            await asyncio.sleep(_EVERY_S)

    async def _sweep(self, account: Account) -> None:
        try:
            await self.once(account)
        except (StoreUnavailable, VenueError, Refusal) as error:
            _log.warning("operations_not_swept", account=account.name, error=str(error))
        except Exception:  # whatever it is, it must not end the sweep of the other accounts
            _log.exception("sweep_of_operations_broken", account=account.name)

    async def once(self, account: Account) -> None:
        """One pass over what is due; raises what the store raises."""
        records = self._records[account.venue.name]
        at_ms, is_any_due = await records.watch(account.name)
        if not is_any_due or not await self._has_lease(account):
            return
        for record in await records.due(account.name, at_ms):
            taken = await self._settling.take(record, lambda one: lifecycle.taken_over(one, now_ms=at_ms))
            if taken.state is State.UNKNOWN:
                await self._look_up(account, taken, at_ms)

    async def _look_up(self, account: Account, record: OperationRecord, at_ms: int) -> None:
        # Settling may use the reserve that cancels have: money in doubt is as urgent.
        throttle = account.throttle(_CLIENT, kind=CallKind.CANCEL)
        try:
            looked_up = await self._settling.look_up(account, record, throttle)
        except (VenueError, Refusal) as error:  # one that cannot be looked up must not hold up the others
            _log.warning("operation_not_looked_up", operation=record.intent.client_operation_id, error=str(error))
            looked_up = record
        if looked_up.state is not State.UNKNOWN:
            _log.info(
                "operation_settled",
                operation=record.intent.client_operation_id,
                account=account.name,
                client=record.intent.owner,
                state=looked_up.state,
                evidence=looked_up.result.evidence,
            )
            return
        look_in_ms = lifecycle.look_again_in_ms(looked_up, now_ms=now_ms())
        records = self._records[account.venue.name]
        if look_in_ms is None:
            await records.write(looked_up)
        else:
            await records.look_again(looked_up, at_ms + look_in_ms)

    async def _has_lease(self, account: Account) -> bool:
        key = keys.operation_sweep(account.venue.name, account.name)
        return bool(await self._store.command("SET", key, self._replica, "NX", "PX", _LEASE_MS)) or (
            await self._store.command("GET", key) == self._replica.encode()
        )
