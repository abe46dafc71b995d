"""Sending a claimed order, once, and settling it by what comes of that.

The limiter's grant → begin_send (durable: fixes the send time) → the one send → settle. What is not certain is called
unknown; what certainly did not leave frees the id.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

import structlog

from adapters.contract import BeginSend, SendTime
from adapters.errors import (
    DefiniteNo,
    GrantExpired,
    InsufficientBalance,
    NeverSent,
    VenueError,
    WouldTake,
)
from adapters.models import Market, OrderRequest, VenueName, VenueOrder
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders import lifecycle, metrics
from gateway.orders.new_order import NewOrder
from gateway.orders.record import Intent, OrderRecord, RefusalRecord, State
from gateway.orders.records import Records
from gateway.orders.reserving import Reserving
from gateway.orders.settling import Settling, Step, now_ms
from gateway.risk.gate import Exposure
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
        reserving: Reserving,
        halts: Halts,
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._settling = settling
        self._reserving = reserving
        self._halts = halts
        self._settings = settings

    async def send(  # noqa: PLR0917 - all of them say which order
        self, account: Account, market: Market, order: NewOrder, intent: Intent, nonce: str, exposure: Exposure
    ) -> OrderRecord:
        """See a claimed order through to whatever can be known of it; `exposure` is what it counts as.

        Raises `Refusal` if it was not sent.
        """
        records = self._records[intent.venue]
        record = OrderRecord(intent, State.CLAIMED, version=1, created_ms=now_ms(), updated_ms=now_ms(), nonce=nonce)
        clock = self._clocks[intent.venue]

        can = account.venue.capabilities
        window_ms = min(max(self._settings.window_ms, can.order_window_min_ms), can.order_window_max_ms)

        async def begin_send() -> SendTime:
            nonlocal record
            if not clock.is_measured:  # it was when the order was claimed, and the wait was long
                raise clock_refusal(intent.venue)
            try:
                leave = await records.begin_send(
                    intent,
                    nonce=nonce,
                    clock_difference_ms=clock.venue_minus_redis_ms,
                    window_ms=window_ms,
                    lease_ms=self._settings.claim_lease_ms,
                    halt_fields=self._halts.fields_of(intent.venue, intent.account, intent.owner, intent.symbol),
                )
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            if leave.halt is not None:
                raise leave.halt.refusal(intent.venue)
            if leave.send_ms is None:
                raise valid_until_passed() if leave.expired else _taken_over()
            record = replace(
                record,
                state=State.SENT,
                version=leave.version,
                send_ms=leave.send_ms,
                window_ms=window_ms,
            )
            return SendTime(leave.send_ms, window_ms)

        started = time.perf_counter()
        try:
            await self._reserving.reserve(intent, nonce, exposure)
            placed = await self._send_once(account, market, order, intent, begin_send)
        except (Refusal, VenueError) as error:
            # Before begin_send nothing was sent, whatever went wrong: a login that the venue refused, say.
            if isinstance(error, Refusal | NeverSent) or record.state is State.CLAIMED:
                await self._forget(record)
                metrics.ORDERS.labels(intent.venue, "not_sent").inc()
                if isinstance(error, Refusal):
                    error.outcome = Outcome.NOT_SENT
                    raise
                refusal = write_refusal(error)
                refusal.outcome = Outcome.NOT_SENT
                raise refusal from error
            step = _refused_by_venue(error) if isinstance(error, DefiniteNo) else _lost(error)
        else:

            def step(current: OrderRecord) -> OrderRecord:
                return lifecycle.seen(current, placed, source="answer")

        settled = await self._settling.take(record, step)
        if settled.state is State.UNKNOWN:
            _log.warning(
                "order_unknown", order_id=intent.order_id, venue=intent.venue, cause=settled.result.unknown_cause
            )
        metrics.ORDERS.labels(intent.venue, settled.result.status or settled.state).inc()
        metrics.SEND_SECONDS.labels(intent.venue).observe(time.perf_counter() - started)
        _log.info(
            "order_sent",
            order_id=intent.order_id,
            account=intent.account,
            client=intent.owner,
            state=settled.state,
            status=settled.result.status,
        )
        return settled

    async def _send_once(
        self,
        account: Account,
        market: Market,
        order: NewOrder,
        intent: Intent,
        begin_send: BeginSend,
    ) -> VenueOrder:
        request = order_request(intent, market)
        body = account.trading.encode(request)
        throttle = account.throttle(intent.owner, wait_s(order, intent, self._clocks[intent.venue].redis_time_ms()))
        try:
            return await account.trading.place(request, body, throttle=throttle, begin_send=begin_send)
        except GrantExpired:
            # Nothing left this machine. The send time stays the one in the store, and so the signature is the same.
            return await account.trading.place(request, body, throttle=throttle, begin_send=begin_send)

    async def _forget(self, record: OrderRecord) -> None:
        """Free the id of an order that certainly was not sent; if Redis is away, the lapsed lease does it later.

        Only our own claim: a lease that lapsed may have freed the id before us, and another's order may stand there.
        """
        await self._settling.take(
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


def _taken_over() -> Refusal:
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "this replica was too slow and gave the order up before sending it; send it again",
        outcome=Outcome.NOT_SENT,
        retry_after_s=1,
    )
