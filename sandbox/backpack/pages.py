"""Pages of histories: newest first unless asked otherwise, with how many rows there are in all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.backpack.parameters import Parameters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows, and how many there are."""

    rows: list[Any]
    total: int
    limit: int
    offset: int


def page(query: Parameters, newest_first: Iterable[T], written: Callable[[T], Any]) -> Page:
    """The page a query asks for; only its rows are written out."""
    limit, offset = query.page()
    is_ascending = query.choice("sortDirection", "SortDirection", ("Asc", "Desc"), "Desc") == "Asc"
    rows = list(newest_first)
    if is_ascending:
        rows.reverse()
    return Page([written(row) for row in rows[offset : offset + limit]], len(rows), limit, offset)
