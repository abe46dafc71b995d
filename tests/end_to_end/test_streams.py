"""Market data as clients of two replicas see it, judged by the venue's own record; and the death of its owner."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import SYMBOL, VENUE, VENUE_SYMBOL, Bot, VenueControl, bot_of, eventually, venue_of

CHANNELS = ("ticker", "orderbook", "trades")
SIDES = ("bids", "asks")
LEASE_MS = 800

Levels = dict[Decimal, Decimal]


class Follower:
    """A client's socket: every message is checked against the one before, and the book is kept."""

    def __init__(self, socket: ClientConnection):
        self.socket = socket
        self.raw: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.positions: dict[str, tuple[int, int]] = {}
        self.book: dict[str, Levels] = {side: {} for side in SIDES}
        self.books: dict[int, dict[str, Levels]] = {}
        """The book after every update id."""

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def subscribe(self, channel: str, symbol: str = SYMBOL, **more: Any) -> None:
        await self.send(op="subscribe", channel=channel, venue=VENUE, symbol=symbol, **more)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            text = await self.socket.recv()
        assert isinstance(text, str)
        message: dict[str, Any] = json.loads(text)
        if "seq" in message:
            self.raw.append(text)
            self.messages.append(message)
            self._follow(message)
        return message

    async def until(self, **members: Any) -> dict[str, Any]:
        """Skip to the next message with these members."""
        while True:
            message = await self.next()
            if members.items() <= message.items():
                return message

    async def follow(self, seconds: float) -> None:
        """Take whatever comes in this time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await self.next()

    async def subscribe_to_all(self) -> None:
        """Subscribe to every channel, and wait for the first message of each."""
        for channel in CHANNELS:
            await self.subscribe(channel)
        while self.positions.keys() != set(CHANNELS):
            await self.next()

    async def end(self) -> None:
        """Take what still comes until the connection ends; raises `ConnectionClosed`."""
        while True:
            await self.next()

    def of(self, channel: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["channel"] == channel]

    def updates(self, channel: str) -> dict[tuple[int, int], str]:
        """The channel's updates as they came, by epoch and seq."""
        return {
            (message["epoch"], message["seq"]): text
            for message, text in zip(self.messages, self.raw, strict=True)
            if (message["channel"], message["type"]) == (channel, "update")
        }

    def _follow(self, message: dict[str, Any]) -> None:
        channel, position = message["channel"], (message["epoch"], message["seq"])
        assert (message["venue"], message["symbol"]) == (VENUE, SYMBOL)
        if message["type"] == "update":
            epoch, seq = self.positions[channel]
            assert position == (epoch, seq + 1), f"{channel}: {position} after {(epoch, seq)}"
            assert message["integrity"] == "ok"
            assert 0 < message["venue_time_us"] <= message["received_time_us"] + 1_000_000
        self.positions[channel] = position
        if channel == "orderbook" and message["data"] is not None:
            self._keep_book(message)

    def _keep_book(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.book = {side: {} for side in SIDES}
        for side in SIDES:
            for price, quantity in message["data"][side]:
                if Decimal(quantity):
                    self.book[side][Decimal(price)] = Decimal(quantity)
                else:
                    self.book[side].pop(Decimal(price), None)
        assert max(self.book["bids"]) < min(self.book["asks"]), "the book is crossed"
        self.books[message["data"]["update_id"]] = {side: dict(self.book[side]) for side in SIDES}


@asynccontextmanager
async def follower_at(stack: Stack, replica: int) -> AsyncIterator[Follower]:
    url = stack.urls[replica].replace("http", "ws", 1) + "/v1/ws"
    async with connect(url, proxy=None, max_queue=None) as socket:
        yield Follower(socket)


async def true_books(venue: VenueControl, seconds: float) -> dict[int, dict[str, Levels]]:
    """The venue's own book, as its REST shows it at a few moments."""
    found: dict[int, dict[str, Levels]] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        depth = await venue.get("/api/v1/depth", symbol=VENUE_SYMBOL)
        found[int(depth["lastUpdateId"])] = {
            side: {Decimal(price): Decimal(quantity) for price, quantity in depth[side]} for side in SIDES
        }
        await asyncio.sleep(0.05)
    return found


async def test_every_channel_arrives_whole_the_same_at_both_replicas_from_one_subscription(
    stack: Stack, venue: VenueControl
) -> None:
    async with follower_at(stack, 0) as first, follower_at(stack, 1) as second:
        await first.subscribe_to_all()
        await second.subscribe_to_all()
        truths, _, _ = await asyncio.gather(true_books(venue, 3), first.follow(3), second.follow(3))

        for follower in (first, second):
            for channel in CHANNELS:
                got = follower.of(channel)
                assert (got[0]["type"], got[0]["integrity"]) == ("snapshot", "ok")
                assert {message["type"] for message in got[1:]} == {"update"}
                assert len(got) >= 3, channel
            compared = truths.keys() & follower.books.keys()
            assert len(compared) >= 10
            for update_id in compared:
                assert follower.books[update_id] == truths[update_id], update_id

        for channel in CHANNELS:
            one, other = first.updates(channel), second.updates(channel)
            common = one.keys() & other.keys()
            assert len(common) >= min(len(one), len(other)) - 3
            assert all(one[position] == other[position] for position in common), "the same bytes at both replicas"
        held = await venue.streams()
        assert held.keys() >= {f"{stream}.{VENUE_SYMBOL}" for stream in ("depth", "ticker", "trade")}
        assert set(held.values()) == {1}


async def test_what_was_missed_is_replayed_to_a_client_that_comes_back(stack: Stack) -> None:
    async with follower_at(stack, 0) as steady:
        await steady.subscribe("orderbook")
        async with follower_at(stack, 1) as client:
            await client.subscribe("orderbook")
            while len(client.messages) < 3:
                await client.next()
        epoch, seq = client.positions["orderbook"]
        await steady.follow(0.5)
        async with follower_at(stack, 1) as back:
            await back.subscribe("orderbook", since={"epoch": epoch, "seq": seq})
            assert (await back.next())["type"] == "subscribed"
            back.positions, back.book = client.positions, client.book
            first = await back.next()
            assert (first["type"], first["epoch"], first["seq"]) == ("update", epoch, seq + 1)


async def test_a_wrong_frame_is_answered_and_the_connection_goes_on(stack: Stack) -> None:
    async with follower_at(stack, 0) as client:

        async def error(field: str | None, **frame: Any) -> str:
            await client.send(**frame, id=7)
            answer = await client.next()
            assert (answer["type"], answer["id"], answer["error"].get("field")) == ("error", 7, field), answer
            assert answer["error"]["message"]
            assert answer["error"]["request_id"]
            return str(answer["error"]["code"])

        market = {"op": "subscribe", "channel": "orderbook", "venue": VENUE, "symbol": SYMBOL}
        assert await error("channel", **market | {"channel": "gossip"}) == "INVALID_PARAMETER"
        assert await error("channel", **market | {"channel": "funding"}) == "NOT_SUPPORTED"
        assert await error("symbol", **market | {"symbol": "NO-SUCH"}) == "MARKET_NOT_FOUND"
        assert await error("venue", **market | {"venue": "no-such"}) == "VENUE_NOT_FOUND"
        assert await error("depth", **market | {"depth": 7}) == "NOT_SUPPORTED"
        assert await error("colour", **market | {"colour": "red"}) == "INVALID_REQUEST"
        assert await error(None, op="auth", token="garbage") == "AUTHENTICATION_FAILED"
        assert await error("op", op="dance") == "INVALID_PARAMETER"
        await client.socket.send("{")
        assert (await client.next())["error"]["code"] == "INVALID_REQUEST"
        await client.send(type="ping", id="mine")
        pong = await client.next()
        assert (pong["type"], pong["id"]) == ("pong", "mine")
        assert abs(pong["timestamp"] / 1000 - time.time()) < 60


async def test_a_token_is_taken_and_unsubscribing_ends_the_messages(stack: Stack, bot: Bot) -> None:
    async with follower_at(stack, 0) as client:
        await client.send(op="auth", token=bot.token)
        assert (await client.next())["type"] == "authenticated"
        await client.subscribe("orderbook", id=1)
        await client.until(type="subscribed", id=1)
        await client.until(type="update")
        await client.send(op="unsubscribe", channel="orderbook", venue=VENUE, symbol=SYMBOL, id=2)
        await client.until(type="unsubscribed", id=2)
        await client.send(type="ping")
        assert (await client.next())["type"] == "pong", "nothing came in between"


@pytest.fixture
def dying(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Two replicas, of which one is about to die."""
    with running(StackOptions(replicas=2, settings={"feeds": {"lease_ms": LEASE_MS}})) as started:
        yield started


async def owner_of(stack: Stack) -> int:
    """Which of the replicas keeps the venue's streams."""
    owners: list[int] = []

    async def is_owned() -> bool:
        for number in range(len(stack.urls)):
            async with bot_of(stack, number) as bot:
                status = await bot.ask("GET", "/v1/system/status")
                if status["replica"] == status["venues"][0]["streams"]["owner"]:
                    owners.append(number)
        return bool(owners)

    await eventually(is_owned, what="one of them owns the streams")
    return owners[0]


async def test_the_death_of_the_streams_owner_is_announced_and_repaired_by_a_new_epoch(dying: Stack) -> None:
    owner = await owner_of(dying)
    async with (
        follower_at(dying, 1 - owner) as client,
        follower_at(dying, owner) as orphan,
        venue_of(dying) as venue,
        bot_of(dying, 1 - owner) as bot,
    ):
        await client.subscribe_to_all()
        await orphan.subscribe("orderbook")
        before = {channel: client.positions[channel][0] for channel in CHANNELS}
        await orphan.until(type="update")

        dying.gateways[owner].process.kill()
        killed = time.monotonic()
        with pytest.raises(ConnectionClosed):
            await orphan.end()
        status = await client.until(channel="orderbook", type="status")
        assert (status["integrity"], status["data"]) == ("resyncing", None)
        snapshot = await client.until(channel="orderbook", type="snapshot")
        gap_s = time.monotonic() - killed
        print(f"\nbook back {gap_s:.2f} s after its owner was killed (lease {LEASE_MS} ms)")
        assert snapshot["integrity"] == "ok"
        truths, _ = await asyncio.gather(true_books(venue, 2), client.follow(2))
        for channel in CHANNELS:
            assert client.positions[channel][0] > before[channel], channel
            assert client.of(channel)[-1]["integrity"] == "ok"
        compared = [update_id for update_id in truths if update_id in client.books]
        assert len(compared) >= 5
        assert all(client.books[update_id] == truths[update_id] for update_id in compared)

        async def is_alone() -> bool:
            return set((await venue.streams()).values()) == {1}

        await eventually(is_alone, 5, "the dead owner's subscriptions are gone")
        state = await bot.ask("GET", "/v1/system/status")
        assert (state["replica"], True) == tuple(state["venues"][0]["streams"].values())
        assert gap_s < 3
