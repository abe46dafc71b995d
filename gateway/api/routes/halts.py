"""`/v1/admin/halts`: trading stopped, for all or for some, on every replica, until it is lifted."""

import secrets
from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from adapters.models import AccountName, VenueName
from gateway.accounts import Account
from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer
from gateway.api.deps import RiskOfficer, TheServices, json_body, openapi_body
from gateway.api.halt_bodies import HaltChange, HaltRequest, HaltShape
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.risk.halt import Halt, HaltScope
from gateway.risk.halts import Acknowledged, Concerned
from gateway.services import Services

router = APIRouter(prefix="/v1/admin/halts", tags=["halts"], responses=ERRORS)


@router.get("", response_model=Answer[list[HaltShape]])
async def halts(the: TheServices, client: RiskOfficer) -> Response:
    """The halts in force, oldest first, as this replica goes by them."""
    shapes = []
    for halt in the.halts.in_force():
        cancelled, resting = await the.halts.progress(halt)
        shapes.append(HaltShape.of(halt, cancelled=cancelled, resting=resting))
    return ok(list[HaltShape], shapes)


@router.post("", response_model=Answer[HaltChange], openapi_extra=openapi_body(HaltRequest))
async def set_halt(
    the: TheServices, client: RiskOfficer, body: Annotated[HaltRequest, Depends(json_body(HaltRequest))]
) -> Response:
    """Set a halt, in place of the one for the same scope and name; safe to repeat.

    It holds when this answers: no order that it stops is sent by any replica after that.
    """
    name = _known(the, body.scope, body.name)
    try:
        set_ms = (await the.store.time_us()) // 1_000
        if body.until is not None and body.until <= set_ms:
            raise Refusal(Code.INVALID_PARAMETER, "until has passed", field="until")
        halt = Halt(
            id=secrets.token_hex(8),
            scope=body.scope,
            name=name,
            mode=body.mode,
            cancel_open=body.cancel_open,
            reason=body.reason,
            until_ms=body.until,
            set_ms=set_ms,
            set_by=client.name,
        )
        acknowledged = await the.halts.set(halt, _concerned(the, body.scope, name))
    except StoreUnavailable as error:
        raise _not_sure() from error
    if halt.cancel_open:
        the.in_flight.start(the.halt_cancels.begin(_accounts(the, body.scope, name)))
    return ok(HaltChange, HaltChange.of(halt, acknowledged))


@router.delete("", response_model=Answer[HaltChange])
async def lift_halt(
    the: TheServices,
    client: RiskOfficer,
    scope: HaltScope,
    name: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Lift a halt; safe to repeat."""
    try:
        halt = await the.halts.find(f"{scope}:{name}")
        if halt is None and name:
            name = _known(the, scope, name)  # it may be the venue's own name of a market, or no name at all
            halt = await the.halts.find(f"{scope}:{name}")
        if halt is None:
            return ok(HaltChange, HaltChange.of(None, Acknowledged((), ())))
        acknowledged = await the.halts.lift(halt, _concerned(the, scope, halt.name), by=client.name)
    except StoreUnavailable as error:
        raise _not_sure() from error
    return ok(HaltChange, HaltChange.of(halt, acknowledged))


def _known(the: Services, scope: HaltScope, name: str) -> str:
    """The name, if the configuration or a venue has it; a market's as we call it. Raises `Refusal`."""
    if scope is HaltScope.SYMBOL:
        found = {market.symbol for venue in the.venues if (market := the.markets.find(venue, name)) is not None}
        if len(found) == 1:
            return found.pop()
        raise _unknown(scope, name, found)
    known: Collection[str] = {
        HaltScope.GLOBAL: {""},
        HaltScope.VENUE: the.venues.keys(),
        HaltScope.DESK: the.risk.desks,
        HaltScope.ACCOUNT: {account.name for account in the.accounts.all()},
        HaltScope.CLIENT: {client.name for client in the.clients},
    }[scope]
    if name not in known:
        raise _unknown(scope, name, known)
    return name


def _unknown(scope: HaltScope, name: str, known: Collection[str]) -> Refusal:
    message = "a global halt has no name" if scope is HaltScope.GLOBAL else f"there is no {scope} {name[:64]!r}"
    return Refusal(Code.INVALID_PARAMETER, message, field="name", details={"supported": sorted(known)[:100]})


def _accounts(the: Services, scope: HaltScope, name: str) -> list[Account]:
    """The accounts that a halt concerns."""
    clients = [
        client
        for client in the.clients
        if (scope is HaltScope.CLIENT and client.name == name) or (scope is HaltScope.DESK and client.desk == name)
    ]
    granted: set[AccountName] = {account for client in clients for account in client.accounts}
    return [
        account
        for account in the.accounts.all()
        if {
            HaltScope.GLOBAL: True,
            HaltScope.SYMBOL: True,
            HaltScope.VENUE: account.venue.name == name,
            HaltScope.ACCOUNT: account.name == name,
        }.get(scope, account.name in granted)
    ]


def _concerned(the: Services, scope: HaltScope, name: str) -> Concerned:
    """Where the halt is kept, and whose journals tell of it."""
    accounts = _accounts(the, scope, name)
    venues: Collection[VenueName] = the.venues.keys()
    if scope is HaltScope.VENUE:
        venues = [VenueName(name)]
    elif scope is HaltScope.ACCOUNT and accounts:  # one that is configured no more may be halted anywhere still
        venues = [account.venue.name for account in accounts]
    return {venue: [one.name for one in accounts if one.venue.name == venue] for venue in venues}


def _not_sure() -> Refusal:
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "Redis went away over this; the halt may hold at some venues and not at others: do it again",
        outcome=Outcome.UNKNOWN,
        retry_after_s=1,
    )
