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
from gateway.orders.record import OrderRecord
from gateway.orders.records import Records
from gateway.orders.sending import (
    Sending,
    claimed_record,
    clock_refusal,
    held_back,
    order_request,
    send_window_ms,
    wait_s,
)
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
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._sending = sending
        self._settings = settings

    async def send(self, batch: Sequence[Claimed]) -> list[OrderRecord | Refusal]:
        """See claimed orders through, as far as one call takes them; a refusal for each that was not sent."""
        account = batch[0].account
        records, clock = self._records[account.venue.name], self._clocks[account.venue.name]
        window_ms = send_window_ms(account, self._settings)
        known = {one.intent.venue_client_id: claimed_record(one.intent, one.nonce) for one in batch}
        held: dict[VenueClientId, Refusal] = {}

        async def begin_send() -> Leaving:
            if not clock.is_measured:
                raise clock_refusal(account.venue.name)
            try:
                leaves = await records.begin_send_many(
                    [(one.intent, one.nonce) for one in batch],
                    clock_difference_ms=clock.venue_minus_redis_ms,
                    window_ms=window_ms,
                    lease_ms=self._settings.claim_lease_ms,
                )
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            when: SendTime | None = None
            for client_id, leave in zip(known, leaves, strict=True):
                if leave.send_ms is None:
                    held[client_id] = held_back(leave)
                else:
                    known[client_id] = leave.of(known[client_id], window_ms)
                    when = SendTime(leave.send_ms, window_ms)
            if when is None:
                raise next(iter(held.values()))
            return Leaving(when, known.keys() - held.keys())

        started_s = time.perf_counter()
        outcomes = await self._outcomes(batch, begin_send)
        concluding = (
            self._sending.conclude(record, held.get(client_id) or outcomes[client_id], started_s=started_s)
            for client_id, record in known.items()
        )
        concluded = await asyncio.gather(*concluding, return_exceptions=True)
        return [_record_or_refusal(one) for one in concluded]

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
