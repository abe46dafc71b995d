"""What moved a Backpack account's cash on futures: fees, profits, funding. Source: docs.backpack.exchange, "History".

The venue has no list of everything: deposits, withdrawals and spot trades have their own. This one takes no times, so
what is too new is read over.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.json import decode

from adapters.backpack import limits, wire
from adapters.backpack.mapping import normalize_settlement
from adapters.backpack.requests import Endpoint
from adapters.backpack.rest import Rest
from adapters.contract import Throttle
from adapters.errors import NotSupported
from adapters.models import LedgerEntry, LedgerPage, Market

_SETTLEMENTS = Endpoint("GET", "/wapi/v1/history/settlement", limits.LEDGER, "settlementHistoryQueryAll")
_PAGE = 1000
_CALLS_MAX = 3
Row = tuple[int, LedgerEntry]
"""A movement and its number in the venue's engine."""

_PLACE = re.compile(r"([0-9]{1,9})\.([0-9]{1,19})\.([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """How far the list, newest first, was read.

    Rows only ever move on to later offsets. Those of one event share its sequence, so `offset` is that of the first of
    them, and `read` says how many of them were read.
    """

    offset: int = 0
    sequence: int | None = None
    read: int = 0

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Raises `ValueError` for what `str` did not make."""
        if (found := _PLACE.fullmatch(text)) is None:
            raise ValueError("a cursor is one that an earlier page answered with")
        return cls(*(int(part) for part in found.groups()))

    def __str__(self) -> str:
        return f"{self.offset}.{self.sequence or 0}.{self.read}"

    def past(self, index: int, sequence: int) -> "Place":
        if sequence == self.sequence:
            return Place(self.offset, self.sequence, self.read + 1)
        return Place(index, sequence, 1)

    def unread(self, rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
        """Of rows that were read from `offset` on, those that follow, each with where it is now."""
        again = 0
        for index, row in enumerate(rows, self.offset):
            sequence, _ = row
            if self.sequence is not None and sequence >= self.sequence:
                again += sequence == self.sequence
                if sequence > self.sequence or again <= self.read:
                    continue
            yield index, row


class BackpackHistory:
    """Fulfils `contract.History`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def ledger(
        self, since_ms: int, until_ms: int, *, market: Market | None, after: str | None, limit: int, throttle: Throttle
    ) -> LedgerPage:
        if market is not None:
            raise NotSupported(self._rest.venue, "the venue does not say of which market a movement is")
        place = Place() if after is None else Place.parse(after)
        page = LedgerPage([], None)
        for _ in range(_CALLS_MAX):
            rows = await self._rows(place.offset, throttle)
            for index, (sequence, entry) in place.unread(rows):
                if entry.time_us < since_ms * 1_000:
                    return page
                if len(page.entries) == limit:
                    return LedgerPage(page.entries, str(place))
                place = place.past(index, sequence)
                if entry.time_us // 1_000 <= until_ms:
                    page.entries.append(entry)
            if len(rows) < _PAGE:
                return page
        return LedgerPage(page.entries, str(place))

    async def _rows(self, offset: int, throttle: Throttle) -> list[Row]:
        response = await self._rest.read(_SETTLEMENTS, {"limit": _PAGE, "offset": offset}, throttle)
        with self._rest.reading(response):
            rows = decode(response.content, type=list[wire.Settlement])
            return [(row.engine_sequence, normalize_settlement(row)) for row in rows]
