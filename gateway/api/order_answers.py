"""What is said of an order, whatever was asked of it."""

import secrets

from gateway.api.order_bodies import Order, OrderMembers
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.cancelling import NotCancellable
from gateway.orders.new_order import NewOrder
from gateway.orders.record import OrderRecord, State
from gateway.services import Services


def shape(the: Services, record: OrderRecord) -> Order:
    return Order.of(record, settles_by_ms=the.settling.settles_by_ms(record))


def new_order(the: Services, client: Client, account: str, members: OrderMembers) -> NewOrder:
    """The order that a body asks for. Raises `Refusal`."""
    return members.to_order(
        account,
        client_order_id_required=the.settings.orders.client_order_id_required,
        new_id=secrets.token_hex(16),
        max_wait_s=the.settings.limiter.max_wait_ms / 1000 if client.max_wait_s is None else client.max_wait_s,
    )


def venue_refusal(record: OrderRecord) -> Refusal | None:
    """The venue's definite no to an order, as it is answered the first time and ever after."""
    refusal = record.result.refusal
    if refusal is None:
        return None
    return Refusal(
        refusal.code,
        refusal.message,
        outcome=Outcome.REJECTED,
        venue=record.intent.venue,
        venue_code=refusal.venue_code,
        details={"order_id": record.intent.order_id},
        retryable=False,  # the id is bound to this answer
    )


def not_resting(the: Services, error: NotCancellable, what: str = "cancel") -> Refusal:
    """The answer to a cancel or an amend of an order that does not rest."""
    order = shape(the, error.record)
    is_done = error.record.state is State.DONE
    return Refusal(
        Code.ORDER_NOT_CANCELLABLE,
        f"the order is {order.status}: too late to {what} it"
        if is_done
        else f"no such order rests at the venue now: it is still on its way, or has just ended; {what} it again",
        details={"order": order.model_dump(mode="json")},
        outcome=Outcome.REJECTED,
        retryable=not is_done,
    )
