"""`/v1/accounts/{account}/events`, `/fills` and `/snapshot`: what happened on an account, and where it stands."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from fastapi import APIRouter
from starlette.responses import Response

from adapters.contract import Throttle
from adapters.errors import VenueError
from gateway.accounts import Account
from gateway.api.account_bodies import Balance, Position
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, GrowingPage, Shape
from gateway.api.deps import PageLimit, Reader, TheServices
from gateway.api.event_bodies import Event, event_of, is_visible
from gateway.api.journal_filter import Cursor, EventFilter, Kinds, TheFilter, growing_page
from gateway.api.order_bodies import Fill, Order
from gateway.auth.grants import Client
from gateway.errors import StoreUnavailable
from gateway.journal import Entry, Kind, newest_cursor
from gateway.services import Services
from gateway.store import keys
from gateway.translation import read_refusal, store_refusal

T = TypeVar("T")

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], responses=ERRORS)


class Snapshot(Shape):
    """Where an account stands; whoever goes on from `cursor` misses nothing that is not in it."""

    account: str
    venue: str
    cursor: str
    """Where the journal stood before anything else was read: all the rest is as new, or newer."""
    orders: list[Order]
    """Those that rest, and those whose fate is unknown."""
    positions: list[Position]
    balances: list[Balance]


@router.get("/{account}/events", response_model=Answer[GrowingPage[Event]])
async def events(
    the: TheServices,
    client: Reader,
    account: str,
    wanted: TheFilter,
    after: Cursor = None,
    kind: Kinds = None,
    limit: PageLimit = 20,
) -> Response:
    """The account's journal, oldest first: what this client may see of it."""
    found = the.accounts.get(account, client)
    only = wanted.on(the, found, kinds=kind)

    take = partial(_event, the, client, found, only)
    page = await growing_page(the, found, only, after=after, limit=limit, take=take, field="after")
    return ok(GrowingPage[Event], page)


@router.get("/{account}/fills", response_model=Answer[GrowingPage[Fill]])
async def fills(
    the: TheServices,
    client: Reader,
    account: str,
    wanted: TheFilter,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Response:
    """The trades of this client's orders, oldest first, as far back as the journal reaches."""
    found = the.accounts.get(account, client)
    only = wanted.on(the, found, kinds=Kind.FILL)

    def take(entry: Entry) -> Fill | None:
        event = _event(the, client, found, only, entry)
        return None if event is None else Fill.model_validate(event.data)

    page = await growing_page(the, found, only, after=cursor, limit=limit, take=take, field="cursor")
    return ok(GrowingPage[Fill], page)


@router.get("/{account}/snapshot", response_model=Answer[Snapshot])
async def snapshot(the: TheServices, client: Reader, account: str) -> Response:
    """Open and unknown orders, positions, balances, and the cursor to go on from, in one cut.

    The cursor is read first. What changes while the rest is read is in the journal after it, and may be in the rest
    as well: an order's `version` tells which is newer.
    """
    found = the.accounts.get(account, client)
    try:
        cursor = await newest_cursor(the.store, keys.journal(found.venue.name, found.name))
        records = await the.orders.finding.open(client, found)
    except StoreUnavailable as error:
        raise store_refusal(write=False) from error
    as_of_us = time.time_ns() // 1_000
    positions, balances = await asyncio.gather(
        _ask(found, client, found.data.positions), _ask(found, client, found.data.balances)
    )
    state = Snapshot(
        account=found.name,
        venue=found.venue.name,
        cursor=cursor,
        orders=[Order.of(record, settles_by_ms=the.orders.settling.settles_by_ms(record)) for record in records],
        positions=[Position.of(one) for one in positions],
        balances=[Balance.of(one) for one in balances],
    )
    return ok(Snapshot, state, meta=meta_of("venue", as_of_us))


def _event(the: Services, client: Client, account: Account, only: EventFilter, entry: Entry) -> Event | None:
    if not only.may_take(entry) or not is_visible(client, account, entry):
        return None
    event = event_of(entry, account, the.orders.settling)
    return event if event is not None and only.takes(event.data) else None


async def _ask(account: Account, client: Client, call: Callable[[Throttle], Awaitable[Sequence[T]]]) -> Sequence[T]:
    try:
        return await call(account.throttle(client.name, client.max_wait_s))
    except VenueError as error:
        raise read_refusal(error) from error
