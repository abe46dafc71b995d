"""`/v1/admin/audit`: an account's journal for those who oversee it, whoever's entries they are."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from adapters.models import AccountName
from gateway.accounts import Account
from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, GrowingPage, Shape
from gateway.api.deps import Admin, PageLimit, TheServices
from gateway.api.event_bodies import Event, event_of
from gateway.api.journal_filter import Cursor, Kinds, TheFilter, growing_page
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.journal import Entry
from gateway.services import Services
from gateway.store import keys
from gateway.translation import store_refusal

router = APIRouter(prefix="/v1/admin", tags=["admin"], responses=ERRORS)


class Reach(Shape):
    """How far back each source goes."""

    oldest_cursor: str | None
    """The oldest entry that is served here; what came before it is in the archive, if there is one."""
    archived_to: str | None
    """Up to where the archive has a copy; null: nothing has been archived."""


class AuditPage(GrowingPage[Event]):
    account: str
    reach: Reach


@router.get("/audit", response_model=Answer[AuditPage])
async def audit(
    the: TheServices,
    client: Admin,
    account: Annotated[str, Query(max_length=64)],
    wanted: TheFilter,
    cursor: Cursor = None,
    kind: Kinds = None,
    limit: PageLimit = 20,
) -> Response:
    """What happened on an account, on whosesoever behalf, oldest first, as far back as Redis keeps it."""
    del client  # the scope is all it needs
    found = the.accounts.find(AccountName(account))
    if found is None:
        raise Refusal(Code.ACCOUNT_NOT_FOUND, f"there is no account {account[:64]!r}", field="account")
    only = wanted.on(the, found, kinds=kind)

    def take(entry: Entry) -> Event | None:
        event = event_of(entry, found, the.orders.settling) if only.may_take(entry) else None
        return event if event is not None and only.takes(event.data) else None

    page = await growing_page(the, found, only, after=cursor, limit=limit, take=take, field="cursor")
    reach = await _reach(the, found)
    return ok(AuditPage, AuditPage(**dict(page), account=found.name, reach=reach))


async def _reach(the: Services, account: Account) -> Reach:
    try:
        oldest, archived = await asyncio.gather(
            the.store.command("XRANGE", keys.journal(account.venue.name, account.name), "-", "+", "COUNT", 1),
            the.store.command("GET", keys.archive_position(account.venue.name, account.name)),
        )
    except StoreUnavailable as error:
        raise store_refusal(write=False) from error
    return Reach(
        oldest_cursor=oldest[0][0].decode() if oldest else None,
        archived_to=archived.decode() if archived else None,
    )
