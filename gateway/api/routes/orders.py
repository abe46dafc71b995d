"""`/v1/orders`, and orders by the bot's own id: placed at most once, looked up, cancelled."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from adapters.models import OrderStatus
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import TIME_MAX_MS, Answer, Page, page_of
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
from gateway.api.order_answers import new_order, not_resting, shape, venue_refusal
from gateway.api.order_bodies import Order, PlaceOrder, Validated, status_of
from gateway.auth.grants import Client
from gateway.errors import Code, Refusal
from gateway.orders.cancelling import NotCancellable
from gateway.orders.finding import Listing
from gateway.orders.identity import ORDER_ID_MAX
from gateway.orders.placing import Placed
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Place
from gateway.services import Services

router = APIRouter(tags=["orders"], responses=ERRORS)

PlaceBody = Annotated[PlaceOrder, Depends(json_body(PlaceOrder))]
StatusFilter = Annotated[
    str | None,
    Query(max_length=200, description="One or more statuses, separated by commas; `open` means all that rest."),
]

Owner = Annotated[
    str | None,
    Query(
        alias="client",
        max_length=64,
        description="Whose id it is, for who sees the whole account; by default one's own.",
    ),
]
FromMs = Annotated[int, Query(alias="from", ge=0, le=TIME_MAX_MS, description="Accepted at or after this time, ms.")]
ToMs = Annotated[
    int | None, Query(alias="to", ge=0, le=TIME_MAX_MS, description="Accepted at or before this time, ms.")
]

_CURSOR = re.compile(r"[0-9]{1,16}(\.[A-Za-z0-9_-]{1,400})?", re.ASCII)
_OPEN = frozenset({OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED, "unknown"})
_STATUSES = frozenset(OrderStatus) | {"unknown"}


class OrderPage(Page[Order]):
    """A page of orders; the list may grow at its head while it is read."""

    cursor: str | None
    """Where the list goes on, whatever has come to it since; null at its end."""


@router.post("/v1/orders", response_model=Answer[Order], status_code=201, openapi_extra=openapi_body(PlaceOrder))
async def place(the: TheServices, client: Trader, body: PlaceBody) -> Response:
    """Place an order: 201 new, 200 accepted before with the same content, 202 its fate is not known yet.

    Safe to repeat with the same client_order_id: at most one order reaches the venue.
    """
    placed = await the.placing.place(client, new_order(the, client, body.account, body))
    return _placed(the, placed)


@router.post("/v1/orders/validate", response_model=Answer[Validated], openapi_extra=openapi_body(PlaceOrder))
async def validate(the: TheServices, client: Trader, body: PlaceBody) -> Response:
    """Everything but sending: what could be found wrong without asking the venue."""
    await the.placing.validate(client, new_order(the, client, body.account, body))
    return ok(Validated, Validated())


@router.get("/v1/orders", response_model=Answer[OrderPage])
async def orders(
    the: TheServices,
    client: Reader,
    account: Annotated[str, Query(max_length=64)],
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    status: StatusFilter = None,
    order_id: Annotated[str | None, Query(max_length=ORDER_ID_MAX)] = None,
    client_order_id: Annotated[str | None, Query(max_length=64)] = None,
    from_ms: FromMs = 0,
    to_ms: ToMs = None,
    cursor: Annotated[str | None, Query(max_length=450, description="Only what follows; from an earlier page.")] = None,
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
            and (order_id is None or record.intent.order_id == order_id)
            and (client_order_id is None or record.intent.client_order_id == client_order_id)
            and (statuses is None or status_of(record) in statuses)
        )

    listing = await the.finding.list(client, account, wanted, before=_before(cursor, to_ms, page), since_ms=from_ms)
    shapes = [shape(the, record) for record in listing.records]
    cut = page_of(shapes, page=page, limit=limit, is_complete=listing.looked_to_ms is None)
    return ok(
        OrderPage,
        OrderPage(**dict(cut), cursor=_cursor(listing, page * limit)),
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
async def by_client_order_id(
    the: TheServices, client: Reader, account: str, client_order_id: str, owner: Owner = None
) -> Response:
    """The order a bot's own id stands for; asking never places."""
    record = await the.finding.by_client_order_id(client, account, client_order_id, owner=owner)
    record, is_fresh = await the.finding.get(client, record.intent.order_id)
    return _found(the, record, is_fresh=is_fresh)


@router.delete("/v1/accounts/{account}/orders/by-client-id/{client_order_id}", response_model=Answer[Order])
async def cancel_by_client_order_id(
    the: TheServices, client: Canceller, account: str, client_order_id: str, owner: Owner = None
) -> Response:
    """Cancel by the bot's own id; safe to repeat."""
    record = await the.finding.by_client_order_id(client, account, client_order_id, owner=owner)
    return await _cancel(the, client, record.intent.order_id)


def _before(cursor: str | None, to_ms: int | None, page: int) -> Place | None:
    """From where on the list is wanted."""
    ends = [] if to_ms is None else [Place(to_ms + 1, "")]
    if cursor is not None:
        if not _CURSOR.fullmatch(cursor) or page > 1:
            raise Refusal(
                Code.INVALID_PARAMETER,
                "a cursor is one that an earlier page answered with, and goes without `page`",
                field="cursor",
            )
        created_ms, _, order_id = cursor.partition(".")
        ends.append(Place(int(created_ms), order_id))
    return min(ends, default=None)


def _cursor(listing: Listing, end: int) -> str | None:
    """Where the list goes on after its first `end` orders."""
    if end < len(listing.records):
        last = listing.records[end - 1]
        return f"{last.created_ms}.{last.intent.order_id}"
    return None if listing.looked_to_ms is None else str(listing.looked_to_ms)


def _placed(the: Services, placed: Placed) -> Response:
    record = placed.record
    if (refusal := venue_refusal(record)) is not None:
        raise refusal
    if record.state is State.UNKNOWN or record.is_running:
        return ok(Order, shape(the, record), status=202)
    return ok(Order, shape(the, record), status=201 if placed.is_new else 200)


async def _cancel(the: Services, client: Client, order_id: str) -> Response:
    try:
        record = await the.cancelling.cancel(client, order_id, max_wait_s=client.max_wait_s)
    except NotCancellable as error:
        raise not_resting(the, error) from error
    return ok(Order, shape(the, record), status=200 if record.state is State.DONE else 202)


def _found(the: Services, record: OrderRecord, *, is_fresh: bool) -> Response:
    as_of_us = (now_ms() if is_fresh else record.updated_ms) * 1_000
    return ok(Order, shape(the, record), meta=meta_of("venue" if is_fresh else "cache", as_of_us))


def _as_of_ms(listing: Listing) -> int:
    """Since when nothing of it has been looked at: the oldest word on an order that can still change."""
    changing = [record.updated_ms for record in listing.records if record.state is not State.DONE]
    return now_ms() if listing.is_fresh else min(changing, default=now_ms())


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
