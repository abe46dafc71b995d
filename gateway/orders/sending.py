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
from adapters.errors import (
    DefiniteNo,
    EchoMismatch,
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
from gateway.orders.claiming import Admitted, Claimed, send_window_ms
from gateway.orders.identity import spelled_out
from gateway.orders.new_order import NewOrder
from gateway.orders.record import Intent, OrderRecord, RefusalRecord, State
from gateway.orders.records import Claim, Records
from gateway.orders.settling import Settling, Step, now_ms
from gateway.orders.withdrawing import Withdrawing
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
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._settling = settling
        self._withdrawing = withdrawing
        self._settings = settings

    async def send(
        self, account: Account, market: Market, order: NewOrder, intent: Intent, claimed: Claimed
    ) -> OrderRecord:
        """See a claimed order through to whatever can be known of it.

        Raises `Refusal` if it was not sent.
        """
        records = self._records[intent.venue]
        record, admitted = _record_of(intent, claimed), claimed.admitted
        clock = self._clocks[intent.venue]
        window_ms = send_window_ms(account, self._settings)
        has_begun = False

        async def begin_send() -> SendTime:
            nonlocal record, has_begun
            if admitted is not None and admitted.grant.is_good and not has_begun:
                has_begun = True
                return admitted.send_time
            if not clock.is_measured:  # it was when the order was claimed, and the wait was long
                raise clock_refusal(intent.venue)
            try:
                leave = await records.begin_send(
                    intent,
                    nonce=claimed.nonce,
                    clock_difference_ms=clock.venue_minus_redis_ms,
                    window_ms=window_ms,
                    lease_ms=self._settings.claim_lease_ms,
                )
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            if leave.hindrance is not None:
                refusal = hindrance_refusal(leave.hindrance, intent, leave.held_by)
                refusal.outcome = Outcome.NOT_SENT  # its record is here, and says so
                raise refusal
            if leave.send_ms is None:
                raise valid_until_passed() if leave.expired else _taken_over()
            record = replace(
                record,
                state=State.SENT,
                version=leave.version,
                send_ms=leave.send_ms,
                window_ms=window_ms,
            )
            has_begun = True
            return SendTime(leave.send_ms, window_ms)

        started = time.perf_counter()
        try:
            placed = await self._send_once(account, market, order, intent, begin_send=begin_send, admitted=admitted)
        except (Refusal, VenueError) as error:
            # Before begin_send nothing was sent, whatever went wrong: a login that the venue refused, say.
            if isinstance(error, Refusal | NeverSent) or not has_begun:
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
        if intent.cancel_if_unknown:
            with suppress(StoreUnavailable):  # then it is found out a little later
                await self._withdrawing.sent(settled)
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
        *,
        begin_send: BeginSend,
        admitted: Admitted | None,
    ) -> VenueOrder:
        request = order_request(intent, market)
        body = account.trading.encode(request)
        throttle = account.throttle(intent.owner, wait_s(order, intent, self._clocks[intent.venue].redis_time_ms()))
        if admitted is not None:
            throttle = throttle.holding(admitted.call, admitted.grant)
        try:
            if intent.cancel_if_unknown:  # before any byte of it can leave
                await self._watch(intent)
            return await account.trading.place(request, body, throttle=throttle, begin_send=begin_send)
        except GrantExpired:
            # Nothing left this machine. The send time stays the one in the store, and so the signature is the same.
            return await account.trading.place(request, body, throttle=throttle, begin_send=begin_send)
        finally:
            if admitted is not None:
                admitted.grant.leave()

    async def give_up(self, intent: Intent, nonce: str) -> None:
        """Free the id of an order whose claim was not heard of, if it is there: nothing of it was sent."""
        await self._forget(_record_of(intent, Claimed(Claim.CLAIMED, intent.order_id, nonce)))

    async def _watch(self, intent: Intent) -> None:
        try:
            await self._withdrawing.watch(intent)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error

    async def _forget(self, record: OrderRecord) -> None:
        """Free the id of an order that certainly was not sent; if Redis is away, the lapsed lease does it later.

        Only our own claim: a lease that lapsed may have freed the id before us, and another's order may stand there.
        """
        await self._settling.take(
            record, lambda current: lifecycle.not_sent(current) if current.nonce == record.nonce else current
        )


def _record_of(intent: Intent, claimed: Claimed) -> OrderRecord:
    """The record, as the claim left it."""
    record = OrderRecord(
        intent, State.CLAIMED, version=1, created_ms=now_ms(), updated_ms=now_ms(), nonce=claimed.nonce
    )
    if (admitted := claimed.admitted) is None:
        return record
    return replace(
        record,
        state=State.SENT,
        version=admitted.version,
        send_ms=admitted.send_time.timestamp_ms,
        window_ms=admitted.send_time.window_ms,
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
    # An answer that shows another order than was sent is nothing that looking again will settle by itself.
    is_stuck = isinstance(error, EchoMismatch)
    return lambda record: lifecycle.lost(record, cause=error.message, now_ms=now_ms(), is_stuck=is_stuck)


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


def hindrance_refusal(why: Claim, intent: Intent, held_by: str = "") -> Refusal:
    """The answer to an order of an account that is not ready, or of a market that a stuck order holds."""
    if why is Claim.HELD:
        is_own = (
            spelled_out(held_by).owner == intent.owner
        )  # else whose it is, which the id says, is not for all to know
        which = f"the order {held_by}" if is_own else "another client's order"
        return Refusal(
            Code.ACCOUNT_HELD,
            f"{intent.symbol} on {intent.account} is held by {which}: what became of it at {intent.venue} cannot be "
            "found out. Whoever has the scope admin looks it up there and settles it with POST "
            "/v1/admin/orders/{order_id}/resolve; cancels and other markets are not held",
            outcome=Outcome.NOT_SENT,
            venue=intent.venue,
            details={"order_id": held_by} if is_own else None,
        )
    return Refusal(
        Code.ACCOUNT_NOT_READY,
        f"{intent.account} takes no new orders until {intent.venue} has been looked through for the orders there; "
        "repeat this with the same client_order_id, which answers with the order if it was sent before; GET "
        "/v1/system/status shows when the account is ready",
        # What the store has lost may be this very order.
        outcome=Outcome.UNKNOWN if why is Claim.LOST else Outcome.NOT_SENT,
        venue=intent.venue,
        retry_after_s=2,
    )


def _taken_over() -> Refusal:
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "this replica was too slow and gave the order up before sending it; send it again",
        outcome=Outcome.NOT_SENT,
        retry_after_s=1,
    )
