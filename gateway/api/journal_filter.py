"""What of a journal a reader wants, and a page of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query

from gateway.accounts import Account
from gateway.api.bodies import GrowingPage
from gateway.errors import Code, Refusal, StoreUnavailable
from gateway.journal import CursorExpired, Entry, read_page
from gateway.services import Services
from gateway.store import keys
from gateway.translation import store_refusal

T = TypeVar("T")

_TIME_MAX_MS = 9_999_999_999_999

Cursor = Annotated[str | None, Query(max_length=32, description="Only what came after it; from an earlier answer.")]
Kinds = Annotated[
    str | None,
    Query(pattern=r"^[a-z_]{1,32}(,[a-z_]{1,32}){0,15}$", description="One or more kinds, separated by commas."),
]
_Time = Annotated[int | None, Query(ge=0, le=_TIME_MAX_MS, description="ms, inclusive.")]
_Id = Annotated[str | None, Query(max_length=400)]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is wanted, checked against the account's venue."""

    kinds: frozenset[str]
    """Empty: all."""
    from_ms: int | None
    to_ms: int | None
    members: Mapping[str, str]
    """What an event's data must say."""

    def may_take(self, entry: Entry) -> bool:
        """Whether it can be wanted, before it is decoded."""
        return not self.kinds or entry.kind in self.kinds

    def takes(self, data: Mapping[str, Any]) -> bool:
        return all(data.get(name) == value for name, value in self.members.items())


class FilterParameters:
    """The query parameters of lists that grow while they are read."""

    def __init__(
        self,
        from_: Annotated[int | None, Query(alias="from", ge=0, le=_TIME_MAX_MS, description="ms, inclusive.")] = None,
        to: _Time = None,
        symbol: Annotated[str | None, Query(max_length=64)] = None,
        order_id: _Id = None,
        client_order_id: Annotated[str | None, Query(max_length=64)] = None,
    ):
        self._from_ms = from_
        self._to_ms = to
        self._symbol = symbol
        self._ids = {"order_id": order_id, "client_order_id": client_order_id}

    def on(self, the: Services, account: Account, *, kinds: str | None) -> EventFilter:
        """Raises `Refusal` for a symbol that the account's venue does not have."""
        members = {name: value for name, value in self._ids.items() if value is not None}
        if self._symbol is not None:
            members["symbol"] = the.markets.get(account.venue.name, self._symbol).symbol
        return EventFilter(frozenset(kinds.split(",") if kinds else ()), self._from_ms, self._to_ms, members)


TheFilter = Annotated[FilterParameters, Depends(FilterParameters)]


async def growing_page(
    the: Services,
    account: Account,
    only: EventFilter,
    *,
    after: str | None,
    limit: int,
    take: Callable[[Entry], T | None],
    field: str,
) -> GrowingPage[T]:
    """A page of the account's journal; `field` is the parameter that `after` came in. Raises `Refusal`."""
    try:
        page = await read_page(
            the.store,
            keys.journal(account.venue.name, account.name),
            after=after,
            from_ms=only.from_ms,
            to_ms=only.to_ms,
            limit=limit,
            take=take,
        )
    except CursorExpired:
        raise cursor_expired(field) from None
    except ValueError as error:
        raise Refusal(Code.INVALID_PARAMETER, str(error), field=field) from None
    except StoreUnavailable as error:
        raise store_refusal(write=False) from error
    return GrowingPage.of(page.items, cursor=page.cursor, limit=limit, has_next=page.has_next)


def cursor_expired(field: str) -> Refusal:
    return Refusal(
        Code.CURSOR_EXPIRED,
        "what followed this cursor is not kept any more; read the account's snapshot and go on from its cursor",
        field=field,
    )
