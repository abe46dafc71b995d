"""The server's edges over real sockets: slow, huge and broken requests are refused, and nothing gives a 5xx."""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.websockets import WebSocket

from gateway.api.context import RequestContext
from gateway.limiter import CallerLeft, Presence
from gateway.server import run
from gateway.server.run import Server, server_for
from gateway.services import Lifecycle
from gateway.settings import ServerSettings
from tests.gateway.orders.replica import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_S = 0.4


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Echo:
    """An application that says what it got; `hold` makes it wait before it answers."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    has_left: asyncio.Event = field(default_factory=asyncio.Event)
    bodies: list[int] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        elif scope["type"] == "websocket":
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                await socket.send_text("echo")
        else:
            request = Request(scope, receive)
            self.reached.set()
            if scope["path"] == "/waiting":
                waited = asyncio.get_running_loop().create_future()
                context = RequestContext("r", "127.0.0.1", presence=Presence(asyncio.current_task()))
                scope["state"]["context"] = context
                assert context.presence is not None
                context.presence.wait_for(waited)
                try:
                    await waited
                except CallerLeft:
                    self.has_left.set()
                return
            if scope["path"] == "/held":
                await self.may_answer.wait()
            body = b"" if scope["path"] == "/unread" else await request.body()
            self.bodies.append(len(body))
            if scope["path"] == "/large":
                await PlainTextResponse("x" * 16_000_000)(scope, receive, send)
                return
            await JSONResponse({"path": scope["path"], "bytes": len(body)})(scope, receive, send)


@dataclass(slots=True)
class Served:
    port: int
    server: Server
    echo: Echo

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def exchange(self, sent: bytes) -> bytes:
        """All that comes back until the server closes or says no more."""
        said = b""
        async with self.connect() as (reader, writer):
            writer.write(sent)
            try:
                async with asyncio.timeout(TIMEOUT_S * 2):
                    while part := await reader.read(65_536):
                        said += part
            except (ConnectionError, TimeoutError):
                pass
        return said


@pytest_asyncio.fixture(loop_scope="module")
async def served(listening: Served) -> AsyncIterator[Served]:
    echo = listening.echo
    echo.may_answer, echo.reached, echo.bodies = asyncio.Event(), asyncio.Event(), []
    yield listening
    echo.may_answer.set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listening() -> AsyncIterator[Served]:
    echo = Echo()
    server = server_for(echo, ServerSettings(port=0, request_timeout_s=TIMEOUT_S), Lifecycle())
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(port, server, echo)
    server.should_exit = True
    await task


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(first.split(" ")[1]), headers, json.loads(body))


async def closes_within(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """What still comes before the server closes; fails if it does not."""
    async with asyncio.timeout(seconds):
        try:
            return await reader.read(-1)
        except ConnectionError:
            return b""


def check_refused(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    error = answer.body["error"]
    assert (answer.body["success"], error["code"], error["outcome"]) == (False, code, "not_sent")
    assert error["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["connection"] == "close"


GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_read_is_told_that_its_caller_has_hung_up(served: Served) -> None:
    async with served.connect() as (_, writer):
        writer.write(GET.replace(b"/x", b"/waiting"))
        await served.echo.reached.wait()
    async with asyncio.timeout(5):
        await served.echo.has_left.wait()


async def test_a_request_is_answered_and_the_connection_kept(served: Served) -> None:
    async with served.connect() as (reader, writer):
        for _ in range(2):
            writer.write(GET)
            assert (await read_answer(reader)).body == {"path": "/x", "bytes": 0}


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(5)))
        assert [(await read_answer(reader)).body["path"] for _ in range(5)] == [f"/{number}" for number in range(5)]


# --- slow


async def _nothing(writer: asyncio.StreamWriter) -> None: ...


async def _half_a_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /x HTTP/1.1\r\nHos")


async def _dripping_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /x HTTP/1.1\r\n")
    while not writer.is_closing():
        writer.write(b"X-A: b\r\n")
        await asyncio.sleep(TIMEOUT_S / 20)


async def _half_a_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")


async def _dripping_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\nx\r\n")
        await asyncio.sleep(TIMEOUT_S / 20)


async def _dripping_trailers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    while not writer.is_closing():
        writer.write(b"X-A: b\r\n")
        await asyncio.sleep(TIMEOUT_S / 20)


@pytest.mark.parametrize(
    "send", [_nothing, _half_a_head, _dripping_head, _half_a_body, _dripping_body, _dripping_trailers]
)
async def test_a_request_that_does_not_arrive_in_time_is_dropped(
    served: Served, send: Callable[[asyncio.StreamWriter], Any]
) -> None:
    async with served.connect() as (reader, writer):
        sending = asyncio.create_task(send(writer))
        said = await closes_within(reader, TIMEOUT_S + 2)
        writer.close()
        await asyncio.wait([sending], timeout=1)
        assert said == b""
    assert served.echo.bodies == []


async def test_the_time_to_answer_is_not_the_time_to_ask(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        asyncio.get_running_loop().call_later(TIMEOUT_S * 2, served.echo.may_answer.set)
        assert (await read_answer(reader)).status == 200


async def test_a_client_that_does_not_read_its_answer_is_dropped(served: Served) -> None:
    async with served.connect() as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # there is no public way to stop reading
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await served.echo.reached.wait()
        await until(lambda: not served.server.server_state.connections)


async def test_a_connection_that_rests_between_requests_is_kept(served: Served) -> None:
    async with served.connect() as (reader, writer):
        for wait_s in (0.0, TIMEOUT_S * 1.5):
            await asyncio.sleep(wait_s)
            writer.write(GET)
            assert (await read_answer(reader)).status == 200


async def test_a_websocket_outlives_the_time_a_request_may_take(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(TIMEOUT_S * 1.5)
        writer.write(b"\x81\x80\x00\x00\x00\x00")
        async with asyncio.timeout(2):
            assert await reader.readexactly(6) == b"\x81\x04echo"


# --- huge


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x HTTP/1.1\r\nHost: a\r\nX-Big: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(4_000)) + b"\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"x" * 20_000 + b": y\r\n\r\n",
    ],
)
async def test_a_head_over_16_kib_is_refused(served: Served, head: bytes) -> None:
    async with served.connect() as (reader, writer):
        writer.write(head)
        check_refused(await read_answer(reader), 431, "HEADERS_TOO_LARGE")
    assert served.echo.bodies == []


async def test_a_head_just_under_16_kib_is_taken(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nX-Big: " + b"x" * 16_000 + b"\r\n\r\n")
        assert (await read_answer(reader)).status == 200


async def test_an_endless_header_is_cut_off(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nX-Big: ")
        sent = 0
        try:
            while sent < 50_000_000 and not reader.at_eof():
                writer.write(b"x" * 65_536)
                sent += 65_536
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        assert sent < 20_000_000


async def test_a_body_nobody_reads_does_not_fill_the_memory(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(b"POST /held HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await served.echo.reached.wait()
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        sent = 0
        try:
            async with asyncio.timeout(TIMEOUT_S / 2):
                while True:
                    writer.write(chunk)
                    await writer.drain()
                    sent += 65_536
        except (TimeoutError, ConnectionError):
            pass
        assert sent < 30_000_000
        await closes_within(reader, TIMEOUT_S + 2)


# --- broken


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/9.9\r\n\r\n",
        b"BREW /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHo st: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[::1/x HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_in_the_envelope_or_dropped(served: Served, sent: bytes) -> None:
    said = await served.exchange(sent)
    if said:
        assert said.startswith(b"HTTP/1.1 400 ")
        error = json.loads(said.partition(b"\r\n\r\n")[2])["error"]
        assert (error["code"], error["outcome"]) == ("INVALID_REQUEST", "not_sent")


@pytest.mark.parametrize(
    "unreadable",
    [
        b"Content-Length: 2\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
    ],
)
async def test_a_handshake_that_is_none_is_refused_and_not_held_open(served: Served, unreadable: bytes) -> None:
    async with served.connect() as (reader, writer):
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + unreadable
        )
        check_refused(await read_answer(reader), 400, "INVALID_REQUEST")
        assert await closes_within(reader, 2) == b""


async def test_noise_never_gives_an_error_of_ours_and_the_server_goes_on(served: Served) -> None:
    generator = random.Random(7)
    valid = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    noises = []
    for _ in range(150):
        noise = bytearray(valid)
        for _ in range(generator.randint(1, 6)):
            noise[generator.randrange(len(noise))] = generator.randrange(256)
        noises.append(bytes(noise))
    for said in await asyncio.gather(*(served.exchange(noise) for noise in noises)):
        assert not said.startswith(b"HTTP/1.1 5")
    async with served.connect() as (reader, writer):
        writer.write(GET)
        assert (await read_answer(reader)).status == 200


@pytest.mark.parametrize(
    "behind",
    [b"garbage\r\n\r\n", b"GET /y HTTP/1.1\r\nX-Big: " + b"x" * 20_000 + b"\r\n\r\n", b"\x00" * 100],
)
async def test_what_follows_a_request_under_way_is_never_answered_in_its_place(served: Served, behind: bytes) -> None:
    """Else the sender of an order would take the refusal of the noise behind it for its answer: "not sent"."""
    async with served.connect() as (reader, writer):
        writer.write(b"POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        await served.echo.reached.wait()
        writer.write(behind)
        await writer.drain()
        served_late = asyncio.get_running_loop().call_later(TIMEOUT_S / 2, served.echo.may_answer.set)
        said = await closes_within(reader, TIMEOUT_S + 2)
        served_late.cancel()
        assert said == b"" or said.startswith(b"HTTP/1.1 200 ")


async def test_the_server_says_nothing_of_itself(served: Served) -> None:
    async with served.connect() as (reader, writer):
        writer.write(GET)
        assert "server" not in (await read_answer(reader)).headers


@pytest.mark.parametrize(("number", "drain_s"), [(signal.SIGTERM, 3.0), (signal.SIGINT, 0.0)])
async def test_a_server_that_ends_answers_until_all_are_sent_away(number: signal.Signals, drain_s: float) -> None:
    lifecycle, may_end = Lifecycle(), asyncio.Event()
    asked: list[float] = []

    async def drain(seconds: float) -> None:
        asked.append(seconds)
        await may_end.wait()

    lifecycle.drain = drain
    server = server_for(Echo(), ServerSettings(port=0, drain_s=3.0), lifecycle)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    served = Served(server.servers[0].sockets[0].getsockname()[1], server, Echo())
    async with served.connect() as (kept, to_kept):
        to_kept.write(GET)
        assert "connection" not in (await read_answer(kept)).headers
        server.handle_exit(number, None)
        await until(lambda: bool(asked))
        to_kept.write(GET)
        assert (await read_answer(kept)).headers["connection"] == "close"
        assert await closes_within(kept, 5) == b""
    async with served.connect() as (new, to_new):
        to_new.write(GET)
        assert (await read_answer(new)).status == 200
    may_end.set()
    async with asyncio.timeout(5):
        await task
    assert asked == [drain_s]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", served.port)


async def test_a_request_under_way_at_the_end_is_hurried_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_FINISH_S", 2.0)
    lifecycle, echo = Lifecycle(), Echo()
    lifecycle.hurry = echo.may_answer.set
    server = server_for(echo, ServerSettings(port=0), lifecycle)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    served = Served(server.servers[0].sockets[0].getsockname()[1], server, echo)
    async with served.connect() as (reader, writer):
        writer.write(GET.replace(b"/x", b"/held"))
        await echo.reached.wait()
        server.should_exit = True
        assert (await read_answer(reader)).status == 200
    async with asyncio.timeout(5):
        await task
