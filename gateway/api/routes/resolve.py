"""`/v1/admin/orders/{order_id}/resolve`: a stuck order is settled by hand."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints
from starlette.responses import Response

from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, Body, Number
from gateway.api.deps import Admin, TheServices, json_body, openapi_body
from gateway.api.order_bodies import Order
from gateway.orders.resolving import Finally, Resolution

router = APIRouter(tags=["admin"], responses=ERRORS)


class ResolveOrder(Body):
    status: Annotated[Finally, Field(strict=False)]
    evidence: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """How it is known: kept with the order, and in the account's journal."""
    filled_quantity: Number | None = None
    average_price: Number | None = None
    venue_order_id: Annotated[str | None, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] = None


@router.post(
    "/v1/admin/orders/{order_id}/resolve", response_model=Answer[Order], openapi_extra=openapi_body(ResolveOrder)
)
async def resolve(
    the: TheServices, client: Admin, order_id: str, body: Annotated[ResolveOrder, Depends(json_body(ResolveOrder))]
) -> Response:
    """Say what became of a stuck order, which frees its market; safe to repeat. Nothing goes to the venue."""
    resolution = Resolution(body.status, body.evidence, body.filled_quantity, body.average_price, body.venue_order_id)
    record = await the.orders.resolving.resolve(client, order_id, resolution)
    return ok(Order, Order.of(record, settles_by_ms=the.orders.settling.settles_by_ms(record)))
