"""Doing operations, at most once each: claim (durable) → the limiter's grant → fix the send time → send → settle.

The same way an order goes, in a task of our own: a client that hangs up does not stop it.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog

from adapters.contract import SendTime, Throttle
from adapters.errors import DefiniteNo, GrantExpired, NeverSent, VenueError
from adapters.models import Market, VenueName
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.operations import lifecycle, venue_calls
from gateway.operations.forgotten import Forgotten
from gateway.operations.record import Intent, OperationRecord, State
from gateway.operations.records import Claim, Records, SendWindow, Step
from gateway.operations.settling import Settling, now_ms
from gateway.orders.claiming import send_window_ms
from gateway.orders.in_flight import InFlight
from gateway.orders.record import RefusalRecord
from gateway.orders.sending import clock_refusal, valid_until_passed
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.translation import store_refusal, write_refusal

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Done:
    record: OperationRecord
    is_new: bool
    """False: this client_operation_id was accepted before, and nothing was sent now."""


class Operating:
    """Does the operations of all accounts."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        settling: Settling,
        forgotten: Forgotten,
        halts: Halts,
        settings: OrderSettings,
        in_flight: InFlight,
    ):
        self._records = records
        self._clocks = clocks
        self._settling = settling
        self._forgotten = forgotten
        self._halts = halts
        self._settings = settings
        self._in_flight = in_flight

    async def accepted(self, intent: Intent) -> Done | None:
        """What became of this id, if it was accepted before; None if it is free.

        Raises `Refusal` if it stands for something else.
        """
        records = self._records[intent.venue]
        try:
            known = await records.get(intent.account, intent.owner, intent.client_operation_id)
            if known is None:
                return None
            if known.intent.content_hash() != intent.content_hash():
                raise _conflict(intent)
            known = await self._when_settled(records, known)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        return None if known is None else Done(known, is_new=False)

    async def do(
        self,
        account: Account,
        market: Market | None,
        intent: Intent,
        *,
        second_factor: str | None = None,
        other_than: Collection[str] = (),
        max_wait_s: float,
    ) -> Done:
        """Do it, or say what became of it if this client_operation_id was accepted before.

        Safe to repeat with the same id: at most one request reaches the venue. Raises `Refusal`; one whose outcome is
        `not_sent` leaves the id free.
        """
        records = self._records[intent.venue]
        try:
            self._check_may_be_sent(intent)
        except Refusal:
            if (before := await self.accepted(intent)) is not None:
                return before
            raise
        lease_ms = self._settings.claim_lease_ms + round(max_wait_s * 1000)
        while True:
            nonce = secrets.token_hex(8)
            try:
                claimed = await records.claim(intent, nonce=nonce, lease_ms=lease_ms)
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            if claimed.claim is Claim.CLAIMED:
                throttle = account.throttle(intent.owner, max_wait_s)
                look = partial(
                    self._forgotten.look, account, remembered_ms=claimed.remembered_ms, other_than=other_than
                )
                at_ms = claimed.created_ms
                record = OperationRecord(intent, State.CLAIMED, 1, created_ms=at_ms, updated_ms=at_ms, nonce=nonce)
                sent = self._send(account, market, record, throttle=throttle, look=look, second_factor=second_factor)
                # Shielded: from here on it is seen through, whoever waits for it.
                record = await asyncio.shield(self._in_flight.start(sent))
                return Done(record, is_new=record.send_ms is not None)
            if (before := await self.accepted(intent)) is not None:  # None: never sent after all, and the id is free
                return before

    def _check_may_be_sent(self, intent: Intent) -> None:
        if not self._clocks[intent.venue].is_measured:
            raise clock_refusal(intent.venue)
        self._halts.check_write(intent.venue, intent.account, intent.owner, intent.symbol)

    async def _send(
        self,
        account: Account,
        market: Market | None,
        record: OperationRecord,
        *,
        throttle: Throttle,
        look: Callable[[OperationRecord, Throttle], Awaitable[OperationRecord]],
        second_factor: str | None,
    ) -> OperationRecord:
        intent = record.intent

        async def begin_send() -> SendTime:
            nonlocal record
            record = await self._begin_send(account, record)
            assert record.send_ms is not None  # noqa: S101 - it is fixed now
            assert record.window_ms is not None  # noqa: S101
            return SendTime(record.send_ms, record.window_ms)

        try:
            record = await look(record, throttle)
            if record.state is not State.CLAIMED:
                return record
            try:
                venue_id = await venue_calls.send(
                    account, market, intent, second_factor, throttle=throttle, begin_send=begin_send
                )
            except GrantExpired:
                # Nothing left this machine. The send time stays the one in the store, and so the signature is the same.
                venue_id = await venue_calls.send(
                    account, market, intent, second_factor, throttle=throttle, begin_send=begin_send
                )
        except (Refusal, VenueError) as error:
            if isinstance(error, Refusal | NeverSent) or record.state is State.CLAIMED:
                raise await self._forget(record, error) from error
            record = await self._settling.take(record, partial(_ended, error=error))
        else:
            record = await self._settling.take(
                record, lambda current: lifecycle.done(current, venue_operation_id=venue_id)
            )
        _log.info(
            "operation_sent",
            operation=intent.client_operation_id,
            kind=intent.kind,
            account=intent.account,
            client=intent.owner,
            state=record.state,
        )
        return record

    async def _begin_send(self, account: Account, record: OperationRecord) -> OperationRecord:
        if record.state is State.SENT:  # a grant has expired after the time was fixed
            return record
        clock = self._clocks[record.intent.venue]
        self._check_may_be_sent(record.intent)  # it might when it was claimed, and the wait was long
        window_ms = send_window_ms(account, self._settings)
        try:
            written = await self._records[record.intent.venue].write(
                replace(record, state=State.SENT),
                look_in_ms=self._settings.claim_lease_ms,
                window=SendWindow(clock.venue_minus_redis_ms, window_ms),
            )
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        if written.step is Step.EXPIRED:
            raise valid_until_passed()
        if written.step is not Step.WRITTEN:
            raise Refusal(
                Code.STORE_UNAVAILABLE,
                "this replica was too slow and gave the operation up before sending it; send it again",
                outcome=Outcome.NOT_SENT,
                retry_after_s=1,
            )
        return replace(
            record,
            state=State.SENT,
            version=written.version,
            updated_ms=written.updated_ms,
            send_ms=written.send_ms,
            window_ms=window_ms,
        )

    async def _forget(self, record: OperationRecord, error: Refusal | VenueError) -> Refusal:
        """Free the id of an operation that certainly was not sent; if Redis is away, the lapsed lease does it later."""
        await self._settling.take(
            record, lambda current: lifecycle.not_sent(current) if current.nonce == record.nonce else current
        )
        if isinstance(error, Refusal):
            error.outcome = error.outcome or Outcome.NOT_SENT
            return error
        refusal = write_refusal(error)
        refusal.outcome = Outcome.NOT_SENT
        return refusal

    async def _when_settled(self, records: Records, record: OperationRecord) -> OperationRecord | None:
        """The record, once no replica is at work on it any more; None if it was never sent. Bounded."""
        deadline = time.monotonic() + self._settings.claim_lease_ms / 1000 * 2
        delay_s, intent = 0.01, record.intent
        known: OperationRecord | None = record
        while known is not None and known.is_running and time.monotonic() < deadline:
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 1.5, 0.25)
            known = await records.get(intent.account, intent.owner, intent.client_operation_id)
        return known


def _ended(record: OperationRecord, *, error: VenueError) -> OperationRecord:
    if isinstance(error, DefiniteNo):
        refusal = write_refusal(error)
        return lifecycle.refused(record, RefusalRecord(refusal.code, refusal.message, refusal.venue_code))
    return lifecycle.lost(record, cause=error.message, now_ms=now_ms())


def _conflict(intent: Intent) -> Refusal:
    return Refusal(
        Code.IDEMPOTENCY_CONFLICT,
        f"the client_operation_id {intent.client_operation_id!r} was accepted before with other content; use a new one",
        field="client_operation_id",
        outcome=Outcome.NOT_SENT,
    )
