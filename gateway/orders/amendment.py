"""Amends of one order, step by step. Pure.

Rules:

- One amend at a time: while one may still arrive, no other is sent.
- An order's terms change by the venue's answer to an amend, by a look at the venue that was asked for after the amend
  was sent, or by the order's end; never by what a stream or a history tells late.
- An amend that a later look does not show has failed once it could not arrive any more.
"""

from dataclasses import replace

from adapters.models import VenueOrder
from gateway.orders.record import Amend, AmendState, OrderRecord, RefusalRecord, State
from gateway.orders.terms import Terms

_OPERATIONS_KEPT = 16
_OPEN = {AmendState.REQUESTED, AmendState.UNKNOWN}


def is_open(record: OrderRecord) -> bool:
    """Whether an amend of the order may still arrive."""
    return record.result.amend is not None and record.result.amend.state in _OPEN


def asks_for_the_same(amend: Amend | None, terms: Terms) -> bool:
    """Whether an amend is the one asked for: an operation of its own, where it has an id, with these terms."""
    if amend is None or amend.operation_id != terms.operation_id:
        return False
    # Where the order is placed anew, the new order's id is the operation's.
    is_same_order = amend.new_client_order_id in {None, terms.new_client_order_id}
    return is_same_order and (amend.price, amend.quantity) == (terms.price, terms.quantity)


def requested(record: OrderRecord, amend: Amend) -> OrderRecord:
    """It is about to be sent. The record stays as it is where it may not be."""
    before = record.result.amend
    # A cancel may be repeated, also under another amend: what then counts is which one the record names.
    may_arrive = is_open(record) and before is not None and before.send_ms is not None
    if record.state is not State.LIVE or may_arrive:
        return record
    following = _with(record, amend)
    if before is None or before.operation_id in {None, amend.operation_id}:
        return following
    operations = (*record.result.operations, before.operation_id or "")[-_OPERATIONS_KEPT:]
    return record.with_result(record.state, replace(following.result, operations=operations))


def answered(record: OrderRecord, amend: Amend, order: VenueOrder) -> OrderRecord:
    """The venue answered with the order as it now is."""
    if not _is_of(record, amend):
        return record
    return _with_terms(record, order)


def failed(record: OrderRecord, amend: Amend, refusal: RefusalRecord | None) -> OrderRecord:
    """It certainly changed nothing."""
    if not _is_of(record, amend):
        return record
    return _with(record, replace(amend, state=AmendState.FAILED, refusal=refusal))


def lost(record: OrderRecord, amend: Amend) -> OrderRecord:
    """Its answer never came, or cannot be believed."""
    if not _is_of(record, amend):
        return record
    return _with(record, replace(amend, state=AmendState.UNKNOWN))


def replaced(record: OrderRecord, order_id: str) -> OrderRecord:
    """The order has ended cancelled, and another stands for it."""
    amend = record.result.amend
    if amend is None or record.state is not State.DONE:
        return record
    return _with(record, replace(amend, state=AmendState.DONE, replaced_by=order_id))


def shown(record: OrderRecord, order: VenueOrder, *, asked_ms: int) -> OrderRecord:
    """The venue, asked at `asked_ms` by its own clock, showed the order as it then was."""
    amend = record.result.amend
    if amend is None or not is_open(record) or amend.send_ms is None or asked_ms <= amend.send_ms:
        return record
    is_over = asked_ms > amend.settles_by_ms
    # Terms that the order had before show nothing: the amend may still be on its way, and bring them back later.
    if _shows(amend, order) and (is_over or not _keeps_terms(amend, record)):
        return _with_terms(record, order)
    if is_over:
        return _with(record, replace(amend, state=AmendState.FAILED))
    return record


def ended(record: OrderRecord, order: VenueOrder) -> OrderRecord:
    """The venue shows the order as it ended: nothing can change it any more."""
    amend = record.result.amend
    if amend is None or not is_open(record) or amend.send_ms is None:
        return record
    if _shows(amend, order):
        return _with_terms(record, order)
    return _with(record, replace(amend, state=AmendState.FAILED))


def _is_of(record: OrderRecord, amend: Amend) -> bool:
    return is_open(record) and record.result.amend is not None and record.result.amend.send_ms == amend.send_ms


def _shows(amend: Amend, order: VenueOrder) -> bool:
    return amend.price in {None, order.price} and amend.quantity in {None, order.quantity}


def _keeps_terms(amend: Amend, record: OrderRecord) -> bool:
    return amend.price in {None, record.price} and amend.quantity in {None, record.quantity}


def _with_terms(record: OrderRecord, order: VenueOrder) -> OrderRecord:
    amend = record.result.amend
    if amend is None:
        return record
    result = replace(
        record.result,
        price=record.price if amend.price is None else order.price,
        quantity=record.quantity if amend.quantity is None else order.quantity,
        amend=replace(amend, state=AmendState.DONE),
    )
    return record.with_result(record.state, result)


def _with(record: OrderRecord, amend: Amend) -> OrderRecord:
    return record.with_result(record.state, replace(record.result, amend=amend))
