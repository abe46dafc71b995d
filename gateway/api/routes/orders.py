"""`/v1/orders`, and orders by the bot's own id: placed at most once, looked up, cancelled."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from adapters.models import OrderStatus
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, Page, page_of
from gateway.api.context import now_ms
from gateway.api.deps import (
    Canceller,
    PageLimit,
    PageNumber,
    Reader,
    TheServices,
    Trader,
    json_body,
    openapi_body,
)
from gateway.api.order_bodies import Order, PlaceOrder, Validated, status_of
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.cancelling import NotCancellable
from gateway.orders.finding import Listing
from gateway.orders.new_order import NewOrder
from gateway.orders.placing import Placed
from gateway.orders.record import OrderRecord, State
from gateway.services import Services

router = APIRouter(tags=["orders"], responses=ERRORS)

PlaceBody = Annotated[PlaceOrder, Depends(json_body(PlaceOrder))]
StatusFilter = Annotated[
    str | None,
    Query(max_length=200, description="One or more statuses, separated by commas; `open` means all that rest."),
]

_OPEN = frozenset({OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED, "unknown"})
_STATUSES = frozenset(OrderStatus) | {"unknown"}


@router.post("/v1/orders", response_model=Answer[Order], status_code=201, openapi_extra=openapi_body(PlaceOrder))
async def place(the: TheServices, client: Trader, body: PlaceBody) -> Response:
    """Place an order: 201 new, 200 accepted before with the same content, 202 its fate is not known yet.

    Safe to repeat with the same client_order_id: at most one order reaches the venue.
    """
    placed = await the.placing.place(client, _new_order(the, client, body))
    return placed_answer(the, placed)


@router.post("/v1/orders/validate", response_model=Answer[Validated], openapi_extra=openapi_body(PlaceOrder))
async def validate(the: TheServices, client: Trader, body: PlaceBody) -> Response:
    """Everything but sending: what could be found wrong without asking the venue."""
    the.placing.check(client, _new_order(the, client, body))
    return ok(Validated, Validated())


@router.get("/v1/orders", response_model=Answer[Page[Order]])
async def orders(
    the: TheServices,
    client: Reader,
    account: Annotated[str, Query(max_length=64)],
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    status: StatusFilter = None,
    client_order_id: Annotated[str | None, Query(max_length=64)] = None,
    page: PageNumber = 1,
    limit: PageLimit = 20,
) -> Response:
    """An account's orders that this client may see, newest first."""
    statuses = _statuses(status)
    venue = the.accounts.get(account, client).venue.name
    wanted_symbol = the.markets.get(venue, symbol).symbol if symbol is not None else None

    def wanted(record: OrderRecord) -> bool:
        return (
            (wanted_symbol is None or record.intent.symbol == wanted_symbol)
            and (client_order_id is None or record.intent.client_order_id == client_order_id)
            and (statuses is None or status_of(record) in statuses)
        )

    listing = await the.finding.list(client, account, wanted)
    shapes = [_shape(the, record) for record in listing.records]
    return ok(
        Page[Order],
        page_of(shapes, page=page, limit=limit, is_complete=listing.is_complete),
        meta=meta_of("venue" if listing.is_fresh else "cache", _as_of_ms(listing) * 1_000),
    )


@router.get("/v1/orders/{order_id}", response_model=Answer[Order])
async def order(the: TheServices, client: Reader, order_id: str) -> Response:
    """One order, compared with the venue if it still can change."""
    record, is_fresh = await the.finding.get(client, order_id)
    return _found(the, record, is_fresh=is_fresh)


@router.delete("/v1/orders/{order_id}", response_model=Answer[Order])
async def cancel(the: TheServices, client: Canceller, order_id: str) -> Response:
    """Cancel an order; safe to repeat, and possible while the store is away."""
    return await _cancel(the, client, order_id)


@router.get("/v1/accounts/{account}/orders/by-client-id/{client_order_id}", response_model=Answer[Order])
async def by_client_order_id(the: TheServices, client: Reader, account: str, client_order_id: str) -> Response:
    """The order a bot's own id stands for; asking never places."""
    record = await the.finding.by_client_order_id(client, account, client_order_id)
    record, is_fresh = await the.finding.get(client, record.intent.order_id)
    return _found(the, record, is_fresh=is_fresh)


@router.delete("/v1/accounts/{account}/orders/by-client-id/{client_order_id}", response_model=Answer[Order])
async def cancel_by_client_order_id(
    the: TheServices, client: Canceller, account: str, client_order_id: str
) -> Response:
    """Cancel by the bot's own id; safe to repeat."""
    record = await the.finding.by_client_order_id(client, account, client_order_id)
    return await _cancel(the, client, record.intent.order_id)


def _new_order(the: Services, client: Client, body: PlaceOrder) -> NewOrder:
    return body.to_order(
        client_order_id_required=the.settings.orders.client_order_id_required,
        new_id=secrets.token_hex(16),
        max_wait_s=the.settings.limiter.max_wait_ms / 1000 if client.max_wait_s is None else client.max_wait_s,
    )


def placed_answer(the: Services, placed: Placed) -> Response:
    """What became of an order that was to be placed; raises `Refusal` if the venue refused it."""
    record = placed.record
    if (refusal := record.result.refusal) is not None:
        raise Refusal(
            refusal.code,
            refusal.message,
            outcome=Outcome.REJECTED,
            venue=record.intent.venue,
            venue_code=refusal.venue_code,
            details={"order_id": record.intent.order_id},
            retryable=False,  # the id is bound to this answer
        )
    if record.state is State.UNKNOWN or record.is_running:
        return ok(Order, _shape(the, record), status=202)
    return ok(Order, _shape(the, record), status=201 if placed.is_new else 200)


async def _cancel(the: Services, client: Client, order_id: str) -> Response:
    try:
        record = await the.cancelling.cancel(client, order_id, max_wait_s=client.max_wait_s)
    except NotCancellable as error:
        ended = _shape(the, error.record)
        is_done = error.record.state is State.DONE
        raise Refusal(
            Code.ORDER_NOT_CANCELLABLE,
            f"the order is {ended.status} and cannot be cancelled any more"
            if is_done
            else "no such order rests at the venue now: it is still on its way, or has just ended; cancel again",
            details={"order": ended.model_dump(mode="json")},
            outcome=Outcome.REJECTED,
            retryable=not is_done,
        ) from error
    return ok(Order, _shape(the, record), status=200 if record.state is State.DONE else 202)


def _found(the: Services, record: OrderRecord, *, is_fresh: bool) -> Response:
    as_of_us = (now_ms() if is_fresh else record.updated_ms) * 1_000
    return ok(Order, _shape(the, record), meta=meta_of("venue" if is_fresh else "cache", as_of_us))


def _as_of_ms(listing: Listing) -> int:
    """Since when nothing of it has been looked at: the oldest word on an order that can still change."""
    changing = [record.updated_ms for record in listing.records if record.state is not State.DONE]
    return now_ms() if listing.is_fresh else min(changing, default=now_ms())


def _shape(the: Services, record: OrderRecord) -> Order:
    return Order.of(record, settles_by_ms=the.settling.settles_by_ms(record))


def _statuses(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    names = frozenset(text.split(","))
    unknown = names - _STATUSES - {"open"}
    if unknown:
        raise Refusal(
            Code.INVALID_PARAMETER,
            f"there is no status {min(unknown)[:32]!r}",
            field="status",
            details={"supported": sorted(_STATUSES | {"open"})},
        )
    return names | _OPEN if "open" in names else names
