"""`/v1/accounts/{account}/cancel-after`: the dead-man switch of a client, or of one of its sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints
from starlette.responses import Response

from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, Body, Shape
from gateway.api.deps import Canceller, TheServices, json_body, openapi_body
from gateway.api.order_bodies import Label
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders.dead_man import Switch
from gateway.orders.dead_man_switches import SWITCHES_MAX, UNFINISHED_MAX, SwitchState
from gateway.translation import store_refusal

router = APIRouter(prefix="/v1/accounts", tags=["orders"], responses=ERRORS)

TIMEOUT_MIN_MS, TIMEOUT_MAX_MS = 1_000, 24 * 3600 * 1_000

# With the label's prefix it must still be a label.
Session = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,56}$")]


class CancelAfter(Body):
    timeout_ms: Annotated[int, Field(ge=0, le=TIMEOUT_MAX_MS)]
    """From 1000 to 86400000, or 0 to switch it off."""
    session: Session | None = None
    """Only orders with the label `session:NAME`; without it, all of the client's orders on the account."""
    exempt: Annotated[list[Label], Field(max_length=8, default_factory=list)]
    """Orders with any of these labels are left alone."""


class CancelAfterState(Shape):
    account: str
    client: str
    session: str | None
    state: str
    """armed or off."""
    timeout_ms: int | None
    deadline: int | None
    """When it fires unless it is renewed."""
    exempt: list[str]
    fired_at: int | None
    """When it fired last."""
    firing: bool
    """It has fired, and not all orders that it covers have ended."""
    cancelled: int | None
    """How many orders its last firing ended; null until all have ended."""


@router.put("/{account}/cancel-after", response_model=Answer[CancelAfterState], openapi_extra=openapi_body(CancelAfter))
async def set_cancel_after(
    the: TheServices, client: Canceller, account: str, body: Annotated[CancelAfter, Depends(json_body(CancelAfter))]
) -> Response:
    """Have this client's orders cancelled `timeout_ms` from now, unless this is said again; 0 switches it off."""
    if 0 < body.timeout_ms < TIMEOUT_MIN_MS:
        raise Refusal(
            Code.INVALID_PARAMETER,
            f"timeout_ms must be 0 or from {TIMEOUT_MIN_MS} to {TIMEOUT_MAX_MS}",
            field="timeout_ms",
            outcome=Outcome.NOT_SENT,
        )
    found = the.accounts.get(account, client)
    switch = Switch(found.name, client.name, body.session or "")
    try:
        state = await the.orders.switches[found.venue.name].set(
            switch, timeout_ms=body.timeout_ms, exempt=frozenset(body.exempt)
        )
    except StoreUnavailable as error:
        refusal = store_refusal(write=False)
        refusal.outcome = Outcome.UNKNOWN if error.may_have_run else Outcome.NOT_SENT
        raise refusal from error
    if state is None:
        raise Refusal(
            Code.INVALID_REQUEST,
            f"a client has at most {SWITCHES_MAX} switches on an account, and one with {UNFINISHED_MAX} firings whose "
            "orders have not all ended cannot be set again; switch others off",
            field="session",
            outcome=Outcome.NOT_SENT,
        )
    return ok(CancelAfterState, _shape(switch, state))


@router.get("/{account}/cancel-after", response_model=Answer[CancelAfterState])
async def cancel_after(
    the: TheServices,
    client: Canceller,
    account: str,
    session: Annotated[Session | None, Query(description="Of this session, rather than of the whole client.")] = None,
) -> Response:
    """How this client's switch stands, and what it did."""
    found = the.accounts.get(account, client)
    switch = Switch(found.name, client.name, session or "")
    try:
        state = await the.orders.switches[found.venue.name].get(switch)
    except StoreUnavailable as error:
        raise store_refusal(write=False) from error
    return ok(CancelAfterState, _shape(switch, state))


def _shape(switch: Switch, state: SwitchState) -> CancelAfterState:
    return CancelAfterState(
        account=switch.account,
        client=switch.client,
        session=switch.session or None,
        state="off" if state.deadline_ms is None else "armed",
        timeout_ms=state.timeout_ms,
        deadline=state.deadline_ms,
        exempt=sorted(state.exempt_labels),
        fired_at=state.fired_ms,
        firing=state.firings > 0,
        cancelled=state.cancelled,
    )
