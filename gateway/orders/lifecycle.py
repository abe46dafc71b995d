"""How an order moves from state to state. Pure: evidence in, the next record out.

Rules:

- *done* is never left, and nothing in it changes but that the cancel which ended it, and the fees of its trades, may be
  told late.
- Only positive evidence (the venue shows the order) or its definite no settles a *sent* or *unknown* order; a failure
  to find it does not, unless `absent` proves it.
- What has been filled never shrinks: sources lag, and an older view adds nothing. Price and quantity change by amends
  alone (`amendment`).
"""

from dataclasses import replace
from decimal import Decimal

from adapters.models import Fill, OrderStatus, VenueOrder
from gateway.numbers import EXACT
from gateway.orders import amendment
from gateway.orders.record import CancelState, OrderRecord, RefusalRecord, State

FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})

_LOOK_MARGIN_MS, _LOOK_MIN_MS, _LOOK_MAX_MS = 50, 250, 30_000

CALLED_OFF = "CANCELLED_BEFORE_SENDING"
"""Reason of an order that was cancelled while it still waited to be sent."""
NOT_PLACED = "NOT_PLACED"
"""Reason of an order that was looked for, late enough and everywhere, and is not at the venue."""


def seen(record: OrderRecord, order: VenueOrder, *, source: str) -> OrderRecord:
    """The venue shows the order."""
    if record.state is State.DONE:
        return record
    result = record.result
    if order.filled_quantity < result.filled_quantity:
        return record
    final = order.status in FINAL
    was_unknown = record.state is State.UNKNOWN
    cancelled = result.cancel is not None and order.status is OrderStatus.CANCELLED
    following = record.with_result(
        State.DONE if final else State.LIVE,
        replace(
            result,
            status=order.status,
            venue_order_id=order.venue_order_id,
            filled_quantity=order.filled_quantity,
            average_price=order.average_price or result.average_price,
            reason=order.reason,
            evidence=source if was_unknown else result.evidence,
            absent_since_ms=None,
            cancel=CancelState.DONE if cancelled else result.cancel,
        ),
    )
    return amendment.ended(following, order) if final else following


def refused(record: OrderRecord, refusal: RefusalRecord | None, *, reason: str) -> OrderRecord:
    """The venue's definite no to the only send there ever is."""
    if record.state not in {State.SENT, State.UNKNOWN}:
        return record
    return record.with_result(
        State.DONE, replace(record.result, status=OrderStatus.REJECTED, reason=reason, refusal=refusal)
    )


def lost(record: OrderRecord, *, cause: str, now_ms: int) -> OrderRecord:
    """The answer to the send never came, or cannot be believed."""
    if record.state is not State.SENT:
        return record
    return record.with_result(State.UNKNOWN, replace(record.result, unknown_since_ms=now_ms, unknown_cause=cause))


def not_sent(record: OrderRecord) -> OrderRecord:
    """It is certain that no byte of it left; only whoever holds the claim, or its lapsed lease, can know that."""
    if not record.is_running:
        return record
    return record.with_result(State.NOT_SENT, record.result)


def called_off(record: OrderRecord, *, now_ms: int) -> OrderRecord:
    """It is cancelled while it waits to be sent; whoever holds its claim finds that it may not be sent any more."""
    if record.state is not State.CLAIMED:
        return record
    result = replace(
        record.result, status=OrderStatus.CANCELLED, reason=CALLED_OFF, cancel=CancelState.DONE, cancel_ms=now_ms
    )
    return record.with_result(State.DONE, result)


def taken_over(record: OrderRecord, *, now_ms: int) -> OrderRecord:
    """Its replica has not been heard of for longer than the lease."""
    if now_ms < record.lease_until_ms:
        return record
    if record.state is State.CLAIMED:
        return not_sent(record)
    return lost(record, cause="the replica that sent it died", now_ms=now_ms)


def absent(
    record: OrderRecord, *, asked_ms: int, answered_ms: int, settles_by_ms: int, confirm_after_ms: int
) -> OrderRecord:
    """Every source was asked from `asked_ms` to `answered_ms` and none has it; the second time, that is proof.

    It proves nothing before `settles_by_ms`: the order may still be on its way. Nor does once suffice: one that rested
    until just before it was looked for shows nowhere while the histories lag, so `confirm_after_ms` must lie between
    the end of the first round and the second.
    """
    if record.state is not State.UNKNOWN or asked_ms <= settles_by_ms:
        return record
    since_ms = record.result.absent_since_ms
    if since_ms is None:
        return record.with_result(State.UNKNOWN, replace(record.result, absent_since_ms=answered_ms))
    if asked_ms < since_ms + confirm_after_ms:
        return record
    return record.with_result(
        State.DONE,
        replace(record.result, status=OrderStatus.REJECTED, reason=NOT_PLACED, evidence="absent from every source"),
    )


def look_again_in_ms(record: OrderRecord, *, now_ms: int, settles_by_ms: int, confirm_after_ms: int) -> int:
    """How long to wait before an unknown order is looked for again: venues ration their histories.

    Ever more rarely while only positive evidence counts, then as soon as a look can prove something.
    """
    result = record.result
    if result.absent_since_ms is not None:
        useful_ms = result.absent_since_ms + confirm_after_ms - now_ms
    else:
        doubled_ms = now_ms - (result.unknown_since_ms or now_ms)
        useful_ms = min(doubled_ms, settles_by_ms - now_ms) if now_ms <= settles_by_ms else doubled_ms
    return min(max(useful_ms + _LOOK_MARGIN_MS, _LOOK_MIN_MS), _LOOK_MAX_MS)


def charged(record: OrderRecord, fill: Fill) -> OrderRecord:
    """One of its trades, which was not counted before, cost a fee."""
    fees = dict(record.result.fees)
    fees[fill.fee_asset] = EXACT.add(fees.get(fill.fee_asset, Decimal(0)), fill.fee)
    return record.with_result(record.state, replace(record.result, fees=tuple(sorted(fees.items()))))


def cancel_taken(record: OrderRecord, *, now_ms: int) -> OrderRecord:
    """The venue took a cancel; whatever saw the end of the order may have written it down before."""
    result = record.result
    if result.cancel is not None or (record.state is State.DONE and result.status is not OrderStatus.CANCELLED):
        return record
    progress = CancelState.DONE if record.state is State.DONE else CancelState.REQUESTED
    return record.with_result(record.state, replace(result, cancel=progress, cancel_ms=now_ms))
