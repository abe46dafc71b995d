"""Clients on real sockets."""

import asyncio
import json
import socket
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import REGISTRY
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from adapters.contract import Channel
from gateway.errors import Code, Refusal
from gateway.ws.frames import FRAME_MAX_BYTES, CloseCode
from gateway.ws.settings import SocketSettings
from tests.gateway.feeds.fleet import ClientBook, eventually
from tests.gateway.feeds.scripted import SYMBOL, VENUE, ScriptedVenue, levels, trade
from tests.gateway.ws.conftest import Serve


async def receive(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        message: dict[str, Any] = json.loads(await client.recv())
    return message


async def subscribe(client: ClientConnection, channel: str = "orderbook", **members: Any) -> dict[str, Any]:
    frame = {"op": "subscribe", "channel": channel, "venue": VENUE, "symbol": SYMBOL} | members
    await client.send(json.dumps(frame))
    return await receive(client)


async def closed(client: ClientConnection) -> int | None:
    async with asyncio.timeout(5):
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
    return client.close_code


async def test_a_client_follows_a_book(serve: Serve, script: ScriptedVenue) -> None:
    async with serve() as serving, connect(serving.url) as client:
        assert (await subscribe(client, id="a"))["type"] == "subscribed"
        book = ClientBook()
        book.apply(await receive(client))
        for number in range(1, 30):
            script.change_book(bids=levels(("98", str(number))))
        while book.update_id < script.books[SYMBOL].update_id:
            book.apply(await receive(client))
        assert book.sides["bids"] == {"99": "1", "98": "29"}


async def test_every_channel_starts_with_its_snapshot_and_ends_when_unsubscribed(
    serve: Serve, script: ScriptedVenue
) -> None:
    async with serve() as serving, connect(serving.url) as client:
        for channel in ("ticker", "orderbook", "trades"):
            assert (await subscribe(client, channel))["type"] == "subscribed"
            message = await receive(client)
            assert (message["channel"], message["type"], message["integrity"]) == (channel, "snapshot", "ok")
            assert set(message) == {
                *("channel", "venue", "symbol", "type", "epoch", "seq", "integrity"),
                *("venue_time_us", "received_time_us", "data"),
            }
        await client.send(json.dumps({"op": "unsubscribe", "channel": "trades", "venue": VENUE, "symbol": SYMBOL}))
        assert (await receive(client))["type"] == "unsubscribed"
        script.send(trade(31), Channel.TRADES)
        await client.send(json.dumps({"type": "ping", "id": 1}))
        assert (await receive(client))["type"] == "pong"


async def test_errors_leave_the_connection_open(serve: Serve) -> None:
    async with serve() as serving, connect(serving.url) as client:
        await client.send("nonsense")
        assert (await receive(client))["error"]["code"] == "INVALID_REQUEST"
        await client.send(b"\x00\x01")
        assert (await receive(client))["error"]["code"] == "INVALID_REQUEST"
        assert (await subscribe(client, venue="nowhere"))["error"]["code"] == "VENUE_NOT_FOUND"
        assert (await subscribe(client, "orders", account="a", venue=None))["error"]["code"] == "AUTHENTICATION_FAILED"
        await client.send(json.dumps({"op": "auth", "token": "t"}))
        assert (await receive(client))["error"]["code"] == "NOT_SUPPORTED"
        assert (await subscribe(client))["type"] == "subscribed"


async def test_a_token_is_verified_by_whoever_knows_how(serve: Serve) -> None:
    def admit(token: str, _socket: WebSocket) -> None:
        if token != "good":
            raise Refusal(Code.AUTHENTICATION_FAILED, "the token is not valid")

    async with serve(admit=admit) as serving, connect(serving.url) as client:
        await client.send(json.dumps({"op": "auth", "token": "bad", "id": 1}))
        refused = await receive(client)
        assert (refused["error"]["code"], refused["id"]) == ("AUTHENTICATION_FAILED", 1)
        await client.send(json.dumps({"op": "auth", "token": "good", "id": 2}))
        assert (await receive(client))["type"] == "authenticated"


async def test_a_frame_that_is_too_large_closes_for_good(serve: Serve) -> None:
    async with serve() as serving, connect(serving.url) as client:
        await client.send("x" * (FRAME_MAX_BYTES + 1))
        assert await closed(client) == CloseCode.FRAME_TOO_LARGE


async def test_a_silent_client_is_closed(serve: Serve) -> None:
    async with serve(settings=SocketSettings(idle_s=0.2)) as serving, connect(serving.url) as client:
        assert await closed(client) == CloseCode.IDLE


async def test_a_draining_replica_announces_it_and_sends_its_clients_away(serve: Serve) -> None:
    async with serve() as serving, connect(serving.url) as client:
        await client.send('{"type": "ping"}')
        assert (await receive(client))["type"] == "pong"
        serving.sockets.announce(30)
        async with connect(serving.url) as late:
            for told in (await receive(client), await receive(late)):
                assert (told["channel"], told["type"]) == ("system", "draining")
                assert 0 < told["closes_in_ms"] <= 30_000
            serving.sockets.drain()
            assert await closed(client) == await closed(late) == CloseCode.RESTARTING
        await serving.sockets.closed(timeout_s=5)
        async with connect(serving.url) as later:
            assert await closed(later) == CloseCode.RESTARTING


async def test_clients_of_two_replicas_get_identical_text(serve: Serve, script: ScriptedVenue) -> None:
    async with (
        serve("a") as a,
        serve("b") as b,
        connect(a.url) as first,
        connect(b.url) as second,
    ):
        for client in (first, second):
            await subscribe(client)
            await receive(client)
        for number in range(1, 20):
            script.change_book(bids=levels(("98", str(number))))
        async with asyncio.timeout(5):
            texts = [[await client.recv() for _ in range(19)] for client in (first, second)]
        assert texts[0] == texts[1]
        assert script.most_subscriptions[Channel.ORDERBOOK, SYMBOL] == 1


async def test_a_client_that_leaves_ends_the_subscription(serve: Serve, script: ScriptedVenue) -> None:
    async with serve() as serving:
        async with connect(serving.url) as client:
            await subscribe(client)
            await receive(client)
        await eventually(lambda: script.open_subscriptions[Channel.ORDERBOOK, SYMBOL] == 0)


async def test_a_client_that_does_not_read_slows_only_itself(serve: Serve, script: ScriptedVenue) -> None:
    settings, before = SocketSettings(stalled_s=0.5), drops()
    async with serve(settings=settings) as serving, connect(serving.url) as quick:
        book = ClientBook()
        await subscribe(quick)
        book.apply(await receive(quick))
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", urlsplit(serving.url).port))
            await asyncio.to_thread(subscribe_and_read_no_more, stalled)
            await eventually(lambda: subscriptions() == 2)
            slowest_s, is_over = 0.0, False
            async with asyncio.timeout(20):
                while not is_over:
                    for _ in range(20):
                        script.change_book(
                            bids=tuple(
                                level
                                for number in range(100)
                                for level in levels((f"{10 + number * 0.5}", str(number + 1)))
                            )
                        )
                    started = time.monotonic()
                    while book.update_id < script.books[SYMBOL].update_id:
                        book.apply(await receive(quick))
                    slowest_s = max(slowest_s, time.monotonic() - started)
                    is_over = open_clients() == 1
            assert slowest_s < 1.0
            assert drops() > before
            await asyncio.to_thread(read_to_the_end, stalled)


def open_clients() -> float | None:
    return REGISTRY.get_sample_value("crossgate_ws_clients")


def subscriptions() -> float | None:
    return REGISTRY.get_sample_value("crossgate_ws_subscriptions")


def drops() -> float:
    return REGISTRY.get_sample_value("crossgate_fanout_dropped_total", {"channel": "orderbook"}) or 0.0


def read_to_the_end(connection: socket.socket) -> None:
    """Returns once the server has dropped the connection."""
    connection.settimeout(5)
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass


def subscribe_and_read_no_more(connection: socket.socket) -> None:
    connection.sendall(
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 101")
    frame = {"op": "subscribe", "channel": "orderbook", "venue": VENUE, "symbol": SYMBOL}
    connection.sendall(masked(json.dumps(frame)))


def masked(text: str) -> bytes:
    """A text frame under an all-zero mask, which leaves it readable."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()
