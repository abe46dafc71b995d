"""Followers of a journal get everything after their cursor, once, in order, and then what comes live."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from adapters.models import AccountName, VenueName
from gateway.errors import StoreUnavailable
from gateway.journal import CursorExpired, Entry, Journals
from gateway.store import keys
from gateway.store.client import Store
from tests.redis_process import RedisProcess, eventually

ACCOUNT = AccountName("main")
Write = Callable[[int], Awaitable[str]]


class Desk:
    """One account's journal, and a replica that reads it."""

    def __init__(self, store: Store, journals: Journals):
        self.venue = VenueName(f"v-{uuid4().hex[:8]}")
        self.journals = journals
        self._store = store

    async def write(self, number: int, *, max_length: int = 5000) -> str:
        key = keys.journal(self.venue, ACCOUNT)
        cursor = await self._store.command(
            "XADD", key, "MAXLEN", max_length, "*", "kind", "order", "owner", "bot", "number", number
        )
        return str(cursor.decode())

    async def follow(self, seen: list[int], after: str | None = None) -> str:
        def offer(entry: Entry) -> None:
            seen.append(int(entry.fields[b"number"]))

        _, cursor = await self.journals.follow(self.venue, ACCOUNT, after, offer)
        return cursor


@asynccontextmanager
async def desk_of(store: Store) -> AsyncIterator[Desk]:
    journals = Journals(store)
    reading = asyncio.create_task(journals.run())
    try:
        yield Desk(store, journals)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@pytest.fixture
async def desk(store: Store) -> AsyncIterator[Desk]:
    async with desk_of(store) as made:
        yield made


async def until(seen: list[int], expected: list[int]) -> None:
    async def is_so() -> bool:
        return seen == expected

    await eventually(is_so)


async def test_without_a_cursor_only_what_is_new_comes(desk: Desk) -> None:
    seen: list[int] = []
    await desk.write(1)
    await desk.follow(seen)
    await desk.write(2)
    await until(seen, [2])


async def test_everything_after_the_cursor_comes_before_the_call_returns(desk: Desk) -> None:
    seen: list[int] = []
    first = await desk.write(1)
    last = [await desk.write(number) for number in range(2, 1_300)][-1]
    assert await desk.follow(seen, first) == last
    assert seen == list(range(2, 1_300))


async def test_entries_written_while_catching_up_come_once_and_in_order(desk: Desk) -> None:
    """Another follower keeps the journal moving ahead of the one that catches up."""
    ahead: list[int] = []
    first = await desk.write(0)
    await desk.follow(ahead)

    async def write_all() -> None:
        for number in range(1, 600):
            await desk.write(number)

    writing = asyncio.create_task(write_all())
    joined: list[list[int]] = []
    for _ in range(20):
        seen: list[int] = []
        await desk.follow(seen, first)
        joined.append(seen)
    await writing
    for seen in joined:
        await until(seen, list(range(1, 600)))
    await until(ahead, list(range(1, 600)))


async def test_a_cursor_whose_followers_were_cut_off_is_refused(desk: Desk) -> None:
    first = await desk.write(1)
    for number in range(2, 10):
        await desk.write(number, max_length=3)
    with pytest.raises(CursorExpired):
        await desk.follow([], first)


async def test_what_is_no_cursor_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await desk.follow([], "yesterday")


async def test_who_left_gets_nothing_more(desk: Desk) -> None:
    seen: list[int] = []
    stays: list[int] = []
    follower, _ = await desk.journals.follow(desk.venue, ACCOUNT, None, lambda entry: seen.append(1))
    await desk.follow(stays)
    desk.journals.leave(follower)
    await desk.write(7)
    await until(stays, [7])
    assert seen == []


async def test_reading_goes_on_after_redis_was_gone() -> None:
    with RedisProcess() as redis:
        async with Store.open(redis.url) as store, desk_of(store) as desk:
            seen: list[int] = []
            await desk.follow(seen)
            await desk.write(1)
            await until(seen, [1])
            redis.kill()
            redis.start()

            async def is_up() -> bool:
                try:
                    return bool(await store.command("PING"))
                except StoreUnavailable:
                    return False

            await eventually(is_up)
            await desk.write(2)
            await until(seen, [1, 2])
