"""A hub between Redis and its readers, with the test as the owner of the venue's streams."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.fanout.envelope import Frame, Kind
from gateway.fanout.hub import Hub
from gateway.fanout.mailbox import Mailbox
from gateway.fanout.pulse import Pulse, encode_pulse
from gateway.fanout.settings import FanoutSettings
from gateway.fanout.topic import Topic
from gateway.store import keys
from gateway.store.client import Store
from tests.gateway.fanout.frames import BOOK, TRADES, frame

SNAPSHOT, UPDATE = Kind.SNAPSHOT, Kind.UPDATE
QUICK = FanoutSettings(silence_s=30.0, ask_again_s=30.0, linger_s=0.0)


class Reader:
    def __init__(self, hub: Hub, topic: Topic = BOOK):
        self._wake = asyncio.Event()
        self._waiting: list[bytes] = []
        self.mailbox = Mailbox(10**6, self._wake.set)
        hub.subscribe(topic, self.mailbox)

    async def next(self) -> tuple[str, int, int]:
        async with asyncio.timeout(5):
            while not self._waiting:
                await self._wake.wait()
                self._wake.clear()
                self._waiting += self.mailbox.take(10**9)
        message: dict[str, Any] = json.loads(self._waiting.pop(0))
        return message["type"], message["epoch"], message["seq"]


class Owner:
    """What an owner would do: hear wishes, publish."""

    def __init__(self, store: Store, asked: asyncio.Queue[bytes]):
        self._store = store
        self.asked = asked

    async def publish(self, *frames: Frame, topic: Topic = BOOK) -> None:
        for each in frames:
            await self._store.command("PUBLISH", keys.feed_topic(topic.venue, str(topic)), each.pack())

    async def pulse(self, epoch: int, **seqs: int) -> None:
        pulse = Pulse(epoch, "owner", is_connected=True, seqs={str(BOOK): seqs.get("book", 0)})
        await self._store.command("PUBLISH", keys.feed_pulse(BOOK.venue), encode_pulse(pulse))

    async def was_asked(self) -> str:
        async with asyncio.timeout(5):
            return (await self.asked.get()).decode()


@asynccontextmanager
async def running(hub: Hub) -> AsyncIterator[Hub]:
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def owner(store: Store) -> AsyncIterator[Owner]:
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen() -> None:
        async with store.subscriber() as pubsub:
            await pubsub.subscribe(keys.feed_control(BOOK.venue))
            async for message in pubsub.listen():
                asked.put_nowait(message["data"] if message["type"] == "message" else b"listening")

    task = asyncio.create_task(listen())
    owner = Owner(store, asked)
    assert await owner.was_asked() == "listening"
    yield owner
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def hub(store: Store, owner: Owner) -> AsyncIterator[Hub]:
    async with running(Hub(store, [BOOK.venue], "replica", QUICK)) as hub:
        yield hub


async def test_the_first_reader_makes_a_wish_and_the_last_one_ends_it(store: Store, owner: Owner, hub: Hub) -> None:
    first, second = Reader(hub), Reader(hub)
    assert await owner.was_asked() == str(BOOK)
    wishes = await store.command("ZRANGE", keys.feed_wishes(BOOK.venue), 0, -1)
    assert wishes == [f"{BOOK}|replica".encode()]
    hub.close(first.mailbox)
    hub.close(second.mailbox)
    async with asyncio.timeout(5):
        while await store.command("EXISTS", keys.feed_wishes(BOOK.venue)):  # noqa: ASYNC110  # Redis tells nobody
            await asyncio.sleep(0.01)
    assert owner.asked.empty(), "one wish for any number of readers"


async def test_an_owner_that_was_replaced_reaches_nobody(owner: Owner, hub: Hub) -> None:
    reader = Reader(hub)
    await owner.was_asked()
    await owner.publish(frame(SNAPSHOT, 1, epoch=7))
    assert await reader.next() == ("snapshot", 7, 1)
    await owner.publish(frame(UPDATE, 2, epoch=6), frame(SNAPSHOT, 9, epoch=6))
    await owner.pulse(6, book=9)
    await owner.publish(frame(UPDATE, 2, epoch=7))
    assert await reader.next() == ("update", 7, 2)
    other = Reader(hub, TRADES)
    await owner.was_asked()
    await owner.publish(frame(SNAPSHOT, 4, epoch=6, topic=TRADES), topic=TRADES)
    await owner.publish(frame(SNAPSHOT, 1, epoch=7, topic=TRADES), topic=TRADES)
    assert await other.next() == ("snapshot", 7, 1), "not even on a topic that never heard of its successor"


async def test_a_gap_is_announced_and_a_snapshot_asked_for(owner: Owner, hub: Hub) -> None:
    reader = Reader(hub)
    await owner.was_asked()
    await owner.publish(frame(SNAPSHOT, 1))
    assert (await reader.next())[0] == "snapshot"
    await owner.publish(frame(UPDATE, 3))
    assert (await reader.next())[0] == "status"
    assert await owner.was_asked() == str(BOOK)
    await owner.publish(frame(UPDATE, 4), frame(SNAPSHOT, 4), frame(UPDATE, 5))
    assert [await reader.next() for _ in range(2)] == [("snapshot", 1, 4), ("update", 1, 5)]


async def test_a_message_lost_at_the_end_is_noticed_by_the_pulse(owner: Owner, hub: Hub) -> None:
    reader = Reader(hub)
    await owner.was_asked()
    await owner.publish(frame(SNAPSHOT, 1))
    await owner.pulse(1, book=1)
    assert (await reader.next())[0] == "snapshot"
    await owner.pulse(1, book=2)
    assert (await reader.next())[0] == "status"
    assert await owner.was_asked() == str(BOOK)


async def test_a_pulse_of_a_new_owner_makes_everything_resync(owner: Owner, hub: Hub) -> None:
    reader = Reader(hub)
    await owner.was_asked()
    await owner.publish(frame(SNAPSHOT, 1))
    assert (await reader.next())[0] == "snapshot"
    await owner.pulse(2)
    assert (await reader.next())[0] == "status"
    await owner.publish(frame(SNAPSHOT, 1, epoch=2))
    assert await reader.next() == ("snapshot", 2, 1)
    pulse = hub.state()[BOOK.venue]
    assert pulse is not None
    assert (pulse.owner, pulse.epoch) == ("owner", 2)


async def test_an_owner_that_falls_silent_is_no_longer_trusted(store: Store, owner: Owner) -> None:
    settings = FanoutSettings(silence_s=0.3, ask_again_s=0.1)
    async with running(Hub(store, [BOOK.venue], "replica", settings)) as hub:
        reader = Reader(hub)
        await owner.was_asked()
        await owner.publish(frame(SNAPSHOT, 1))
        assert (await reader.next())[0] == "snapshot"
        assert (await reader.next())[0] == "status"
        assert hub.state() == {BOOK.venue: None}
        await owner.pulse(1, book=1)
        await owner.publish(frame(SNAPSHOT, 1))
        assert (await reader.next())[0] == "snapshot"


async def test_a_reader_is_served_from_memory_without_asking_the_owner(owner: Owner, hub: Hub) -> None:
    reader = Reader(hub)
    await owner.was_asked()
    await owner.publish(frame(SNAPSHOT, 1), frame(UPDATE, 2))
    assert [await reader.next() for _ in range(2)] == [("snapshot", 1, 1), ("update", 1, 2)]
    joiner = Reader(hub)
    assert [await joiner.next() for _ in range(2)] == [("snapshot", 1, 1), ("update", 1, 2)]
    assert owner.asked.empty()


async def test_what_is_no_frame_is_dropped(store: Store, owner: Owner, hub: Hub) -> None:
    reader = Reader(hub)
    await owner.was_asked()
    await store.command("PUBLISH", keys.feed_topic(BOOK.venue, str(BOOK)), b"nonsense")
    await store.command("PUBLISH", keys.feed_pulse(BOOK.venue), b"nonsense")
    await owner.publish(frame(SNAPSHOT, 1))
    assert await reader.next() == ("snapshot", 1, 1)
