"""Reading a journal a page at a time, without following it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.journal.entry import BEGINNING, Entry, entries_of, position
from gateway.journal.reach import check_reach, newest_cursor
from gateway.store.client import Store

T = TypeVar("T")

_READ = 250
_LOOKED_AT_MAX = 5_000
"""Entries that one page looks at; a page may be empty and yet not be the last."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    cursor: str
    """Up to where was looked: what follows it comes next."""
    has_next: bool


async def read_page(
    store: Store,
    key: str,
    *,
    after: str | None,
    from_ms: int | None,
    to_ms: int | None,
    limit: int,
    take: Callable[[Entry], T | None],
) -> Page[T]:
    """What `take` makes of the entries after `after` (None: of all there are), oldest first.

    Raises `CursorExpired`, `ValueError` for a cursor that is none, and `StoreUnavailable`.
    """
    start, end = "-", "+" if to_ms is None else str(to_ms)
    if after is not None:
        at = position(after)
        await check_reach(store, key, at)
        start = f"({after}"
    if from_ms is not None and (after is None or position(after)[0] < from_ms):
        start = str(from_ms)
    items: list[T] = []
    cursor = after
    for _ in range(_LOOKED_AT_MAX // _READ):
        page = entries_of(await store.command("XRANGE", key, start, end, "COUNT", _READ))
        for entry in page:
            if len(items) == limit:
                return Page(items, cursor or BEGINNING, has_next=True)
            cursor = entry.cursor
            if (item := take(entry)) is not None:
                items.append(item)
        if len(page) < _READ:
            return Page(items, cursor or await newest_cursor(store, key), has_next=False)
        start = f"({cursor}"
    return Page(items, cursor or BEGINNING, has_next=True)
