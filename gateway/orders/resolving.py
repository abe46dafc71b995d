"""Resolving stuck orders: people say what became of one that no look at the venue can settle."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

import structlog

from adapters.models import OrderStatus, VenueName, VenueOrderId
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders import lifecycle
from gateway.orders.finding import order_not_found
from gateway.orders.identity import Identities
from gateway.orders.record import OrderRecord, Result, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.translation import store_refusal

_log = structlog.get_logger()


class Finally(StrEnum):
    """What became of the order."""

    NOT_PLACED = "not_placed"
    PENDING = "pending"
    PARTIAL_FILLED = "partial_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What people found out, and by what."""

    status: Finally
    evidence: str
    filled_quantity: Decimal | None = None
    average_price: Decimal | None = None
    venue_order_id: str | None = None


class Resolving:
    """Settles stuck orders by hand."""

    def __init__(self, *, records: Mapping[VenueName, Records], identities: Identities, settling: Settling):
        self._records = records
        self._identities = identities
        self._settling = settling

    async def resolve(self, client: Client, order_id: str, resolution: Resolution) -> OrderRecord:
        """Settle the order as they say; who did it stands in its evidence. Safe to repeat.

        Raises `Refusal`: no such order, one that is not stuck, or a fate it cannot have had. Whose order it is does not
        matter: the scope is all it needs.
        """
        identity = self._identities.read(order_id)
        records = None if identity is None else self._records.get(identity.venue)
        try:
            record = None if records is None else await records.get(order_id)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        if record is None:
            refusal = order_not_found(order_id)
            refusal.outcome = Outcome.NOT_SENT
            raise refusal
        evidence = f"resolved by {client.name}: {resolution.evidence}"
        if record.result.evidence == evidence and record.result.status is _status(resolution):
            return record
        if record.state is not State.UNKNOWN or not record.result.is_stuck:
            raise _refuse("order_id", "only a stuck order is resolved by hand; this one is settled by itself")
        result = _result(record, resolution, evidence)
        is_final = result.status in lifecycle.FINAL
        settled = await self._settling.take(
            record, lambda current: lifecycle.resolved(current, result, is_final=is_final)
        )
        if settled.version == record.version:  # the store has gone, and nothing was written
            raise store_refusal(write=True)
        _log.warning(
            "order_resolved",
            order_id=order_id,
            account=record.intent.account,
            client=client.name,
            status=settled.result.status,
            evidence=resolution.evidence,
        )
        return settled


def _result(record: OrderRecord, resolution: Resolution, evidence: str) -> Result:
    quantity, before = record.intent.quantity, record.result.filled_quantity
    filled = resolution.filled_quantity
    if filled is None:
        filled = quantity if resolution.status is Finally.FILLED and quantity is not None else before
    if resolution.status in {Finally.NOT_PLACED, Finally.REJECTED} and filled:
        raise _refuse("filled_quantity", f"an order that was {resolution.status.value} has filled nothing")
    if filled < before or (quantity is not None and filled > quantity):
        raise _refuse("filled_quantity", "must lie between what is known to be filled and the order's quantity")
    if resolution.status in {Finally.FILLED, Finally.PARTIAL_FILLED} and not filled:
        raise _refuse("filled_quantity", f"say how much of the order was {resolution.status.value}")
    is_not_placed = resolution.status is Finally.NOT_PLACED
    venue_order_id = resolution.venue_order_id
    return replace(
        record.result,
        status=_status(resolution),
        venue_order_id=record.result.venue_order_id if venue_order_id is None else VenueOrderId(venue_order_id),
        filled_quantity=filled,
        average_price=resolution.average_price or record.result.average_price,
        reason=lifecycle.NOT_PLACED if is_not_placed else "RESOLVED",
        evidence=evidence,
    )


def _status(resolution: Resolution) -> OrderStatus:
    is_not_placed = resolution.status is Finally.NOT_PLACED
    return OrderStatus.REJECTED if is_not_placed else OrderStatus(resolution.status.value)


def _refuse(field: str, message: str) -> Refusal:
    return Refusal(Code.INVALID_PARAMETER, message, field=field, outcome=Outcome.NOT_SENT)
