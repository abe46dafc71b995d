"""The sweep: finds orders that nobody is at work on any more, and settles those that are unknown.

Every step is safe to take twice, so nothing rests on who sweeps; when, `tending` decides.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from adapters.contract import CallKind
from adapters.errors import DefiniteNo, VenueError
from gateway.accounts import Account
from gateway.errors import Refusal
from gateway.orders import lifecycle, metrics
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.store.client import Store

_log = structlog.get_logger()

_CLIENT = "crossgate"
"""Our own name as a client of the limiter."""


class Sweep:
    """Sweeps one account."""

    def __init__(self, account: Account, store: Store, records: Records, settling: Settling):
        self._account = account
        self._store = store
        self._records = records
        self._settling = settling

    async def once(self, *, lost_ms: int = 0) -> None:
        """One pass over what is due, and over what has ended; `lost_ms`: when the store lost what it knew, if it did.

        Raises what the store and the venue raise; what was settled before that stays settled.
        """
        now_ms = (await self._store.time_us()) // 1_000
        await self._records.shrink(self._account.name, now_ms)
        due = await self._records.due(self._account.name, now_ms)
        await self._count()
        found = [record for record in await asyncio.gather(*(self._read(one) for one in due)) if record is not None]
        unknown = [
            record for record in [await self._taken_over(one, now_ms, lost_ms) for one in found] if _is_unknown(record)
        ]
        if not unknown:
            return
        # Settling may use the reserve that cancels have: an order in doubt is as urgent.
        throttle = self._account.throttle(_CLIENT, kind=CallKind.CANCEL)
        for symbol in dict.fromkeys(record.intent.symbol for record in unknown):
            of_market = [record for record in unknown if record.intent.symbol == symbol]
            try:
                looked_up = await self._settling.look_up(self._account, of_market, throttle)
            except (Refusal, DefiniteNo) as error:  # a market that is gone, say, must not hold up the others
                _log.warning("orders_not_looked_up", account=self._account.name, symbol=symbol, error=str(error))
                looked_up = of_market
            except VenueError:
                await self._find_stuck(unknown)
                raise
            self._report(looked_up)
            marked = await self._find_stuck(looked_up)
            await self._look_again([record for record in marked if _is_unknown(record)])

    async def _count(self) -> None:
        counts = await self._records.counts(self._account.name)
        metrics.PENDING.labels(self._account.name).set(counts.pending)
        metrics.UNKNOWN.labels(self._account.name).set(counts.unknown)
        metrics.LIVE.labels(self._account.name).set(counts.live)

    async def _read(self, order_id: str) -> OrderRecord | None:
        try:
            return await self._records.get(order_id)
        except (msgspec.MsgspecError, LookupError, ValueError):
            _log.exception("order_record_unreadable", account=self._account.name, order_id=order_id)
            return None

    def _report(self, looked_up: Sequence[OrderRecord]) -> None:
        for record in looked_up:
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

    async def _look_again(self, unknown: Sequence[OrderRecord]) -> None:
        if not unknown:
            return
        now_ms = (await self._store.time_us()) // 1_000  # looking took its time, and next time must not be too early
        for record in unknown:
            at_ms = now_ms + self._settling.look_again_in_ms(self._account, record)
            await self._records.look_again(self._account.name, record.intent.order_id, at_ms)

    async def _find_stuck(self, records: Sequence[OrderRecord]) -> Sequence[OrderRecord]:
        """Mark those that were looked up in vain for too long: they hold their market."""
        return [await self._stuck(record) if self._settling.is_overdue(record) else record for record in records]

    async def _stuck(self, record: OrderRecord) -> OrderRecord:
        marked = await self._settling.take(record, lifecycle.stuck)
        if marked.result.is_stuck and not record.result.is_stuck:
            _log.error(
                "order_stuck",
                order_id=record.intent.order_id,
                account=self._account.name,
                client=record.intent.owner,
                symbol=record.intent.symbol,
                cause=record.result.unknown_cause,
            )
        return marked

    async def _taken_over(self, record: OrderRecord, now_ms: int, lost_ms: int) -> OrderRecord:
        # Not asked for again by the same bytes: whoever held it may have told its client that it was not sent.
        return await self._settling.take(
            record, lambda current: lifecycle.taken_over(current, now_ms=now_ms, lost_ms=lost_ms)
        )


def _is_unknown(record: OrderRecord) -> bool:
    return record.state is State.UNKNOWN
