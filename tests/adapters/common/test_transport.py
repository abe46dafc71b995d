"""The transport against servers that misbehave: the class of the error must say truthfully whether anything left."""

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.common.transport import HttpTransport
from tests.adapters.loopback import Loopback, Script, answering, loopback, response

TIMEOUT = {"connect": 2.0, "pool": 2.0, "read": 2.0}


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport()
    yield transport
    await transport.aclose()


def post(server: Loopback, *, read_s: float = 2.0, pool_s: float = 2.0, **extensions: object) -> httpx.Request:
    timeout = {"connect": 2.0, "pool": pool_s, "read": read_s}
    return httpx.Request(
        "POST", f"{server.url}/order?a=1", content=b'{"x":1}', extensions={"timeout": timeout, **extensions}
    )


async def test_sends_what_it_was_given_and_reads_the_answer(transport: HttpTransport) -> None:
    async with loopback(answering(response(b'{"ok":true}', "201 Created"))) as server:
        answer = await transport.handle_async_request(post(server))
    assert (answer.status_code, answer.json(), answer.headers["Content-Type"]) == (
        201,
        {"ok": True},
        "application/json",
    )
    (seen,) = server.requests
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", "/order", {"a": "1"}, b'{"x":1}')
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert seen.headers["content-length"] == "7"


async def test_works_under_httpx_client_without_following_redirects(transport: HttpTransport) -> None:
    moved = response(b"", "302 Found", "location: /elsewhere\r\n")
    async with loopback(answering(moved)) as server, httpx.AsyncClient(transport=transport) as client:
        answer = await client.get(server.url)
        assert answer.status_code == 302
    assert len(server.requests) == 1


async def test_no_variable_of_the_environment_turns_a_request_aside(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback(answering(response(b"x"))) as server, loopback(answering(response(b"trap"))) as trap:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, trap.url)
        assert (await transport.handle_async_request(post(server))).content == b"x"
        assert trap.requests == []


async def test_a_refused_connection_is_a_connect_error(transport: HttpTransport) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Loopback(port=free.getsockname()[1])
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(post(server))


async def test_a_name_that_does_not_resolve_is_a_connect_error(transport: HttpTransport) -> None:
    request = httpx.Request("GET", f"http://{'a' * 70}.invalid/", extensions={"timeout": TIMEOUT})
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(request)


async def test_a_connection_that_does_not_come_about_is_a_connect_timeout(transport: HttpTransport) -> None:
    with socket.socket() as full, contextlib.ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # the backlog of a server that never accepts
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        request = httpx.Request(
            "GET", f"http://127.0.0.1:{full.getsockname()[1]}/", extensions={"timeout": {"connect": 0.1}}
        )
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(request)


async def _close_unread(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def _close_after_reading(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await state.read_request(reader)


async def _reset_after_reading(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await state.read_request(reader)
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _then_close(data: bytes) -> Script:
    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await state.read_request(reader)
        writer.write(data)
        await writer.drain()

    return script


def _then_silence(data: bytes) -> Script:
    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await state.read_request(reader)
        writer.write(data)
        await reader.read()

    return script


SLOW = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (_close_unread, (httpx.RemoteProtocolError, httpx.ReadError)),  # unread bytes turn the close into a reset
        (_close_after_reading, httpx.RemoteProtocolError),
        (_reset_after_reading, httpx.ReadError),
        (_then_close(SLOW), httpx.RemoteProtocolError),
        (_then_close(b"<html>no HTTP at all</html>"), httpx.RemoteProtocolError),
        (_then_close(b"HTTP/1.1 200 OK\r\ncontent-le"), httpx.RemoteProtocolError),
        (_then_close(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"), httpx.RemoteProtocolError),
        (
            _then_close(b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            httpx.RemoteProtocolError,
        ),
        (_then_silence(b""), httpx.ReadTimeout),
        (_then_silence(b"HTTP/1.1 100 Continue\r\n\r\n"), httpx.ReadTimeout),
        (_then_silence(SLOW), httpx.ReadTimeout),
    ],
)
async def test_what_may_have_arrived_is_never_called_unsent_nor_repeated(
    transport: HttpTransport, script: Script, error: type[Exception]
) -> None:
    async with loopback(script) as server:
        with pytest.raises(error) as caught:
            await transport.handle_async_request(post(server, read_s=0.2 if error is httpx.ReadTimeout else 5.0))
        assert not isinstance(caught.value, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
        assert len(server.requests) <= 1
        await server.until(lambda: server.connections == 0)  # such a connection is not kept


async def test_a_request_that_cannot_be_written_is_a_write_timeout(transport: HttpTransport) -> None:
    async def never_reads(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # there is no public way to stop reading
        await asyncio.Event().wait()

    async with loopback(never_reads) as server:
        request = httpx.Request(
            "POST", server.url, content=bytes(32_000_000), extensions={"timeout": {"connect": 1, "read": 0.3}}
        )
        with pytest.raises(httpx.WriteTimeout):
            await transport.handle_async_request(request)


async def test_an_answer_without_end_is_bounded() -> None:
    transport = HttpTransport(max_answer_bytes=10_000)
    async with loopback(_then_silence(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000)) as server:
        with pytest.raises(httpx.RemoteProtocolError, match="longer than"):
            await transport.handle_async_request(post(server))
    await transport.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ],
)
async def test_answers_without_body_leave_the_connection_usable(transport: HttpTransport, answer: bytes) -> None:
    async with loopback(answering(answer)) as server:
        for _ in range(3):
            assert (await transport.handle_async_request(post(server))).content == b""
        assert (len(server.requests), server.connections) == (3, 1)


async def test_a_304_that_states_a_length_is_complete_and_its_connection_is_not_kept(transport: HttpTransport) -> None:
    async with loopback(answering(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n")) as server:
        assert (await transport.handle_async_request(post(server))).status_code == 304
        await server.until(lambda: server.connections == 0)


@pytest.mark.parametrize("framing", ["connection: close\r\ncontent-length: 4\r\n", ""])
async def test_an_answer_may_end_with_its_connection(transport: HttpTransport, framing: str) -> None:
    head = f"HTTP/1.1 200 OK\r\n{framing}\r\n".encode()
    async with loopback(_then_close(head + b"done")) as server:
        for _ in range(2):
            assert (await transport.handle_async_request(post(server))).content == b"done"
        await server.until(lambda: server.connections == 0)


async def test_bytes_after_an_answer_cost_the_connection_but_not_the_answer(transport: HttpTransport) -> None:
    async with loopback(answering(response(b"one") + response(b"two"))) as server:
        for _ in range(2):
            assert (await transport.handle_async_request(post(server))).content == b"one"
        assert len(server.requests) == 2


async def test_a_connection_closed_while_idle_is_noticed_and_not_used(transport: HttpTransport) -> None:
    async with loopback(_then_close(response(b"x"))) as server:
        for _ in range(5):
            assert (await transport.handle_async_request(post(server))).status_code == 200
            await server.until(lambda: server.connections == 0)
        assert len(server.requests) == 5


async def test_a_connection_whose_close_has_not_been_processed_yet_is_not_used_either(
    transport: HttpTransport,
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Loopback(port=listener.getsockname()[1])
    loop = asyncio.get_running_loop()
    listener.setblocking(False)

    async def serve_once() -> socket.socket:
        connection, _ = await loop.sock_accept(listener)
        connection.setblocking(False)
        await loop.sock_recv(connection, 65536)
        await loop.sock_sendall(connection, response(b"x"))
        return connection

    serving = asyncio.create_task(serve_once())
    await transport.handle_async_request(post(server))
    first = await serving
    serving = asyncio.create_task(serve_once())
    first.close()  # no await between this and the next request: the loop cannot have told the transport
    assert (await transport.handle_async_request(post(server))).content == b"x"
    (await serving).close()
    listener.close()


async def test_a_connection_idle_for_too_long_is_not_used() -> None:
    transport = HttpTransport(keep_alive_s=0.0)
    async with loopback(answering(response(b"x"))) as server:
        await transport.handle_async_request(post(server))
        await transport.handle_async_request(post(server))
        await server.until(lambda: server.connections <= 1)
    await transport.aclose()


class Expired(Exception):
    pass


async def test_what_the_last_check_raises_is_passed_on_and_nothing_is_sent(transport: HttpTransport) -> None:
    def refuse() -> None:
        raise Expired

    async with loopback(answering(response(b"x"))) as server:
        with pytest.raises(Expired):
            await transport.handle_async_request(post(server, before_first_byte=refuse))
        assert server.requests == []
        await transport.handle_async_request(post(server))
        assert (len(server.requests), server.connections) == (1, 1)  # over the same connection


async def test_a_cancelled_request_closes_its_connection(transport: HttpTransport) -> None:
    async with loopback(_then_silence(b"")) as server:
        task = asyncio.create_task(transport.handle_async_request(post(server)))
        await server.until(lambda: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until(lambda: server.connections == 0)


async def test_connections_are_bounded_and_whoever_waits_too_long_has_sent_nothing() -> None:
    transport = HttpTransport(max_connections=2)
    async with loopback(_then_silence(b"")) as server:
        running = [asyncio.create_task(transport.handle_async_request(post(server))) for _ in range(2)]
        await server.until(lambda: len(server.requests) == 2)
        with pytest.raises(httpx.PoolTimeout):
            await transport.handle_async_request(post(server, pool_s=0.05))
        assert (len(server.requests), server.connections) == (2, 2)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    await transport.aclose()


async def test_a_venue_that_hangs_takes_no_connections_from_another() -> None:
    transport = HttpTransport(max_connections=2)
    async with loopback(_then_silence(b"")) as hanging, loopback(answering(response(b"x"))) as sound:
        running = [asyncio.create_task(transport.handle_async_request(post(hanging))) for _ in range(2)]
        await hanging.until(lambda: len(hanging.requests) == 2)
        assert (await transport.handle_async_request(post(sound, pool_s=0.5))).content == b"x"
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    await transport.aclose()


async def test_waiters_get_the_connections_others_give_back() -> None:
    transport = HttpTransport(max_connections=2)
    async with loopback(answering(response(b"x"))) as server:
        answers = await asyncio.gather(*(transport.handle_async_request(post(server)) for _ in range(20)))
        assert [answer.content for answer in answers] == [b"x"] * 20
        assert server.connections == 2
    await transport.aclose()


async def test_waiters_get_the_slots_of_connections_that_were_lost() -> None:
    transport = HttpTransport(max_connections=1)
    async with loopback(_then_close(response(b"x", headers="connection: close\r\n"))) as server:
        answers = await asyncio.gather(*(transport.handle_async_request(post(server)) for _ in range(10)))
        assert len(answers) == 10
    await transport.aclose()


async def test_a_waiter_that_is_cancelled_loses_no_slot() -> None:
    transport = HttpTransport(max_connections=1)
    async with loopback(_then_silence(b"")) as server:
        first = asyncio.create_task(transport.handle_async_request(post(server)))
        await server.until(lambda: len(server.requests) == 1)
        second = asyncio.create_task(transport.handle_async_request(post(server)))
        third = asyncio.create_task(transport.handle_async_request(post(server)))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
        await server.until(lambda: len(server.requests) == 2)
        third.cancel()
        await asyncio.wait([third])
    await transport.aclose()


async def test_closing_lets_running_requests_finish_and_refuses_new_ones() -> None:
    transport = HttpTransport()
    release = asyncio.Event()

    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await state.read_request(reader)
        await release.wait()
        writer.write(response(b"late"))
        await reader.read()

    async with loopback(script) as server:
        running = asyncio.create_task(transport.handle_async_request(post(server)))
        await server.until(lambda: len(server.requests) == 1)
        closing = asyncio.create_task(transport.aclose())
        await asyncio.sleep(0)
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(post(server))
        release.set()
        await closing
        assert (await running).content == b"late"
        await server.until(lambda: server.connections == 0)


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("GET", "http://127.0.0.1:1/", headers={"X-Bad": "a\r\nX-Smuggled: b"}),
        httpx.Request("GET", "http://127.0.0.1:1/", headers={"X-Bad": "a\nb"}),
        httpx.Request("HEAD", "http://127.0.0.1:1/"),
        httpx.Request("POST", "http://127.0.0.1:1/", headers={"Transfer-Encoding": "chunked"}, content=b"x"),
    ],
)
async def test_what_must_not_go_on_the_wire_does_not(transport: HttpTransport, request_: httpx.Request) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        await transport.handle_async_request(request_)


async def test_other_schemes_are_refused(transport: HttpTransport) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        await transport.handle_async_request(httpx.Request("GET", "ftp://127.0.0.1/"))


async def test_a_coded_body_is_left_to_whoever_asked_for_it(transport: HttpTransport) -> None:
    coded = response(b"not really gzip", headers="content-encoding: gzip\r\n")
    async with loopback(answering(coded)) as server:
        answer = await transport.handle_async_request(post(server))
        with pytest.raises(httpx.DecodingError):
            await answer.aread()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(min_size=1, max_size=50), max_size=8), cuts=st.lists(st.integers(1, 400), max_size=6))
async def test_a_body_is_the_same_however_it_is_chunked_and_however_it_arrives(
    parts: list[bytes], cuts: list[int]
) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
    edges = [0, *sorted({min(cut, len(data)) for cut in cuts}), len(data)]

    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await state.read_request(reader) is not None:
            for start, end in itertools.pairwise(edges):
                writer.write(data[start:end])
                await writer.drain()
                await asyncio.sleep(0)

    transport = HttpTransport()
    async with loopback(script) as server:
        for _ in range(2):
            assert (await transport.handle_async_request(post(server))).content == b"".join(parts)
        assert server.connections == 1
    await transport.aclose()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(path / "key.pem"), "-out", str(path / "cert.pem"), "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    return path


@contextlib.asynccontextmanager
async def tls_server(certificate: Path) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    state = Loopback()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(response(b"secret"))(state, reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/"


async def test_tls_with_a_known_authority_works_and_keeps_the_connection(certificate: Path) -> None:
    transport = HttpTransport(cafile=str(certificate / "cert.pem"))
    async with tls_server(certificate) as url:
        for _ in range(3):
            answer = await transport.handle_async_request(httpx.Request("GET", url))
            assert answer.content == b"secret"
        await transport.aclose()


async def test_tls_with_an_unknown_authority_is_a_connect_error(certificate: Path, transport: HttpTransport) -> None:
    async with tls_server(certificate) as url:
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(httpx.Request("GET", url))
