"""The archiver copies each entry once, cuts only what it has copied, and says where something was lost."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.models import AccountName, VenueName
from gateway.journal import Archiver, ArchiveTerms, Entry
from gateway.journal.archive_files import entries_in
from gateway.journal.archive_writer import ArchiveWriter
from gateway.journal.verify import verify
from gateway.store import keys
from gateway.store.client import Store

MAIN = AccountName("main")


def spell_out(entry: Entry) -> Mapping[str, Any]:
    return {"number": int(entry.data)}


class Fleet:
    """Archivers of one venue over one Redis and one directory."""

    def __init__(self, store: Store, directory: Path):
        self.store = store
        self.directory = directory
        self.venue = VenueName(f"v-{uuid4().hex[:8]}")
        self.key = keys.journal(self.venue, MAIN)
        self.written = 0

    def archiver(self, replica: str = "a", *, keep: int = 10, rotate_bytes: int = 4_096) -> Archiver:
        terms = ArchiveTerms(self.directory, rotate_bytes, 3600, keep)
        return Archiver(self.store, self.venue, lambda: [MAIN], spell_out, replica=replica, terms=terms)

    async def write(self, count: int) -> None:
        for _ in range(count):
            self.written += 1
            await self.store.command("XADD", self.key, "*", "kind", "k", "owner", "bot", "data", self.written)

    async def lose_lease(self) -> None:
        await self.store.command("DEL", keys.archive_lease(self.venue))

    def archived(self) -> list[int]:
        return [entry["data"]["number"] for entry in entries_in(self.directory / MAIN)]

    def gaps(self) -> list[dict[str, Any]]:
        lines = [line for path in sorted((self.directory / MAIN).iterdir()) for line in path.read_text().splitlines()]
        records = [json.loads(line) for line in lines]
        return [
            {name: record[name] for name in ("expected", "found")} for record in records if record["record"] == "gap"
        ]

    def check(self) -> None:
        assert [verdict.wrong for verdict in verify(self.directory)] == [None]


@pytest.fixture
def fleet(store: Store, tmp_path: Path) -> Fleet:
    return Fleet(store, tmp_path)


async def test_everything_is_copied_once_over_restarts_and_only_then_cut(fleet: Fleet) -> None:
    for _ in range(4):
        await fleet.write(700)
        archiver = fleet.archiver()
        assert await archiver.once()
        await fleet.write(5)
        assert await archiver.once()
        await fleet.lose_lease()
    assert fleet.archived() == list(range(1, fleet.written + 1))
    assert fleet.gaps() == []
    fleet.check()
    left = await fleet.store.command("XLEN", fleet.key)
    assert 10 <= left < 200  # Redis cuts whole nodes


async def test_only_who_holds_the_lease_writes(fleet: Fleet) -> None:
    one, other = fleet.archiver("a"), fleet.archiver("b")
    await fleet.write(3)
    assert await one.once()
    assert not await other.once()
    await fleet.lose_lease()
    await fleet.write(3)
    assert await other.once()
    assert not await one.once()
    assert fleet.archived() == list(range(1, 7))
    fleet.check()


async def test_one_that_is_paused_between_file_and_record_spoils_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, other = fleet.archiver("a"), fleet.archiver("b")
    await fleet.write(300)
    written, goes_on = asyncio.Event(), asyncio.Event()
    record = Archiver._record

    async def pause(self: Archiver, account: AccountName, writer: ArchiveWriter) -> None:
        if self is paused:
            written.set()
            await goes_on.wait()
        await record(self, account, writer)

    monkeypatch.setattr(Archiver, "_record", pause)
    working = asyncio.create_task(paused.once())
    await written.wait()
    await fleet.lose_lease()
    await fleet.write(300)
    assert await other.once()
    position = keys.archive_position(fleet.venue, MAIN)
    await fleet.store.command("DEL", position)
    goes_on.set()
    assert not await working
    assert await fleet.store.command("GET", position) is None  # its word was refused
    await fleet.write(10)
    assert await other.once()
    assert not await paused.once()
    assert fleet.archived() == list(range(1, fleet.written + 1))
    fleet.check()


async def test_what_was_cut_before_it_was_copied_is_a_gap(fleet: Fleet) -> None:
    await fleet.write(5)
    await fleet.archiver().once()
    await fleet.write(20)
    await fleet.store.command("XTRIM", fleet.key, "MAXLEN", 3)
    await fleet.archiver().once()
    assert fleet.archived() == [1, 2, 3, 4, 5, 23, 24, 25]
    assert fleet.gaps() == [{"expected": 6, "found": 23}]
    fleet.check()


async def test_a_store_that_lost_everything_is_a_gap(fleet: Fleet) -> None:
    await fleet.write(5)
    await fleet.archiver().once()
    for key in await fleet.store.command("KEYS", f"*{{{fleet.venue}}}*"):
        await fleet.store.command("DEL", key)
    await fleet.write(2)
    await fleet.archiver().once()
    assert fleet.archived() == list(range(1, 8))
    assert fleet.gaps() == [{"expected": 6, "found": 1}]
    fleet.check()


async def test_what_an_archive_cannot_take_stays_in_redis(fleet: Fleet) -> None:
    (fleet.directory / MAIN).write_text("in the way")
    await fleet.write(50)
    archiver = fleet.archiver(keep=1)
    assert await archiver.once()
    assert await fleet.store.command("XLEN", fleet.key) == 50
    (fleet.directory / MAIN).unlink()
    assert await archiver.once()
    assert fleet.archived() == list(range(1, 51))
