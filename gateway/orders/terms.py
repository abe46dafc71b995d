"""What is wanted of an order that rests already. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal

from gateway.errors import Code, Outcome, Refusal
from gateway.numbers import EXACT, plain
from gateway.orders.new_order import NewOrder
from gateway.orders.record import OrderRecord


@dataclass(frozen=True, slots=True)
class Terms:
    """Price and total quantity, what is filled included; what is None stays."""

    price: Decimal | None = None
    quantity: Decimal | None = None
    operation_id: str | None = None
    new_client_order_id: str | None = None
    """The id of the order that is placed instead, where the venue cannot amend."""


def amended(record: OrderRecord, terms: Terms, *, client_order_id: str) -> NewOrder:
    """The whole order under these terms.

    Raises `Refusal` if no more of it could be filled.
    """
    total = record.quantity if terms.quantity is None else terms.quantity
    if total is None:
        raise _invalid("an order by quote_quantity cannot be amended")
    filled = record.result.filled_quantity
    if total <= filled:
        raise _invalid(f"{plain(filled)} is filled already; the new total must be more")
    intent = record.intent
    return NewOrder(
        account=intent.account,
        symbol=intent.symbol,
        side=intent.side,
        type=intent.type,
        client_order_id=client_order_id,
        quantity=total,
        price=record.price if terms.price is None else terms.price,
        time_in_force=intent.time_in_force,
        reduce_only=intent.reduce_only,
        self_trade_prevention=intent.self_trade_prevention,
        labels=intent.labels,
        cancel_if_unknown=intent.cancel_if_unknown,
        options=intent.options,
    )


def remainder(record: OrderRecord, terms: Terms, *, client_order_id: str) -> NewOrder:
    """What is still to be filled under these terms, as an order of its own. Raises `Refusal` if that is nothing."""
    whole = amended(record, terms, client_order_id=client_order_id)
    return replace(whole, quantity=EXACT.subtract(whole.quantity or Decimal(0), record.result.filled_quantity))


def _invalid(message: str) -> Refusal:
    return Refusal(Code.INVALID_PARAMETER, message, field="quantity", outcome=Outcome.NOT_SENT)
