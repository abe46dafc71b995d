"""Reading journals: one connection per replica for all accounts that somebody here follows.

A follower gets everything after its cursor, each entry once and in order, then what comes live. Nothing is dropped
here: a follower that cannot keep up is its user's to end, and it resumes by its last cursor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import structlog
from redis.exceptions import RedisError

from adapters.common.backoff import delays
from adapters.models import AccountName, VenueName
from gateway.journal.entry import Entry, Position, position
from gateway.store import keys
from gateway.store.client import Store

_log = structlog.get_logger()

_BLOCK_MS = 500
"""How long one read waits: as long as a newly followed account may have to wait for its first live entry."""
_PAGE = 500
_REPLAY_PAGE = 20
"""Entries that a follower must have room for at once."""

_Name = bytes | str | memoryview
_Id = int | bytes | str | memoryview
_Pages = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class CursorExpired(Exception):
    """Entries after the cursor have been cut off: what was missed cannot be told."""


@dataclass(eq=False, slots=True)
class Follower:
    """Somebody who follows one account's journal from a position on."""

    offer: Callable[[Entry], None]
    at: Position
    is_live: bool = False
    """False: still catching up, from where `at` says."""


@dataclass(slots=True)
class _Journal:
    key: str
    at: str
    """The last entry that was read."""
    followers: set[Follower] = field(default_factory=set)


class Journals:
    """The journals of all accounts."""

    def __init__(self, store: Store):
        self._store = store
        self._followed: dict[str, _Journal] = {}
        self._wanted = asyncio.Event()

    async def follow(
        self,
        venue: VenueName,
        account: AccountName,
        after: str | None,
        offer: Callable[[Entry], None],
        *,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[Follower, str]:
        """Offer every entry after `after` (None: only what is new), then return; live entries follow by themselves.

        What is long past is offered no faster than `room` returns, a few entries at a time. Answers with the cursor up
        to which everything was offered. Raises `CursorExpired`, `ValueError` for a cursor
        that is none, and `StoreUnavailable`.
        """
        key = keys.journal(venue, account)
        if after is None:
            newest = await self._store.command("XREVRANGE", key, "+", "-", "COUNT", 1)
            after = newest[0][0].decode() if newest else "0-0"
        follower = Follower(offer, position(after))
        await self._check_reach(key, follower.at)
        journal = self._followed.setdefault(key, _Journal(key, after))
        journal.followers.add(follower)
        self._wanted.set()
        try:
            await self._catch_up(journal, follower, room)
        except BaseException:
            self.leave(follower)
            raise
        return follower, _text(follower.at)

    async def _catch_up(
        self, journal: _Journal, follower: Follower, room: Callable[[], Awaitable[None]] | None
    ) -> None:
        while True:
            if room is not None:
                await room()
            after = f"({_text(follower.at)}"
            page = await self._store.command("XRANGE", journal.key, after, "+", "COUNT", _REPLAY_PAGE)
            for cursor, fields in page:
                _offer(follower, Entry.read(cursor, dict(zip(fields[::2], fields[1::2], strict=True))))
            # What the reader has read meanwhile was not offered to us: only when we are past that are we live.
            if not page and position(journal.at) <= follower.at:
                follower.is_live = True
                return

    def leave(self, follower: Follower) -> None:
        """Offer it nothing more; safe to repeat."""
        for key, journal in list(self._followed.items()):
            journal.followers.discard(follower)
            if not journal.followers:
                del self._followed[key]

    async def run(self) -> None:
        """Read for ever, over any number of reconnects; ends only by cancellation."""
        waits = delays(0.05, 1.0)
        while True:
            with suppress(RedisError, OSError):
                async with self._store.dedicated() as redis:
                    while True:
                        await self._wanted.wait()
                        if not self._followed:
                            self._wanted.clear()
                            continue
                        streams: dict[_Name, _Id] = {journal.key: journal.at for journal in self._followed.values()}
                        answer = await redis.xread(streams, count=_PAGE, block=_BLOCK_MS)
                        waits = delays(0.05, 1.0)
                        self._deliver(cast("_Pages", answer))  # redis-py cannot know that we decode nothing
            _log.warning("journal_disconnected")
            await asyncio.sleep(next(waits))

    def _deliver(self, answer: _Pages) -> None:
        for key, page in answer:
            journal = self._followed.get(key.decode())
            if journal is None:
                continue
            for cursor, fields in page:
                entry = Entry.read(cursor, fields)
                journal.at = entry.cursor
                for follower in list(journal.followers):
                    if follower.is_live:
                        _offer(follower, entry)

    async def _check_reach(self, key: str, at: Position) -> None:
        """A cursor is an entry that is still there. If it is not, it was cut off, or was of a store that was lost."""
        if at != (0, 0):
            found = await self._store.command("XRANGE", key, _text(at), _text(at))
            if not found:
                raise CursorExpired


def _offer(follower: Follower, entry: Entry) -> None:
    at = position(entry.cursor)
    if at > follower.at:
        follower.at = at
        follower.offer(entry)


def _text(at: Position) -> str:
    return f"{at[0]}-{at[1]}"
