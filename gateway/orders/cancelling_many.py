"""Cancelling many orders of an account: together where the venue can and the budget favours it, else one by one."""

import asyncio
from collections.abc import Sequence

import structlog

from adapters.errors import OrderNotFound, OutcomeUnknown, VenueError
from adapters.models import VenueOrderId
from gateway.accounts import Account
from gateway.auth.grants import Client
from gateway.errors import Refusal
from gateway.orders import lifecycle, metrics
from gateway.orders.cancelling import Cancelling, NotCancellable, cancelled_or_refuse
from gateway.orders.native import is_favoured
from gateway.orders.record import OrderRecord, State
from gateway.orders.settling import Settling, now_ms
from gateway.translation import write_refusal

_log = structlog.get_logger()

Cancelled = OrderRecord | Refusal | NotCancellable
"""What became of one cancel: a record that is not done says that the venue took it and has not done it yet."""

_AT_ONCE = 16
"""Single cancels under way at once, so that none waits for a connection longer than it waits for an answer."""


class CancellingMany:
    """Cancels orders of one account; safe to repeat."""

    def __init__(self, *, cancelling: Cancelling, settling: Settling):
        self._cancelling = cancelling
        self._settling = settling

    async def cancel(self, client: Client, account: Account, records: Sequence[OrderRecord]) -> list[Cancelled]:
        """Cancel each; answers in the order asked."""
        told: dict[str, Cancelled] = {}
        size = account.venue.capabilities.cancel_batch_max
        resting = [one for one in records if one.state is State.LIVE and one.result.venue_order_id is not None]
        if await is_favoured(
            account, client.name, single="cancel", batch="cancel_batch", count=len(resting), size=size
        ):
            for start in range(0, len(resting), size):
                told |= await self._together(client, account, resting[start : start + size])
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(record: OrderRecord) -> Cancelled:
            if (known := told.get(record.intent.order_id)) is not None:
                return known
            async with turns:
                return await self.singly(client, record.intent.order_id)

        return await asyncio.gather(*(one(record) for record in records))

    async def singly(self, client: Client, order_id: str) -> Cancelled:
        """Cancel one; its refusal is the answer."""
        try:
            return await self._cancelling.cancel(client, order_id, max_wait_s=client.max_wait_s)
        except (Refusal, NotCancellable) as error:
            return error

    async def _together(self, client: Client, account: Account, records: Sequence[OrderRecord]) -> dict[str, Cancelled]:
        by_venue_id = {VenueOrderId(one.result.venue_order_id or ""): one for one in records}
        throttle = account.throttle(client.name, client.max_wait_s)
        try:
            told = await account.trading.cancel_many(list(by_venue_id), throttle)
        except (Refusal, VenueError) as error:
            refusal = write_refusal(error) if isinstance(error, VenueError) else error
            return {one.intent.order_id: refusal for one in records}
        results: dict[str, Cancelled] = {}
        asked: list[OrderRecord] = []
        unmentioned = OutcomeUnknown(account.venue.name, "the answer does not mention it")
        for venue_id, record in by_venue_id.items():
            failure = told.get(venue_id, unmentioned)
            if failure is None:
                metrics.CANCELS.labels(account.venue.name).inc()
                taken = await self._settling.take(record, lambda one: lifecycle.cancel_taken(one, now_ms=now_ms()))
                asked.append(taken)
            elif isinstance(failure, OrderNotFound):
                asked.append(record)
            else:
                results[record.intent.order_id] = write_refusal(failure)
        # The answer shows no order: how each ended, and what of it had been filled, the venue has to be asked.
        for record in await self._looked_up(client, account, asked):
            results[record.intent.order_id] = _as_cancelled(record)
        return results

    async def _looked_up(
        self, client: Client, account: Account, records: Sequence[OrderRecord]
    ) -> Sequence[OrderRecord]:
        try:
            return await self._settling.look_up(account, records, account.throttle(client.name, client.max_wait_s))
        except (VenueError, Refusal) as error:
            # The cancels themselves have had their answers.
            _log.info("orders_not_compared", account=account.name, error=str(error))
            return records


def _as_cancelled(record: OrderRecord) -> Cancelled:
    if record.state is not State.DONE and record.result.cancel is not None:
        return record
    try:
        return cancelled_or_refuse(record)
    except NotCancellable as error:
        return error
