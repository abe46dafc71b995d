"""`/v1/accounts/{account}/ledger`: what changed an account's cash, as its venue booked it."""

import time
from typing import Annotated, Self

from fastapi import APIRouter, Query
from starlette.responses import Response

from adapters import models
from adapters.errors import VenueError
from gateway.accounts import Account
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, Page, Plain, Shape, TimeMs
from gateway.api.context import now_ms
from gateway.api.deps import PageLimit, Reader, TheServices
from gateway.errors import Code, Refusal
from gateway.services import Services
from gateway.translation import read_refusal

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], responses=ERRORS)

_MONTH_MS = 30 * 24 * 3600 * 1000


class LedgerEntry(Shape):
    """One movement."""

    venue_id: str
    kind: str
    """`GET /v1/venues` lists under `ledger_kinds` those that a venue books here; `unknown`: it has no name here."""
    asset: str
    amount: Plain
    """Positive came, negative went."""
    balance: Plain | None
    symbol: str | None
    reference: str | None
    """The venue's id of the trade, position or transfer that brought it about."""
    timestamp: int

    @classmethod
    def of(cls, entry: models.LedgerEntry) -> Self:
        return cls(
            venue_id=entry.venue_id,
            kind=entry.kind,
            asset=entry.asset,
            amount=entry.amount,
            balance=entry.balance,
            symbol=entry.symbol,
            reference=entry.reference,
            timestamp=entry.time_us // 1_000,
        )


class LedgerPage(Page[LedgerEntry]):
    cursor: str | None
    """Asks for the next page, together with the same filters; null at the end."""


@router.get("/{account}/ledger", response_model=Answer[LedgerPage])
async def ledger(
    the: TheServices,
    client: Reader,
    account: str,
    since: Annotated[TimeMs | None, Query(alias="from", description="Ms; by default 30 days ago.")] = None,
    until: Annotated[TimeMs | None, Query(alias="to", description="Ms, inclusive; by default now.")] = None,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=64, description="Only what follows; from an earlier page.")] = None,
    limit: PageLimit = 20,
) -> Response:
    """What changed the account's cash, newest first. A page may be short, even empty, and yet have a next one."""
    found = the.accounts.get(account, client)
    history, market = found.history, _market(the, found, symbol)
    at_ms = now_ms()
    try:
        page = await history.ledger(
            at_ms - _MONTH_MS if since is None else since,
            at_ms if until is None else until,
            market=market,
            after=cursor,
            limit=limit,
            throttle=found.throttle(client.name, client.max_wait_s),
        )
    except VenueError as error:
        raise read_refusal(error) from error
    except ValueError as error:
        raise Refusal(Code.INVALID_PARAMETER, str(error), field="cursor") from None
    shown = LedgerPage(
        items=[LedgerEntry.of(entry) for entry in page.entries],
        total=None,
        page=1,
        limit=limit,
        total_pages=None,
        has_next=page.next is not None,
        has_prev=False,
        cursor=page.next,
    )
    return ok(LedgerPage, shown, meta=meta_of("venue", time.time_ns() // 1_000))


def _market(the: Services, account: Account, symbol: str | None) -> models.Market | None:
    if symbol is None:
        return None
    market = the.markets.get(account.venue.name, symbol)
    if not account.venue.capabilities.ledger_by_market:
        raise Refusal(
            Code.NOT_SUPPORTED,
            f"{account.venue.name} does not say of which market a movement is; ask without symbol",
            field="symbol",
            venue=account.venue.name,
        )
    return market
