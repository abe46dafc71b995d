"""Streams against a scripted WebSocket server on a real socket: heartbeat, tokens, coming back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from adapters.common.transport import HttpTransport
from adapters.contract import Channel, Endpoints, FetchToken, Venue, VenueAccount, VenueSettings
from adapters.models import (
    AccountName,
    BookDelta,
    BookSnapshot,
    ChannelState,
    FillEvent,
    OrderEvent,
    StreamEvent,
    StreamState,
    Trade,
)
from adapters.registry import FACTORIES
from adapters.zanbara import stream
from tests.adapters.doubles import FixedClock, RecordingThrottle, SystemClock
from tests.adapters.zanbara.samples import CREDENTIALS, SOL, VENUE, golden_bytes

Handler = Callable[[ServerConnection], Awaitable[None]]


class Tokens:
    """Gives what the test says; `refused` gives the next one."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.refusals: list[str] = []

    async def get(self, fetch: FetchToken) -> str:
        if not self.values:
            raise ConnectionError
        return self.values[0]

    async def refused(self, token: str) -> None:
        self.refusals.append(token)
        if self.values[0] == token:
            self.values.pop(0)


@contextlib.asynccontextmanager
async def served(
    handler: Handler, tokens: Tokens | None = None, clock: Any = None
) -> AsyncIterator[tuple[Venue, VenueAccount]]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport()
        settings = VenueSettings(VENUE, Endpoints("http://127.0.0.1:1", f"ws://127.0.0.1:{port}"))
        venue = FACTORIES["zanbara"](settings, transport=transport, clock=clock or SystemClock())
        account = venue.open_account(AccountName("main"), CREDENTIALS, transport, tokens or Tokens("one"))
        async with asyncio.timeout(15):
            yield venue, account
        await transport.aclose()


async def read(connection: ServerConnection, message_type: str) -> dict[str, Any]:
    """The next frame of this type; what comes before it is dropped."""
    while True:
        message: dict[str, Any] = json.loads(await connection.recv())
        if message["type"] == message_type:
            return message


async def say(connection: ServerConnection, *names: str) -> None:
    for name in names:
        await connection.send(golden_bytes(name).decode())


async def test_market_data_from_snapshot_to_updates() -> None:
    async def venue_side(connection: ServerConnection) -> None:
        wished = {(await read(connection, "subscribe"))["channel"] for _ in range(2)}
        assert wished == {"orderbook", "trades"}
        await say(connection, "stream_orderbook_snapshot_synthetic", "stream_trades_snapshot_synthetic")
        await say(connection, "stream_orderbook_update_synthetic", "stream_trades_update_synthetic")
        await connection.wait_closed()

    async with served(venue_side) as (venue, _), venue.streams.connect() as live:
        live.subscribe(Channel.ORDERBOOK, SOL)
        live.subscribe(Channel.TRADES, SOL)
        events = aiter(live)
        seen = [await anext(events) for _ in range(5)]
        assert [type(event) for event in seen] == [ChannelState, BookSnapshot, BookDelta, Trade, Trade]


async def test_a_venue_that_does_not_answer_the_heartbeat_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock()
    pinged = asyncio.Event()

    async def mute(connection: ServerConnection) -> None:
        await read(connection, "ping")
        pinged.set()
        await connection.wait_closed()

    monkeypatch.setattr("adapters.zanbara.ASK_EVERY_S", 0.02)
    async with served(mute, clock=clock) as (venue, _), venue.streams.connect() as live:
        events = aiter(live)
        assert await anext(events) == ChannelState(StreamState.CONNECTED, "connected", clock.time_us())
        await pinged.wait()
        clock.now_ms += 10_001
        lost = await anext(events)
        assert isinstance(lost, ChannelState)
        assert (lost.state, lost.reason) == (StreamState.DISCONNECTED, "the heartbeat was not answered")
        assert (await anext(events)) == ChannelState(StreamState.CONNECTED, "connected", clock.time_us())


async def test_private_events_after_authenticating() -> None:
    async def venue_side(connection: ServerConnection) -> None:
        assert (await read(connection, "auth"))["token"] == "one"
        wished = [await read(connection, "subscribe") for _ in range(4)]
        assert wished == [
            {"type": "subscribe", "channel": channel} for channel in ("orders", "fills", "positions", "balance")
        ]
        await say(connection, "stream_authenticated_synthetic", "stream_orders_snapshot_synthetic")
        await say(connection, "stream_fills_update_synthetic", "stream_orders_update_synthetic")
        await connection.wait_closed()

    async with served(venue_side) as (_, account):
        assert account.streams is not None
        async with account.streams.connect(RecordingThrottle()) as events:
            seen = [await anext(events) for _ in range(4)]
        assert [type(event) for event in seen] == [ChannelState, OrderEvent, FillEvent, OrderEvent]


async def test_a_refused_token_is_replaced_and_the_stream_begins_anew() -> None:
    async def venue_side(connection: ServerConnection) -> None:
        if (await read(connection, "auth"))["token"] == "old":
            await say(connection, "stream_error_token_synthetic")
            await connection.close(4001)
            return
        await say(connection, "stream_orders_snapshot_synthetic")
        await connection.wait_closed()

    tokens = Tokens("old", "new")
    async with served(venue_side, tokens) as (_, account):
        assert account.streams is not None
        async with account.streams.connect(RecordingThrottle()) as events:
            states = [await anext(events) for _ in range(3)]
            assert [event.state for event in states if isinstance(event, ChannelState)] == [
                StreamState.CONNECTED,
                StreamState.DISCONNECTED,
                StreamState.CONNECTED,
            ]
            assert isinstance(await anext(events), OrderEvent)
        assert tokens.refusals == ["old"]


async def test_a_renewed_token_is_shown_on_the_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens("old", "new")
    monkeypatch.setattr(stream, "ASK_EVERY_S", 0.02)

    async def venue_side(connection: ServerConnection) -> None:
        assert (await read(connection, "auth"))["token"] == "old"
        await say(connection, "stream_orders_snapshot_synthetic")
        tokens.values.pop(0)
        assert (await read(connection, "auth"))["token"] == "new"
        await say(connection, "stream_orders_update_synthetic")
        await connection.wait_closed()

    async with served(venue_side, tokens) as (_, account):
        assert account.streams is not None
        async with account.streams.connect(RecordingThrottle()) as events:
            seen: list[StreamEvent] = [await anext(events) for _ in range(3)]
        assert [type(event) for event in seen] == [ChannelState, OrderEvent, OrderEvent]
        assert tokens.refusals == []


async def test_it_waits_for_a_token_before_it_connects() -> None:
    connections = 0

    async def venue_side(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await connection.wait_closed()

    tokens = Tokens()
    async with served(venue_side, tokens) as (_, account):
        assert account.streams is not None
        async with account.streams.connect(RecordingThrottle()) as events:
            first = asyncio.ensure_future(anext(events))
            await asyncio.wait([first], timeout=0.1)
            assert connections == 0
            tokens.values.append("late")
            assert isinstance(await first, ChannelState)
