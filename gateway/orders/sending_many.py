"""Sending claimed orders in one call: one send time, one signature, a result for each.

A call that fails settles nothing: every order that left with it is unknown.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from adapters.contract import BeginSendMany, Leaving, SendTime
from adapters.errors import GrantExpired, OutcomeUnknown, VenueError
from adapters.models import VenueClientId, VenueName, VenueOrder
from gateway.clock import VenueClock
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders.claimed import Claimed
from gateway.orders.claiming import send_window_ms
from gateway.orders.record import Intent, OrderRecord
from gateway.orders.records import Records
from gateway.orders.sending import Sending, clock_refusal, held_back, order_request, wait_s
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.translation import store_refusal

Outcome = VenueOrder | Refusal | VenueError


class SendingMany:
    """Sends claimed orders of one account together."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        sending: Sending,
        halts: Halts,
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._sending = sending
        self._halts = halts
        self._settings = settings

    async def send(self, batch: Sequence[Claimed]) -> list[OrderRecord | Refusal]:
        """See one client's claimed orders through, as far as one call takes them; a refusal for each not sent."""
        account = batch[0].account
        records, clock = self._records[account.venue.name], self._clocks[account.venue.name]
        window_ms = send_window_ms(account, self._settings)
        known = {one.intent.venue_client_id: one.record for one in batch}
        held: dict[VenueClientId, Refusal] = await self._unprepared(batch)
        prepared = [one for one in batch if one.intent.venue_client_id not in held]

        async def begin_send() -> Leaving:
            if not clock.is_measured:
                raise clock_refusal(account.venue.name)
            try:
                leaves = await records.begin_send_many(
                    [(one.intent, one.nonce, self._halts_of(one.intent)) for one in prepared],
                    clock_difference_ms=clock.venue_minus_redis_ms,
                    window_ms=window_ms,
                    lease_ms=self._settings.claim_lease_ms,
                )
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            when: SendTime | None = None
            for one, leave in zip(prepared, leaves, strict=True):
                client_id = one.intent.venue_client_id
                if leave.send_ms is None:
                    held[client_id] = held_back(leave, account.venue.name)
                else:
                    known[client_id] = leave.of(known[client_id], window_ms)
                    when = SendTime(leave.send_ms, window_ms)
            if when is None:
                raise next(iter(held.values()))
            return Leaving(when, known.keys() - held.keys())

        started_s = time.perf_counter()
        outcomes = await self._outcomes(prepared, begin_send) if prepared else {}
        concluding = (
            self._sending.conclude(record, held.get(client_id) or outcomes[client_id], started_s=started_s)
            for client_id, record in known.items()
        )
        concluded = await asyncio.gather(*concluding, return_exceptions=True)
        return [_record_or_refusal(one) for one in concluded]

    async def _unprepared(self, batch: Sequence[Claimed]) -> dict[VenueClientId, Refusal]:
        """Prepare them all; those that must not be sent, and why."""
        prepared = await asyncio.gather(*(self._sending.prepare(one) for one in batch), return_exceptions=True)
        held: dict[VenueClientId, Refusal] = {}
        for one, failure in zip(batch, prepared, strict=True):
            if isinstance(failure, Refusal):
                held[one.intent.venue_client_id] = failure
            elif failure is not None:
                raise failure
        return held

    def _halts_of(self, intent: Intent) -> Sequence[str]:
        return self._halts.fields_of(intent.venue, intent.account, intent.owner, intent.symbol)

    async def _outcomes(self, batch: Sequence[Claimed], begin_send: BeginSendMany) -> Mapping[VenueClientId, Outcome]:
        account, owner = batch[0].account, batch[0].intent.owner
        requests = [order_request(one.intent, one.market) for one in batch]
        now_ms = self._clocks[account.venue.name].redis_time_ms()
        throttle = account.throttle(owner, min(wait_s(one.order, one.intent, now_ms) for one in batch))
        unanswered: Outcome = OutcomeUnknown(account.venue.name, "the answer does not mention it")
        told: Mapping[VenueClientId, VenueOrder | VenueError] = {}
        try:
            try:
                told = await account.trading.place_many(requests, throttle=throttle, begin_send=begin_send)
            except GrantExpired:
                # Nothing left this machine, and the send time stays the one in the store.
                told = await account.trading.place_many(requests, throttle=throttle, begin_send=begin_send)
        except (Refusal, VenueError) as error:
            unanswered = error
        return {one.venue_client_id: told.get(one.venue_client_id, unanswered) for one in requests}


def _record_or_refusal(concluded: OrderRecord | BaseException) -> OrderRecord | Refusal:
    if isinstance(concluded, BaseException) and not isinstance(concluded, Refusal):
        raise concluded
    return concluded
