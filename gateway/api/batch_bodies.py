"""Public shapes of amends, batches and cancels of everything."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.models import Side
from gateway.api.bodies import Body, ErrorObject, Number, Shape
from gateway.api.order_bodies import ClientOrderId, Label, Order, OrderMembers
from gateway.orders.identity import ORDER_ID_MAX
from gateway.orders.terms import Terms

ITEMS_MAX = 50
OrderId = Annotated[str, StringConstraints(min_length=1, max_length=ORDER_ID_MAX)]
_NAME = Field(min_length=1, max_length=64)


class AmendOrder(Body):
    price: Number | None = None
    quantity: Number | None = None
    """The new total, what is filled included."""
    client_operation_id: ClientOrderId | None = None
    """An amend that comes again under it is not carried out again, also after later ones."""
    new_client_order_id: ClientOrderId | None = None
    """Where the venue cannot amend: the id of the order that is placed instead."""

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        if self.price is None and self.quantity is None:
            raise ValueError("give `price`, `quantity` or both")
        return self

    def to_terms(self) -> Terms:
        return Terms(self.price, self.quantity, self.client_operation_id, self.new_client_order_id)


class PlaceItem(OrderMembers):
    op: Literal["place"]


class CancelOrderItem(Body):
    op: Literal["cancel"]
    order_id: OrderId | None = None
    client_order_id: ClientOrderId | None = None

    @model_validator(mode="after")
    def names_one_order(self) -> Self:
        if (self.order_id is None) == (self.client_order_id is None):
            raise ValueError("give either `order_id` or `client_order_id`")
        return self


class AmendOrderItem(AmendOrder):
    op: Literal["amend"]
    order_id: OrderId


BatchItem = Annotated[PlaceItem | CancelOrderItem | AmendOrderItem, Field(discriminator="op")]


class BatchRequest(Body):
    """Up to 50 orders of one account, to be placed, cancelled or amended."""

    account: Annotated[str, _NAME]
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=ITEMS_MAX)]
    sequence: Literal["cancels_first", "as_given"] = "cancels_first"

    @model_validator(mode="after")
    def uses_each_id_once(self) -> Self:
        ids = [item.client_order_id for item in self.items if isinstance(item, PlaceItem)]
        ids += [item.new_client_order_id for item in self.items if isinstance(item, AmendOrderItem)]
        counts = Counter(one for one in ids if one is not None)
        if twice := [one for one, count in counts.items() if count > 1]:
            raise ValueError(f"the client_order_id {twice[0]!r} stands twice")
        return self


class ItemResult(Shape):
    """What became of one item: what the same request alone would have answered."""

    success: bool
    data: Order | None = None
    error: ErrorObject | None = None


class BatchResult(Shape):
    results: list[ItemResult]
    """In the order of the items."""
    succeeded: int
    failed: int


class CancelAllRequest(Body):
    """The orders that meet every condition given."""

    account: Annotated[str, _NAME]
    symbol: Annotated[str | None, _NAME] = None
    side: Annotated[Side | None, Field(strict=False)] = None
    labels: Annotated[list[Label], Field(max_length=8, default_factory=list)]
    """Only orders that carry all of them."""
    scope: Literal["own", "account"] = "own"
    """`account`: everything that rests on the account, whoever placed it; needs a grant on all of it."""


class CancelResult(Shape):
    """What became of one order; those that were not placed through us have no `order_id`."""

    result: Literal["cancelled", "failed", "unknown"]
    """`failed`: it ended otherwise, or the cancel was refused. `unknown`: the cancel is on its way."""
    order_id: str | None
    client_order_id: str | None
    venue_order_id: str | None
    symbol: str
    order: Order | None
    error: ErrorObject | None


class CancelAllResult(Shape):
    cancelled: int
    failed: int
    unknown: int
    results: list[CancelResult]
