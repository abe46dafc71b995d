"""Cancelling what rests where a halt says so, until none does: begun where the halt was set, gone on with by the sweep.

Each order is cancelled by itself, and again while it rests: an order whose answer is still to come may rest later.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

import structlog

from adapters.errors import VenueError
from adapters.models import AccountName, VenueName
from gateway.accounts import Account
from gateway.addresses import AllowList
from gateway.auth.grants import Client
from gateway.errors import Refusal
from gateway.orders.cancelling import Cancelling, NotCancellable
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.risk.halt import Halt
from gateway.risk.halts import Halts
from gateway.settings import AccountAccess, Scope

_log = structlog.get_logger()

_AGAIN_S = 3.0
_AT_ONCE = 20
_PAGE = 500


class HaltCancels:
    """Cancels for the halts of all venues."""

    def __init__(self, halts: Halts, records: Mapping[VenueName, Records], cancelling: Cancelling):
        self._halts = halts
        self._records = records
        self._cancelling = cancelling
        self._due_s: dict[tuple[AccountName, str], float] = {}

    async def begin(self, accounts: Iterable[Account]) -> None:
        """Cancel on these accounts now, each by itself; raises nothing."""

        async def one(account: Account) -> None:
            try:
                await self.go_on(account)
            except Exception:  # the sweep goes on with it
                _log.exception("halt_cancels_broken", account=account.name)

        await asyncio.gather(*(one(account) for account in accounts))

    async def go_on(self, account: Account) -> None:
        """Cancel what still rests on the account and should not; now and then. Raises `StoreUnavailable`."""
        halts = [halt for halt in self._halts.at(account.venue.name) if halt.cancel_open]
        for key in [key for key in self._due_s if key[0] == account.name and key[1] not in {one.id for one in halts}]:
            del self._due_s[key]
        due = [halt for halt in halts if time.monotonic() >= self._due_s.get((account.name, halt.id), 0)]
        if not due:
            return
        for halt in due:
            self._due_s[account.name, halt.id] = time.monotonic() + _AGAIN_S
        open_records = await self._open(account)
        for halt in due:
            resting = [record for record in open_records if self._concerns(halt, record)]
            cancelled = 0
            for start in range(0, len(resting), _AT_ONCE):
                some = resting[start : start + _AT_ONCE]
                cancelled += sum(await asyncio.gather(*(self._cancel(record) for record in some)))
            if resting or cancelled:
                _log.warning("halt_cancels", account=account.name, halt=halt.field, cancelled=cancelled)
            left = len(resting) - cancelled
            await self._halts.count(account.venue.name, account.name, halt, cancelled=cancelled, resting=left)

    async def _open(self, account: Account) -> list[OrderRecord]:
        """Orders that rest, or may."""
        records = self._records[account.venue.name]
        ids = await records.unended(account.name)
        found = await asyncio.gather(*(records.get(order_id) for order_id in ids))
        return [one for one in found if one is not None and one.state in {State.SENT, State.UNKNOWN, State.LIVE}]

    def _concerns(self, halt: Halt, record: OrderRecord) -> bool:
        """Whether the halt is about this order; one that came after it was let in by it."""
        intent = record.intent
        fields = self._halts.fields_of(intent.venue, intent.account, intent.owner, intent.symbol)
        return record.created_ms <= halt.set_ms and halt.field in fields

    async def _cancel(self, record: OrderRecord) -> bool:
        """Whether the venue took it, or the order has ended."""
        intent = record.intent
        ourselves = Client(
            name="crossgate",
            desk=None,
            scopes=frozenset({Scope.CANCEL}),
            accounts={intent.account: AccountAccess.ACCOUNT},
            ip_allow=AllowList(()),
            max_wait_s=None,
            version="",
            key_sha256=(),
        )
        try:
            await self._cancelling.cancel(ourselves, intent.order_id)
        except NotCancellable as error:
            return error.record.state is State.DONE
        except (Refusal, VenueError) as error:
            _log.warning("halt_cancel_failed", order_id=intent.order_id, error=str(error))
            return False
        return True
