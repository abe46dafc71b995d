"""Reads query parameters and pages of lists. What is unknown is ignored; what is wrong is refused, never clamped."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sandbox.matching import Market
from sandbox.zanbara.errors import invalid, unknown_symbol

T = TypeVar("T")
FOREVER_MS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    limit: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.limit

    def of(self, rows: Iterable[T], total: int, write: Callable[[T], Any]) -> dict[str, Any]:
        """The venue's list object: only this page's rows are written."""
        shown = [write(row) for row in islice(rows, self.offset, self.offset + self.limit)]
        return {
            "items": shown,
            "total": total,
            "page": self.number,
            "limit": self.limit,
            "total_pages": -(-total // self.limit),
            "has_next": self.number * self.limit < total,
            "has_prev": self.number > 1,
        }

    def of_list(self, rows: Sequence[T], write: Callable[[T], Any]) -> dict[str, Any]:
        return self.of(rows, len(rows), write)


class Query:
    """A request's query; of a repeated parameter the last counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values = dict(pairs)

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def integer(self, name: str, default: int, *, low: int = 0, high: int = FOREVER_MS) -> int:
        value = self._values.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()) or len(value) > 19 or not low <= int(value) <= high:
            raise invalid(name, f"{name} must be an integer from {low} to {high}")
        return int(value)

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        value = self._values.get(name)
        if value is not None and value not in allowed:
            raise invalid(name, f"Unknown {name}")
        return value

    def choices(self, name: str, allowed: Iterable[str]) -> frozenset[str] | None:
        """A comma list of choices; None if not asked for."""
        value = self._values.get(name)
        if value is None:
            return None
        chosen = frozenset(value.split(","))
        if not chosen <= frozenset(allowed):
            raise invalid(name, f"Unknown {name}")
        return chosen

    def page(self) -> Page:
        return Page(self.integer("page", 1, low=1), self.integer("limit", 20, low=1, high=100))

    def times_ms(self) -> tuple[int, int]:
        """`start_time` and `end_time`, both inclusive."""
        start_ms, end_ms = self.integer("start_time", 0), self.integer("end_time", FOREVER_MS)
        if start_ms > end_ms:
            raise invalid("start_time", "start_time is after end_time")
        return start_ms, end_ms

    def symbol(self, markets: dict[str, Market]) -> str | None:
        """A symbol that need not be named but must exist."""
        value = self._values.get("symbol")
        if value is not None and value not in markets:
            raise unknown_symbol()
        return value
