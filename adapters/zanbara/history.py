"""What changed a Zanbara account's cash. That there is a fund ledger is documented (docs.zanbarax.com, "overview"); its
path and rows are inferred."""

import re

from msgspec.json import decode

from adapters.contract import Throttle
from adapters.models import LedgerEntry, LedgerPage, Market
from adapters.zanbara import limits, wire
from adapters.zanbara.mapping import normalize_movement
from adapters.zanbara.requests import Endpoint
from adapters.zanbara.rest import PAGE, Rest

_LEDGER = Endpoint("GET", "/v1/account/ledger", limits.LEDGER, is_private=True)
_PLACE = re.compile(r"([0-9]{1,13})\.([0-9]{1,9})", re.ASCII)


class ZanbaraHistory:
    """Fulfils `contract.History`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def ledger(
        self, since_ms: int, until_ms: int, *, market: Market | None, after: str | None, limit: int, throttle: Throttle
    ) -> LedgerPage:
        """Goes on at a time, and behind so many of that time: new rows cannot come in between."""
        skip = 0
        if after is not None:
            if (found := _PLACE.fullmatch(after)) is None:
                raise ValueError("a cursor is one that an earlier page answered with")
            until_ms, skip = int(found[1]), int(found[2])
        rows = await self._rows(since_ms, until_ms, market, skip=skip, at_least=limit + 1, throttle=throttle)
        entries = rows[:limit]
        if len(rows) <= limit:
            return LedgerPage(entries, None)
        last_us = entries[-1].time_us
        read = sum(entry.time_us == last_us for entry in entries) + (skip if last_us == until_ms * 1_000 else 0)
        return LedgerPage(entries, f"{last_us // 1_000}.{read}")

    async def _rows(
        self, since_ms: int, until_ms: int, market: Market | None, *, skip: int, at_least: int, throttle: Throttle
    ) -> list[LedgerEntry]:
        """At least so many of the rows behind those to skip, or all there are."""
        asked: dict[str, str | int] = {"start_time": since_ms, "end_time": until_ms, "limit": PAGE}
        if market is not None:
            asked["symbol"] = market.venue_symbol
        rows: list[LedgerEntry] = []
        number, skip = skip // PAGE + 1, skip % PAGE
        while True:
            answer = await self._rest.read(_LEDGER, {**asked, "page": number}, throttle)
            with self._rest.reading(answer):
                page = self._rest.page(answer)
                here = [normalize_movement(decode(item, type=wire.Movement)) for item in page.items]
            if any(not since_ms <= row.time_us // 1_000 <= until_ms for row in here):
                raise self._rest.unreadable(answer, "it lists other times than were asked for")
            rows += here[skip:]
            if len(rows) >= at_least or not page.has_next or not here:
                return rows
            number, skip = number + 1, 0
