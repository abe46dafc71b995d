"""Amends, batches, and cancels of everything."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.api.answers import ERRORS, ok
from gateway.api.batch_bodies import (
    AmendOrder,
    AmendOrderItem,
    BatchItem,
    BatchRequest,
    BatchResult,
    CancelAllRequest,
    CancelAllResult,
    CancelOrderItem,
    CancelResult,
    ItemResult,
)
from gateway.api.bodies import Answer, ErrorObject
from gateway.api.context import RequestContext
from gateway.api.deps import Canceller, TheContext, TheServices, Trader, json_body, openapi_body
from gateway.api.order_answers import new_order, not_resting, shape, venue_refusal
from gateway.api.order_bodies import Order
from gateway.api.problem import error_object
from gateway.auth.grants import Client
from gateway.errors import Outcome, Refusal
from gateway.orders import amendment
from gateway.orders.batching import AmendItem, CancelItem, Item, Result
from gateway.orders.cancelling import NotCancellable
from gateway.orders.cancelling_all import Foreign, Wanted, outcome_of
from gateway.orders.cancelling_many import Cancelled
from gateway.orders.placing import Placed
from gateway.orders.record import OrderRecord
from gateway.services import Services

router = APIRouter(tags=["orders"], responses=ERRORS)

BATCH_MAX_BYTES = 1024 * 1024

AmendBody = Annotated[AmendOrder, Depends(json_body(AmendOrder))]
BatchBody = Annotated[BatchRequest, Depends(json_body(BatchRequest, max_bytes=BATCH_MAX_BYTES))]
CancelAllBody = Annotated[CancelAllRequest, Depends(json_body(CancelAllRequest))]


@router.patch("/v1/orders/{order_id}", response_model=Answer[Order], openapi_extra=openapi_body(AmendOrder))
async def amend(the: TheServices, client: Trader, order_id: str, body: AmendBody) -> Response:
    """Change price or total quantity: 200 done, 202 not known yet; safe to repeat.

    Where the venue cannot amend, the order is cancelled and what is left of it placed anew (`replaced_by`).
    """
    try:
        record = await the.amending.amend(client, order_id, body.to_terms())
    except NotCancellable as error:
        raise not_resting(the, error, "amend") from error
    return ok(Order, shape(the, record), status=202 if amendment.is_open(record) else 200)


@router.post("/v1/orders/batch", response_model=Answer[BatchResult], openapi_extra=openapi_body(BatchRequest))
async def batch(the: TheServices, client: Trader, the_context: TheContext, body: BatchBody) -> Response:
    """Place, cancel and amend many orders; one result per item, each what the same request alone would answer.

    Safe to repeat: every order has its own client_order_id.
    """
    results: dict[int, Result] = {}
    items: dict[int, Item] = {}
    for number, item in enumerate(body.items):
        try:
            items[number] = _item(the, client, body.account, item)
        except Refusal as error:
            results[number] = error
    ran = await the.batching.run(client, body.account, list(items.values()), is_as_given=body.sequence == "as_given")
    results |= zip(items, ran, strict=True)
    shapes = [_item_result(the, the_context, results[number]) for number in range(len(body.items))]
    succeeded = sum(one.success for one in shapes)
    return ok(BatchResult, BatchResult(results=shapes, succeeded=succeeded, failed=len(shapes) - succeeded))


@router.post(
    "/v1/orders/cancel-all", response_model=Answer[CancelAllResult], openapi_extra=openapi_body(CancelAllRequest)
)
async def cancel_all(the: TheServices, client: Canceller, the_context: TheContext, body: CancelAllBody) -> Response:
    """Cancel this client's open orders, or all of the account's, those on their way included; safe to repeat."""
    done = await the.cancelling_all.cancel(
        client,
        Wanted(
            body.account,
            symbol=body.symbol,
            side=body.side,
            labels=frozenset(body.labels),
            is_whole_account=body.scope == "account",
        ),
    )
    results = [
        _cancel_result(the, the_context, record, result)
        for record, result in zip(done.records, done.results, strict=True)
    ]
    results += [_foreign_result(the_context, one) for one in done.foreign]
    counts = Counter(one.result for one in results)
    return ok(
        CancelAllResult,
        CancelAllResult(
            cancelled=counts["cancelled"], failed=counts["failed"], unknown=counts["unknown"], results=results
        ),
    )


def _item(the: Services, client: Client, account: str, item: BatchItem) -> Item:
    if isinstance(item, CancelOrderItem):
        return CancelItem(order_id=item.order_id, client_order_id=item.client_order_id)
    if isinstance(item, AmendOrderItem):
        return AmendItem(item.order_id, item.to_terms())
    return new_order(the, client, account, item)


def _item_result(the: Services, the_context: RequestContext, result: Result) -> ItemResult:
    if isinstance(result, NotCancellable):
        result = not_resting(the, result)
    elif isinstance(result, Placed):
        result = venue_refusal(result.record) or result.record
    if isinstance(result, Refusal):
        return ItemResult(success=False, error=_error(the_context, result))
    return ItemResult(success=True, data=shape(the, result))


def _cancel_result(the: Services, the_context: RequestContext, record: OrderRecord, result: Cancelled) -> CancelResult:
    refusal = result if isinstance(result, Refusal) else None
    if isinstance(result, NotCancellable):
        record, refusal = result.record, not_resting(the, result)
    elif isinstance(result, OrderRecord):
        record = result
    return CancelResult(
        result=outcome_of(result),
        order_id=record.intent.order_id,
        client_order_id=record.intent.client_order_id,
        venue_order_id=record.result.venue_order_id,
        symbol=record.intent.symbol,
        order=shape(the, record),
        error=None if refusal is None else _error(the_context, refusal),
    )


def _foreign_result(the_context: RequestContext, one: Foreign) -> CancelResult:
    return CancelResult(
        result=outcome_of(one),
        order_id=None,
        client_order_id=None,
        venue_order_id=one.order.venue_order_id,
        symbol=one.order.symbol,
        order=None,
        error=None if one.refusal is None else _error(the_context, one.refusal),
    )


def _error(the_context: RequestContext, refusal: Refusal) -> ErrorObject:
    if refusal.outcome is None:
        refusal.outcome = Outcome.NOT_SENT  # whoever has sent something says so
    return ErrorObject.model_validate(error_object(refusal, the_context.request_id))
