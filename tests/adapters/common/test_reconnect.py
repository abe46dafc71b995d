"""The kept stream against a real WebSocket server that comes, goes and misbehaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from adapters.common import reconnect
from adapters.common.reconnect import KeptStream
from adapters.common.session import OutOfStep, Received
from adapters.models import ChannelState, StreamState
from tests.harness.fault_proxy import Connections, FaultProxy
from tests.harness.faults import HalfOpen


class Clock:
    def venue_time_ms(self) -> int:
        return 1

    def time_us(self) -> int:
        return 2

    def doubt(self) -> None: ...


class EchoSession:
    """Wants whatever it is told to want; every frame becomes a `ChannelState` carrying its text."""

    def __init__(self) -> None:
        self.wishes: list[str] = []
        self.sent = 0

    def opened(self) -> None:
        self.sent = 0

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        new = self.wishes[self.sent :]
        self.sent = len(self.wishes)
        if "defect" in new:
            raise ZeroDivisionError
        return new

    def received(self, frame: bytes, *, received_time_us: int) -> Received:
        text = frame.decode()
        if text == "garbage":
            raise OutOfStep("unreadable")
        return None if text == "nothing" else ChannelState(StreamState.CONNECTED, f"got {text}", received_time_us)


Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def kept(handler: Handler, session: EchoSession) -> AsyncIterator[tuple[KeptStream, AsyncIterator[str]]]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = KeptStream(f"ws://127.0.0.1:{port}/", session, Clock(), name="test", buffered_events=4)
        async with stream.running(), asyncio.timeout(10):
            yield stream, reasons(stream)


async def reasons(stream: KeptStream) -> AsyncIterator[str]:
    async for event in stream.events():
        assert isinstance(event, ChannelState)
        yield event.reason


async def _next(seen: AsyncIterator[str]) -> str:
    return await anext(seen)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def test_wishes_are_sent_before_connected_is_said_and_whenever_they_change() -> None:
    session = EchoSession()
    session.wishes = ["a"]
    async with kept(echo, session) as (stream, seen):
        assert [await anext(seen) for _ in range(2)] == ["connected", "got a"]
        session.wishes.append("b")
        stream.wishes_changed()
        assert await anext(seen) == "got b"


async def test_after_a_loss_it_connects_anew_and_sends_every_wish_again() -> None:
    received: list[list[str]] = []

    async def once(connection: ServerConnection) -> None:
        received.append([str(await connection.recv()), str(await connection.recv())])
        await connection.send("x")

    session = EchoSession()
    session.wishes = ["a", "b"]
    async with kept(once, session) as (_, seen):
        first = [await anext(seen) for _ in range(3)]
        assert first == ["connected", "got x", "closed by the venue"]
        assert [await anext(seen) for _ in range(2)] == ["connected", "got x"]
        assert received == [["a", "b"]] * 2


async def test_a_connection_that_is_dead_and_nobody_said_so_is_left_and_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconnect, "_PING_S", 0.3)
    async with (
        serve(echo, "127.0.0.1", 0) as server,
        FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy,
    ):
        stream = KeptStream(f"ws://127.0.0.1:{proxy.port}/", EchoSession(), Clock(), name="test")
        async with stream.running(), asyncio.timeout(10):
            seen = reasons(stream)
            assert await anext(seen) == "connected"
            proxy.set(to_server=HalfOpen(), to_client=HalfOpen(), on=Connections.OPEN)
            assert [await anext(seen) for _ in range(2)] == ["ConnectionClosedError", "connected"]


async def test_an_aborted_connection_is_a_loss() -> None:
    async def abort(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with kept(abort, EchoSession()) as (_, seen):
        assert [await anext(seen) for _ in range(3)] == ["connected", "ConnectionClosedError", "connected"]


async def test_a_frame_that_cannot_be_trusted_ends_the_connection() -> None:
    async def garbage(connection: ServerConnection) -> None:
        await connection.send("nothing")
        await connection.send("garbage")
        await connection.send("never read")
        await connection.wait_closed()

    async with kept(garbage, EchoSession()) as (_, seen):
        assert [await anext(seen) for _ in range(3)] == ["connected", "unreadable", "connected"]


async def test_it_keeps_trying_while_nobody_listens() -> None:
    session = EchoSession()
    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    stream = KeptStream(f"ws://127.0.0.1:{port}/", session, Clock(), name="test")
    async with stream.running(), asyncio.timeout(10):
        waiting = asyncio.create_task(_next(reasons(stream)))
        await asyncio.wait([waiting], timeout=0.05)
        async with serve(echo, "127.0.0.1", port):
            assert await waiting == "connected"


async def test_redirects_are_not_followed() -> None:
    asked: list[str] = []
    asked_twice = asyncio.Event()

    def moved(connection: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        if len(asked) == 2:
            asked_twice.set()
        return Response(302, "Found", Headers({"Location": "/elsewhere", "Content-Length": "0"}))

    async with serve(echo, "127.0.0.1", 0, process_request=moved) as server:
        port = server.sockets[0].getsockname()[1]
        stream = KeptStream(f"ws://127.0.0.1:{port}/", EchoSession(), Clock(), name="test")
        async with stream.running():
            async with asyncio.timeout(10):
                await asked_twice.wait()
    assert set(asked) == {"/"}


async def test_a_defect_of_ours_reaches_the_reader() -> None:
    session = EchoSession()
    session.wishes = ["defect"]
    async with kept(echo, session) as (_, seen):
        with pytest.raises(ZeroDivisionError):
            await anext(seen)
    session.wishes = []
    async with kept(echo, session) as (stream, seen):
        assert await anext(seen) == "connected"
        session.wishes.append("defect")
        stream.wishes_changed()
        with pytest.raises(ZeroDivisionError):
            await anext(seen)


async def test_leaving_the_block_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def watch(connection: ServerConnection) -> None:
        await connection.wait_closed()
        closed.set()

    async with serve(watch, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = KeptStream(f"ws://127.0.0.1:{port}/", EchoSession(), Clock(), name="test")
        async with asyncio.timeout(10):
            async with stream.running():
                assert await anext(reasons(stream)) == "connected"
            await closed.wait()


async def test_a_slow_reader_stops_the_reading_instead_of_filling_memory() -> None:
    blocked = asyncio.Event()

    async def flood(connection: ServerConnection) -> None:
        while True:
            try:
                async with asyncio.timeout(0.2):
                    await connection.send("x" * 100_000)
            except TimeoutError:
                blocked.set()
                raise

    async with kept(flood, EchoSession()) as (stream, _):
        await blocked.wait()
        events = stream.events()
        assert await anext(events) == ChannelState(StreamState.CONNECTED, "connected", 2)


class BeatingSession(EchoSession):
    """Has something to send whenever it is asked, and gives up after the third time."""

    asked = 0

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        self.asked += 1
        if self.asked > 3:
            self.asked = 0
            raise OutOfStep("no answer")
        return [f"beat {self.asked}"]


async def test_the_session_is_asked_again_and_again_and_may_end_the_connection() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = KeptStream(f"ws://127.0.0.1:{port}/", BeatingSession(), Clock(), name="test", ask_every_s=0.05)
        async with stream.running(), asyncio.timeout(10):
            seen = reasons(stream)
            assert [await anext(seen) for _ in range(6)] == [
                "connected",
                "got beat 1",
                "got beat 2",
                "got beat 3",
                "no answer",
                "connected",
            ]


async def test_what_the_session_needs_is_got_before_connecting_and_before_it_is_asked() -> None:
    session = EchoSession()
    connections = 0
    attempts = 0

    async def counting(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await echo(connection)

    async def prepare() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            assert connections == 0
            raise OutOfStep("nothing to be had yet")
        session.wishes.append(f"need {attempts}")

    async with serve(counting, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        stream = KeptStream(f"ws://127.0.0.1:{port}/", session, Clock(), name="test", prepare=prepare)
        async with stream.running(), asyncio.timeout(10):
            seen = reasons(stream)
            assert [await anext(seen) for _ in range(2)] == ["connected", "got need 2"]
            stream.wishes_changed()
            assert await anext(seen) == "got need 3"
            assert connections == 1


class PairSession(EchoSession):
    def received(self, frame: bytes, *, received_time_us: int) -> Received:
        text = frame.decode()
        return tuple(ChannelState(StreamState.CONNECTED, f"{text}{n}", received_time_us) for n in (1, 2))


async def test_a_frame_may_hold_several_events() -> None:
    session = PairSession()
    session.wishes = ["a", "b"]
    async with kept(echo, session) as (_, seen):
        assert [await anext(seen) for _ in range(5)] == ["connected", "a1", "a2", "b1", "b2"]
