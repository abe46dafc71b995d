"""The archiver: copies every account's journal to files, and cuts from Redis only what has been copied.

One replica does it for a venue, by lease; the files say how far it came, Redis merely repeats it. An entry that was cut
or lost before it was copied leaves a `gap` record.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from adapters.models import AccountName, VenueName
from gateway.errors import StoreUnavailable
from gateway.journal import metrics
from gateway.journal.archive_writer import ArchiveDamaged, ArchiveWriter, Superseded
from gateway.journal.entry import MAX_LENGTH, Entry, entries_of
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_LEASE = Script.load("gateway.journal", "archive_lease.lua")
_RELEASE = Script.load("gateway.store", "release.lua")
_ARCHIVED = Script.load("gateway.journal", "archived.lua")

_EVERY_S = 1.0
_LEASE_MS = 10_000
_PAGE = 500

SpellOut = Callable[[Entry], Mapping[str, Any]]
"""What an entry's data says, by name: an archive outlives the encoding of a version."""


@dataclass(frozen=True, slots=True)
class ArchiveTerms:
    """Where to, and when a file is full."""

    directory: Path
    rotate_bytes: int
    rotate_s: int
    keep: int = MAX_LENGTH
    """Entries that stay in Redis, at least."""


class Archiver:
    """Archives one venue's accounts, while this replica holds the lease."""

    def __init__(
        self,
        store: Store,
        venue: VenueName,
        accounts: Callable[[], Iterable[AccountName]],
        spell_out: SpellOut,
        *,
        replica: str,
        terms: ArchiveTerms,
    ):
        self._store = store
        self._venue = venue
        self._accounts = accounts
        self._spell_out = spell_out
        self._replica = replica
        self._terms = terms
        self._epoch = 0
        self._writers: dict[AccountName, ArchiveWriter] = {}

    async def run(self) -> None:
        """Copy again and again; ends only by cancellation."""
        try:
            while True:
                await self.once()
                await asyncio.sleep(_EVERY_S)
        finally:
            mark = f"{self._replica}|{self._epoch}"
            self._let_go()
            with suppress(StoreUnavailable):  # then it lapses
                await self._store.run(_RELEASE, [keys.archive_lease(self._venue)], [mark])

    async def once(self) -> bool:
        """One round over all accounts; answers whether it was ours to make."""
        for account in list(self._accounts()):
            try:
                if not await self._has_lease():
                    return False
                await self._copy(account)
            except Superseded as error:
                _log.warning("archive_taken_over", venue=self._venue, reason=str(error))
                self._let_go()
                return False
            except StoreUnavailable as error:
                _log.warning("journal_not_archived", account=account, error=str(error))
                return False
            except (OSError, ArchiveDamaged) as error:
                metrics.ARCHIVE_FAILURES.labels(account).inc()
                _log.error("journal_not_archived", account=account, error=str(error))
                self._close(account)
        return True

    async def _has_lease(self) -> bool:
        epoch = int(
            await self._store.run(
                _LEASE,
                [keys.archive_lease(self._venue), keys.archive_epoch(self._venue)],
                [self._replica, _LEASE_MS],
            )
        )
        if epoch != self._epoch:
            self._let_go()
            self._epoch = epoch
        metrics.ARCHIVING.labels(self._venue).set(epoch > 0)
        return epoch > 0

    async def _copy(self, account: AccountName) -> None:
        writer = self._writers.get(account)
        if writer is None:
            recorded = await self._store.command("GET", keys.archive_position(self._venue, account))
            writer = ArchiveWriter(
                self._terms.directory / account, venue=self._venue, account=account, epoch=self._epoch
            )
            self._writers[account] = writer
            await _in_thread(partial(writer.take_over, None if recorded is None else recorded.decode()))
        while records := await self._next(account, writer):
            now_ms = await self._store.time_us() // 1_000
            await _in_thread(partial(writer.append, records, now_ms=now_ms))
            metrics.ARCHIVED.labels(account).inc(len(records))
            await self._record(account, writer)
        now_ms = await self._store.time_us() // 1_000
        await _in_thread(
            partial(writer.rotate, now_ms=now_ms, rotate_bytes=self._terms.rotate_bytes, rotate_s=self._terms.rotate_s)
        )

    async def _next(self, account: AccountName, writer: ArchiveWriter) -> list[dict[str, Any]]:
        """What follows in the journal, as records of the archive.

        The last entry that was copied is read along: it stays in the journal, so that its absence shows a loss.
        """
        key, last = keys.journal(self._venue, account), writer.tail
        page = entries_of(await self._store.command("XRANGE", key, last.cursor or "-", "+", "COUNT", _PAGE))
        if not page:
            return []
        records: list[dict[str, Any]] = []
        number = last.number
        if page[0].cursor == last.cursor:
            page = page[1:]
        else:
            found = await self._number_of_first(key, page)
            if found != number + 1:
                metrics.ARCHIVE_GAPS.labels(account).inc()
                _log.error("journal_has_a_gap", account=account, after=last.cursor, expected=number + 1, found=found)
                records.append({"record": "gap", "after": last.cursor, "expected": number + 1, "found": found})
            number = number if found is None else found - 1
        for entry in page:
            number += 1
            records.append(
                {
                    "record": "entry",
                    "number": number,
                    "cursor": entry.cursor,
                    "kind": entry.kind,
                    "owner": entry.owner,
                    "data": self._spell_out(entry),
                }
            )
        return records

    async def _number_of_first(self, key: str, page: list[Entry]) -> int | None:
        """How many entries the journal had had when the page's first was added; None where that cannot be counted."""
        info, oldest = await asyncio.gather(
            self._store.command("XINFO", "STREAM", key), self._store.command("XRANGE", key, "-", "+", "COUNT", 1)
        )
        if oldest[0][0].decode() == page[0].cursor:
            return int(info[b"entries-added"]) - int(info[b"length"]) + 1
        newest = info[b"last-generated-id"].decode()
        return int(info[b"entries-added"]) - len(page) + 1 if newest == page[-1].cursor else None

    async def _record(self, account: AccountName, writer: ArchiveWriter) -> None:
        recorded = await self._store.run(
            _ARCHIVED,
            [
                keys.archive_lease(self._venue),
                keys.archive_position(self._venue, account),
                keys.journal(self._venue, account),
            ],
            [f"{self._replica}|{self._epoch}", _LEASE_MS, writer.tail.cursor or "0-0", self._terms.keep],
        )
        if not recorded:
            raise Superseded("the lease is another's")

    def _close(self, account: AccountName) -> None:
        if (writer := self._writers.pop(account, None)) is not None:
            writer.close()

    def _let_go(self) -> None:
        for account in list(self._writers):
            self._close(account)
        self._epoch = 0
        metrics.ARCHIVING.labels(self._venue).set(0)


async def _in_thread(work: Callable[[], None]) -> None:
    """Do it in a thread, to its end even if we are cancelled: nobody may close a file that is being written."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise
