"""Sending a claimed order, once, and settling it by what comes of that.

The limiter's grant → begin_send (durable: fixes the send time) → the one send → settle. An order that was admitted with
its claim has the first two already. What is not certain is called unknown; what certainly did not leave frees the id.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import structlog

from adapters.contract import BeginSend, SendTime
from adapters.errors import DefiniteNo, GrantExpired, InsufficientBalance, NeverSent, VenueError, WouldTake
from adapters.models import Market, OrderRequest, VenueName, VenueOrder
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders import lifecycle, metrics
from gateway.orders.claimed import Claimed, claimed_record
from gateway.orders.claiming import send_window_ms
from gateway.orders.new_order import NewOrder
from gateway.orders.record import Intent, OrderRecord, RefusalRecord, State
from gateway.orders.records import Records, SendLeave
from gateway.orders.reserving import Reserving
from gateway.orders.settling import Settling, Step, now_ms
from gateway.orders.waits import Waits
from gateway.orders.withdrawing import Withdrawing
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.translation import store_refusal, write_refusal

_log = structlog.get_logger()


class Sending:
    """Sends claimed orders."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        settling: Settling,
        withdrawing: Withdrawing,
        reserving: Reserving,
        halts: Halts,
        settings: OrderSettings,
        waits: Waits,
    ):
        self._records = records
        self._clocks = clocks
        self._settling = settling
        self._withdrawing = withdrawing
        self._reserving = reserving
        self._halts = halts
        self._settings = settings
        self._waits = waits

    async def send(self, claimed: Claimed) -> OrderRecord:
        """See a claimed order through to whatever can be known of it.

        Raises `Refusal` if it was not sent, unless that is because it was cancelled.
        """
        account, intent, admitted = claimed.account, claimed.intent, claimed.admitted
        record = claimed.record
        clock = self._clocks[intent.venue]
        window_ms = send_window_ms(account, self._settings)

        async def begin_send() -> SendTime:
            nonlocal record
            if record.state is State.CLAIMED and admitted is not None and admitted.grant.is_good:
                when = admitted.send_time
                record = replace(record, state=State.SENT, send_ms=when.timestamp_ms, window_ms=when.window_ms)
                return when
            if not clock.is_measured:  # it was when the order was claimed, and the wait was long
                raise clock_refusal(intent.venue)
            try:
                leave = await self._records[intent.venue].begin_send(
                    intent,
                    nonce=claimed.nonce,
                    clock_difference_ms=clock.venue_minus_redis_ms,
                    window_ms=window_ms,
                    lease_ms=self._settings.claim_lease_ms,
                    halt_fields=self._halts.fields_of(intent.venue, intent.account, intent.owner, intent.symbol),
                )
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            if leave.send_ms is None:
                raise held_back(leave, intent.venue)
            record = leave.of(record, window_ms)
            return SendTime(leave.send_ms, window_ms)

        started_s = time.perf_counter()
        try:
            await self.prepare(claimed)
            outcome: VenueOrder | Refusal | VenueError = await self._send_once(claimed, begin_send)
        except (Refusal, VenueError) as error:
            outcome = error
        return await self.conclude(record, outcome, started_s=started_s)

    async def prepare(self, claimed: Claimed) -> None:
        """Write down what has to be known of an order before any byte of it can leave; safe to repeat.

        Raises `Refusal`: it must not be sent.
        """
        await self._reserving.reserve(claimed.intent, claimed.nonce, claimed.exposure)
        if claimed.intent.cancel_if_unknown:
            try:
                await self._withdrawing.watch(claimed.intent)
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error

    async def conclude(
        self, record: OrderRecord, outcome: VenueOrder | Refusal | VenueError, *, started_s: float
    ) -> OrderRecord:
        """Settle an order by what its send came to; `started_s` by the performance counter.

        Raises `Refusal` if it was not sent, unless that is because it was cancelled.
        """
        intent = record.intent
        if isinstance(outcome, VenueOrder):
            step = _placed(outcome)
        # Before begin_send nothing was sent, whatever went wrong: a login that the venue refused, say.
        elif isinstance(outcome, Refusal | NeverSent) or record.state is State.CLAIMED:
            left = await self._forget(record)
            if left.state is State.DONE and left.nonce == record.nonce:
                return left  # cancelled while it waited
            metrics.ORDERS.labels(intent.venue, "not_sent").inc()
            refusal = outcome if isinstance(outcome, Refusal) else write_refusal(outcome)
            refusal.outcome = Outcome.NOT_SENT
            raise refusal from (None if refusal is outcome else outcome)
        else:
            step = _refused_by_venue(outcome) if isinstance(outcome, DefiniteNo) else _lost(outcome)

        settled = await self._settling.take(record, step)
        if intent.cancel_if_unknown:
            with suppress(StoreUnavailable):  # then it is found out a little later
                await self._withdrawing.sent(settled)
        if settled.state is State.UNKNOWN:
            _log.warning(
                "order_unknown", order_id=intent.order_id, venue=intent.venue, cause=settled.result.unknown_cause
            )
        metrics.ORDERS.labels(intent.venue, settled.result.status or settled.state).inc()
        metrics.SEND_SECONDS.labels(intent.venue).observe(time.perf_counter() - started_s)
        _log.info(
            "order_sent",
            order_id=intent.order_id,
            account=intent.account,
            client=intent.owner,
            state=settled.state,
            status=settled.result.status,
        )
        return settled

    async def _send_once(self, claimed: Claimed, begin_send: BeginSend) -> VenueOrder:
        account, intent, admitted = claimed.account, claimed.intent, claimed.admitted
        request = order_request(intent, claimed.market)
        body = account.trading.encode(request)
        now_ms = self._clocks[intent.venue].redis_time_ms()
        budget = account.throttle(intent.owner, wait_s(claimed.order, intent, now_ms))
        if admitted is not None:
            budget = budget.holding(admitted.call, admitted.grant)
        throttle = self._waits.throttle(budget, intent.order_id)
        try:
            return await account.trading.place(request, body, throttle=throttle, begin_send=begin_send)
        except GrantExpired:
            # Nothing left this machine. The send time stays the one in the store, and so the signature is the same.
            return await account.trading.place(request, body, throttle=throttle, begin_send=begin_send)
        finally:
            if admitted is not None:
                admitted.grant.leave()

    async def give_up(self, intent: Intent, nonce: str) -> None:
        """Free the id of an order whose claim was not heard of, if it is there: nothing of it was sent."""
        await self._forget(claimed_record(intent, nonce))

    async def _forget(self, record: OrderRecord) -> OrderRecord:
        """Free the id of an order that certainly was not sent; if Redis is away, the lapsed lease does it later.

        Only our own claim: a lease that lapsed may have freed the id before us, and another's order may stand there.
        """
        return await self._settling.take(
            record, lambda current: lifecycle.not_sent(current) if current.nonce == record.nonce else current
        )


def wait_s(order: NewOrder, intent: Intent, now_ms: int) -> float:
    """How long the order may wait for the venue's budget from now on."""
    left_s = max(0.0, (intent.valid_until_ms - now_ms) / 1000)
    return left_s if order.max_wait_s is None else min(left_s, order.max_wait_s)


def order_request(intent: Intent, market: Market) -> OrderRequest:
    """The intent, in the adapters' words."""
    return OrderRequest(
        market=market,
        venue_client_id=intent.venue_client_id,
        side=intent.side,
        type=intent.type,
        quantity=intent.quantity,
        quote_quantity=intent.quote_quantity,
        price=intent.price,
        time_in_force=intent.time_in_force,
        reduce_only=intent.reduce_only,
        self_trade_prevention=intent.self_trade_prevention,
        options=intent.options,
    )


def _placed(order: VenueOrder) -> Step:
    return lambda record: lifecycle.seen(record, order, source="answer")


def _refused_by_venue(error: DefiniteNo) -> Step:
    if isinstance(error, WouldTake):
        # The same on every venue: an order that was taken and rejected, not an error.
        return lambda record: lifecycle.refused(record, None, reason="POST_ONLY_WOULD_TAKE")
    refusal = write_refusal(error)
    kept = RefusalRecord(refusal.code, refusal.message, refusal.venue_code)
    reason = "INSUFFICIENT_BALANCE" if isinstance(error, InsufficientBalance) else "VENUE_REJECTED"
    return lambda record: lifecycle.refused(record, kept, reason=reason)


def _lost(error: VenueError) -> Step:
    return lambda record: lifecycle.lost(record, cause=error.message, now_ms=now_ms())


def valid_until_passed() -> Refusal:
    """The answer to an order that grew too old before it could be sent."""
    return Refusal(
        Code.VALID_UNTIL_PASSED,
        "valid_until passed before the order could be sent",
        field="valid_until",
        outcome=Outcome.NOT_SENT,
    )


def clock_refusal(venue: VenueName) -> Refusal:
    """The answer to an order whose send time could not be told: without it, nothing would fence the order."""
    return Refusal(
        Code.ACCOUNT_NOT_READY,
        f"the clock of {venue} is not measured",
        outcome=Outcome.NOT_SENT,
        venue=venue,
        retry_after_s=1,
    )


def held_back(leave: SendLeave, venue: VenueName) -> Refusal:
    """The answer to an order that must not be sent any more."""
    if leave.halt is not None:
        return leave.halt.refusal(venue)
    if leave.expired:
        return valid_until_passed()
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "this replica was too slow and gave the order up before sending it; send it again",
        outcome=Outcome.NOT_SENT,
        retry_after_s=1,
    )
