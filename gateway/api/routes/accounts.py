"""`/v1/accounts`: what a client's accounts hold, and what they may still spend."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends
from starlette.responses import Response

from adapters.contract import Throttle
from adapters.errors import VenueError
from gateway.accounts import EGRESS, Account
from gateway.api.account_bodies import AccountShape, Balance, Orphan, Position
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, Page, page_of
from gateway.api.deps import PageLimit, PageNumber, Reader, TheServices, json_body, openapi_body
from gateway.api.limits import PlanRequest, PlanShape, RuleState, plan_shape, rule_states, seen_by
from gateway.auth.grants import Client
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.settings import AccountAccess
from gateway.translation import read_refusal, store_refusal

T = TypeVar("T")

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], responses=ERRORS)


@router.get("", response_model=Answer[Page[AccountShape]])
async def accounts(the: TheServices, client: Reader, page: PageNumber = 1, limit: PageLimit = 20) -> Response:
    """The accounts granted to this client."""
    shapes = [_account(account, client) for account in the.accounts.granted(client)]
    return ok(Page[AccountShape], page_of(shapes, page=page, limit=limit))


@router.get("/{account}", response_model=Answer[AccountShape])
async def account(the: TheServices, client: Reader, account: str) -> Response:
    """One account."""
    return ok(AccountShape, _account(the.accounts.get(account, client), client))


@router.get("/{account}/balances", response_model=Answer[Page[Balance]])
async def balances(
    the: TheServices, client: Reader, account: str, page: PageNumber = 1, limit: PageLimit = 100
) -> Response:
    """What it holds, by asset."""
    found = the.accounts.get(account, client)
    held, as_of_us = await _read(found, client, found.data.balances)
    shapes = [Balance.of(one) for one in held]
    return ok(Page[Balance], page_of(shapes, page=page, limit=limit), meta=meta_of("venue", as_of_us))


@router.get("/{account}/positions", response_model=Answer[Page[Position]])
async def positions(
    the: TheServices, client: Reader, account: str, page: PageNumber = 1, limit: PageLimit = 100
) -> Response:
    """Its open positions."""
    found = the.accounts.get(account, client)
    held, as_of_us = await _read(found, client, found.data.positions)
    shapes = [Position.of(one) for one in held]
    return ok(Page[Position], page_of(shapes, page=page, limit=limit), meta=meta_of("venue", as_of_us))


@router.get("/{account}/orphans", response_model=Answer[Page[Orphan]])
async def orphans(
    the: TheServices, client: Reader, account: str, page: PageNumber = 1, limit: PageLimit = 20
) -> Response:
    """Orders that rest at the venue and that nobody here placed; only for who sees the whole account."""
    found = the.accounts.get(account, client)
    sees_all = client.accounts[found.name] is AccountAccess.ACCOUNT
    try:
        orders = await the.orders.records[found.venue.name].orphans(found.name) if sees_all else []
    except StoreUnavailable as error:
        raise store_refusal(write=False) from error
    shapes = [Orphan.of(order) for order in sorted(orders, key=lambda one: one.created_time_us, reverse=True)]
    return ok(Page[Orphan], page_of(shapes, page=page, limit=limit))


@router.get("/{account}/rate-limits", response_model=Answer[list[RuleState]])
async def rate_limits(the: TheServices, client: Reader, account: str) -> Response:
    """What may still be spent on its behalf, by all clients together, and who spent."""
    found = the.accounts.get(account, client)
    states = await found.limiter.status(account=found.name, egress=EGRESS)
    spent_by = await found.limiter.consumption(account=found.name, egress=EGRESS)
    if client.accounts[found.name] is not AccountAccess.ACCOUNT:
        spent_by = {rule: seen_by(client.name, by_client) for rule, by_client in spent_by.items()}
    return ok(list[RuleState], rule_states(states, spent_by))


@router.post("/{account}/rate-limits/plan", response_model=Answer[PlanShape], openapi_extra=openapi_body(PlanRequest))
async def plan(
    the: TheServices, client: Reader, account: str, body: Annotated[PlanRequest, Depends(json_body(PlanRequest))]
) -> Response:
    """Whether calls would fit, when, and at most how many a minute; makes none of them."""
    found = the.accounts.get(account, client)
    known = {call.name: call for call in found.venue.limits.calls}
    for number, planned in enumerate(body.calls):
        if planned.call not in known:
            raise Refusal(
                Code.INVALID_PARAMETER,
                f"{found.venue.name} has no call {planned.call[:64]!r}",
                field=f"calls.{number}.call",
                details={"supported": sorted(known)},
            )
    calls = [(known[planned.call], planned.count) for planned in body.calls]
    together, alone = await found.limiter.plan(calls, client=client.name, account=found.name, egress=EGRESS)
    singles = [(call, 1) for call, _ in calls]
    _, single = await found.limiter.plan(singles, client=client.name, account=found.name, egress=EGRESS)
    return ok(PlanShape, plan_shape(body, together, alone, single))


async def _read(
    account: Account,
    client: Client,
    call: Callable[[Throttle], Awaitable[Sequence[T]]],
) -> tuple[Sequence[T], int]:
    """Ask the venue; answers with what it said and when."""
    throttle = account.throttle(client.name, client.max_wait_s)
    try:
        return await call(throttle), time.time_ns() // 1_000
    except VenueError as error:
        raise read_refusal(error) from error


def _account(account: Account, client: Client) -> AccountShape:
    return AccountShape(account=account.name, venue=account.venue.name, access=client.accounts[account.name])
