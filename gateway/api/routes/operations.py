"""What changes an account's money or terms without being an order, each at most once; and money that comes and goes."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from adapters import models
from adapters.contract import Throttle
from adapters.errors import VenueError
from gateway.accounts import Account
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, Page, TimeMs, page_of
from gateway.api.context import now_ms
from gateway.api.deps import (
    PageLimit,
    PageNumber,
    Reader,
    SignedWithdrawer,
    TheServices,
    Trader,
    json_body,
    openapi_body,
)
from gateway.api.operation_bodies import (
    ChangeMargin,
    ClosePosition,
    Operation,
    SetLeverage,
    SetMarginMode,
    Transfer,
    Withdraw,
)
from gateway.api.order_answers import placed_answer
from gateway.api.order_bodies import Order
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal
from gateway.operations.operating import Done
from gateway.operations.record import OperationRecord, State
from gateway.translation import read_refusal

router = APIRouter(prefix="/v1/accounts/{account}", tags=["operations"], responses=ERRORS)

_MONTH_MS = 30 * 24 * 3600 * 1000
Since = Annotated[TimeMs | None, Query(alias="from", description="Ms; by default 30 days ago.")]


@router.put(
    "/positions/{symbol}/leverage",
    response_model=Answer[Operation],
    status_code=201,
    openapi_extra=openapi_body(SetLeverage),
)
async def set_leverage(
    the: TheServices,
    client: Trader,
    account: str,
    symbol: str,
    body: Annotated[SetLeverage, Depends(json_body(SetLeverage))],
) -> Response:
    """Set how far positions of a market are levered. Safe to repeat with the same client_operation_id."""
    return _answer(await the.operations.set_leverage(client, account, symbol, body.client_operation_id, body.leverage))


@router.put(
    "/positions/{symbol}/margin-mode",
    response_model=Answer[Operation],
    status_code=201,
    openapi_extra=openapi_body(SetMarginMode),
)
async def set_margin_mode(
    the: TheServices,
    client: Trader,
    account: str,
    symbol: str,
    body: Annotated[SetMarginMode, Depends(json_body(SetMarginMode))],
) -> Response:
    """Set whether positions of a market share the account's margin. Safe to repeat with the same id."""
    return _answer(
        await the.operations.set_margin_mode(client, account, symbol, body.client_operation_id, body.margin_mode)
    )


@router.post(
    "/positions/{symbol}/margin",
    response_model=Answer[Operation],
    status_code=201,
    openapi_extra=openapi_body(ChangeMargin),
)
async def change_margin(
    the: TheServices,
    client: Trader,
    account: str,
    symbol: str,
    body: Annotated[ChangeMargin, Depends(json_body(ChangeMargin))],
) -> Response:
    """Put more margin to an isolated position. Safe to repeat with the same client_operation_id."""
    if body.direction != "add":
        raise Refusal(
            Code.NOT_SUPPORTED,
            "no venue here takes margin back from a position",
            field="direction",
            details={"supported": ["add"]},
            outcome=Outcome.NOT_SENT,
        )
    return _answer(await the.operations.add_margin(client, account, symbol, body.client_operation_id, body.amount))


@router.post(
    "/positions/{symbol}/close",
    response_model=Answer[Order],
    status_code=201,
    openapi_extra=openapi_body(ClosePosition),
)
async def close(
    the: TheServices,
    client: Trader,
    account: str,
    symbol: str,
    body: Annotated[ClosePosition, Depends(json_body(ClosePosition))],
) -> Response:
    """Close a position with a reduce-only market order. Safe to repeat with the same client_order_id."""
    max_wait_s = the.settings.limiter.max_wait_ms / 1000 if client.max_wait_s is None else client.max_wait_s
    if body.max_wait_ms is not None:
        max_wait_s = body.max_wait_ms / 1000
    placed = await the.orders.closing.close(client, account, symbol, body.client_order_id, max_wait_s)
    return placed_answer(the, placed)


@router.get("/operations/{client_operation_id}", response_model=Answer[Operation])
async def operation(the: TheServices, client: Reader, account: str, client_operation_id: str) -> Response:
    """What became of one of the client's own operations; asking never does anything."""
    record = await the.operations.find(client, account, client_operation_id)
    return ok(Operation, Operation.of(record), meta=meta_of("cache", record.updated_ms * 1_000))


@router.post("/withdrawals", response_model=Answer[Operation], status_code=201, openapi_extra=openapi_body(Withdraw))
async def withdraw(
    the: TheServices,
    client: SignedWithdrawer,
    account: str,
    body: Annotated[Withdraw, Depends(json_body(Withdraw))],
) -> Response:
    """Send money to a configured address: signed requests only. Safe to repeat with the same client_operation_id."""
    done = await the.operations.withdraw(
        client,
        account,
        body.client_operation_id,
        destination=body.destination,
        asset=body.asset,
        amount=body.amount,
        second_factor=None if body.second_factor is None else body.second_factor.get_secret_value(),
        other_than=body.other_than,
    )
    return _answer(done)


@router.get("/withdrawals", response_model=Answer[Page[Transfer]])
async def withdrawals(
    the: TheServices,
    client: Reader,
    account: str,
    since: Since = None,
    page: PageNumber = 1,
    limit: PageLimit = 20,
) -> Response:
    """Money that went out, newest first, whoever asked for it."""
    found = the.accounts.get(account, client)
    return await _transfers(found, client, found.capital.withdrawals, since, page=page, limit=limit)


@router.get("/deposits", response_model=Answer[Page[Transfer]])
async def deposits(
    the: TheServices,
    client: Reader,
    account: str,
    since: Since = None,
    page: PageNumber = 1,
    limit: PageLimit = 20,
) -> Response:
    """Money that came in, newest first."""
    found = the.accounts.get(account, client)
    return await _transfers(found, client, found.capital.deposits, since, page=page, limit=limit)


async def _transfers(
    account: Account,
    client: Client,
    call: Callable[[int, Throttle], Awaitable[Sequence[models.Transfer]]],
    since_ms: int | None,
    *,
    page: int,
    limit: int,
) -> Response:
    since_ms = now_ms() - _MONTH_MS if since_ms is None else since_ms
    try:
        transfers = await call(since_ms, account.throttle(client.name, client.max_wait_s))
    except VenueError as error:
        raise read_refusal(error) from error
    shapes = [Transfer.of(one) for one in transfers]
    meta = meta_of("venue", time.time_ns() // 1_000)
    return ok(Page[Transfer], page_of(shapes, page=page, limit=limit), meta=meta)


def _answer(done: Done) -> Response:
    record = done.record
    if record.state is State.REJECTED:
        raise _rejection(record)
    if record.state is not State.DONE:
        return ok(Operation, Operation.of(record), status=202)
    return ok(Operation, Operation.of(record), status=201 if done.is_new else 200)


def _rejection(record: OperationRecord) -> Refusal:
    refusal, intent = record.result.refusal, record.intent
    return Refusal(
        Code.ORDER_REJECTED if refusal is None else refusal.code,
        "the setting was read back, and is not in force" if refusal is None else refusal.message,
        outcome=Outcome.REJECTED,
        venue=intent.venue,
        venue_code=None if refusal is None else refusal.venue_code,
        details={"client_operation_id": intent.client_operation_id},
        retryable=False,  # the id is bound to this answer
    )
