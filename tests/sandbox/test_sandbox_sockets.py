"""The sockets under every venue: messages come whole and in order, pings are answered, who does not read is cut off."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sandbox.config import SandboxConfig
from sandbox.sockets import MAX_PENDING, Connection
from tests.sandbox.clients import Venue, eventually, venue

STILL = SandboxConfig(makers=False)


@asynccontextmanager
async def connected(v: Venue) -> AsyncIterator[tuple[ClientConnection, Connection]]:
    """A client's end of a socket, and the venue's."""
    async with connect(v.urls.ws_url) as socket:
        await (await socket.ping())
        [connection] = v.urls.world.hub.connections
        yield socket, connection


async def test_messages_of_any_length_come_whole_and_in_order() -> None:
    texts = ["x" * length for length in (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)] + ["ë☃𝄞" * 50]
    async with venue(STILL) as v, connected(v) as (socket, connection):
        for text in texts:
            connection.send(text)
        async with asyncio.timeout(5):
            assert [await socket.recv() for _ in texts] == texts


async def test_one_message_to_many_reaches_each() -> None:
    async with venue(STILL) as v, connected(v) as (socket, connection), connect(v.urls.ws_url) as other:
        await (await other.ping())
        hub = v.urls.world.hub
        for each in hub.connections:
            hub.subscribe(each, (None, "news"))
        hub.publish((None, "news"), "first")
        connection.send("only here")
        hub.publish((None, "news"), "second")
        async with asyncio.timeout(5):
            assert [await socket.recv() for _ in range(3)] == ["first", "only here", "second"]
            assert [await other.recv() for _ in range(2)] == ["first", "second"]


async def test_who_is_too_far_behind_gets_what_was_queued_and_is_cut_off() -> None:
    async with venue(STILL) as v, connected(v) as (socket, connection):
        for number in range(MAX_PENDING + 10):
            connection.send(str(number))
        received: list[str] = []
        async with asyncio.timeout(20):
            with suppress(ConnectionClosed):
                while True:
                    received.append(str(await socket.recv()))
        assert received == [str(number) for number in range(MAX_PENDING)]
        assert socket.close_code == 1008


async def test_who_does_not_read_holds_back_no_one_and_not_the_end() -> None:
    async with venue(STILL) as v, connected(v) as (socket, connection):
        socket.transport.pause_reading()
        for _ in range(50):
            connection.send("x" * 1_000_000)
        async with connect(v.urls.ws_url) as other:
            await asyncio.wait_for(await other.ping(), 5)
        socket.transport.abort()
        await eventually(lambda: gone(v))


async def gone(v: Venue) -> bool:
    return not v.urls.world.hub.connections


async def test_a_ping_is_answered_and_who_answers_none_is_cut_off() -> None:
    config = SandboxConfig(makers=False, ping_interval_s=0.05, ping_timeout_s=0.3)
    async with venue(config) as v, connected(v) as (socket, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", v.urls.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        async with asyncio.timeout(5):
            head, _, frames = (await reader.read()).partition(b"\r\n\r\n")  # until the venue hangs up
        writer.close()
        assert head.startswith(b"HTTP/1.1 101")
        assert frames[:2] == b"\x89\x04"  # a ping of four bytes
        assert frames[6] == 0x88  # then a close
        assert await asyncio.wait_for(await socket.ping(), 5) >= 0  # this client has answered all the while
