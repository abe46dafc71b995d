"""Bytes no honest client sends: nothing hides behind a request, nothing holds a connection, others are served."""

import asyncio
import gzip
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.faults.served import REQUEST_TIMEOUT_S, Served, read_answer
from tests.gateway.api.running import limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")

HIDDEN = b"GET /v1/hidden HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET /v1/system/time HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
NO_BODY = b"\r\n\r\n0\r\n\r\n"

AMBIGUOUS = {
    "a length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked" + NO_BODY,
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4" + NO_BODY,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 38\r\n\r\n",
    "one length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a length in hex": POST + b"Content-Length: 0x0\r\n\r\n",
    "a length behind a vertical tab": POST + b"Content-Length: \x0b0\r\n\r\n",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a coding nobody knows": POST + b"Transfer-Encoding: xchunked" + NO_BODY,
    "chunked, but not last": POST + b"Transfer-Encoding: chunked, identity" + NO_BODY,
    "the coding that is none": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked" + NO_BODY,
    "a coding behind a vertical tab": POST + b"Transfer-Encoding: \x0bchunked" + NO_BODY,
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity" + NO_BODY,
    "one coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" + NO_BODY,
    "a coding in quotes": POST + b'Transfer-Encoding: "chunked"' + NO_BODY,
    "a coding with a zero": POST + b"Transfer-Encoding: chunked\x00" + NO_BODY,
    "a coding on the next line": POST + b"Transfer-Encoding:\r\n chunked" + NO_BODY,
    "chunks of HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked" + NO_BODY,
    "line feeds alone": b"GET /v1/system/time HTTP/1.1\nHost: a\n\n",
    "a line feed alone between headers": GET + b"X: y\nZ: y\r\n\r\n",
    "a line feed alone at the end": GET + b"\n",
    "a carriage return alone": GET + b"X: y\rZ: y\r\n\r\n",
    "a folded header": GET + b"X: y\r\n z\r\n\r\n",
    "a zero in a name": GET + b"X\x00: y\r\n\r\n",
    "a zero in a value": GET + b"X: y\x00\r\n\r\n",
    "no colon": GET + b"Xy\r\n\r\n",
    "no name": GET + b": y\r\n\r\n",
    "tabs for spaces": GET.replace(b" ", b"\t", 2) + b"\r\n",
    "a chunk size in hex notation": POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a space behind a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond all bounds": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    "chunks ended by line feeds": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "a chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
    "a line feed in a chunk extension": POST + b"Transfer-Encoding: chunked\r\n\r\n2;a\n=b\r\n{}\r\n0\r\n\r\n",
}


async def test_nothing_hides_behind_a_request_that_can_be_read_in_two_ways(server: Served) -> None:
    """Two readers of the same bytes would see different requests; so it is refused, and what follows it is not read."""
    server.watched.reached.clear()
    said = await asyncio.gather(*(server.say(sent + HIDDEN) for sent in AMBIGUOUS.values()))
    assert "GET /v1/hidden" not in server.watched.reached
    for name, answers in zip(AMBIGUOUS, said, strict=True):
        assert [answer.status for answer in answers] in ([], [400]), name
    assert sum(map(len, said)) > len(AMBIGUOUS) / 2, "most are told why"


STEADY = {
    "an extension of a chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n", 400),
    "a tab before the coding": (POST + b"Transfer-Encoding:\tchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    "a trailer": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n", 400),
    "a body on a read": (GET + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, 200),
    "a body nobody wants": (b"POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", 404),
    "a body without a token": (
        POST.replace(b"auth/token", b"orders") + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
        401,
    ),
    "a body too large": (POST + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000, 413),
    "an upgrade to what we do not speak": (GET + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 200),
}


@pytest.mark.parametrize("name", STEADY)
async def test_after_an_odd_request_the_next_answer_is_the_next_requests(server: Served, name: str) -> None:
    sent, status = STEADY[name]
    server.watched.reached.clear()
    async with server.connect() as (reader, writer):
        writer.write(sent)
        assert (await read_answer(reader)).status == status
        writer.write(GET + b"X-Request-Id: the-next\r\n\r\n")
        following = await read_answer(reader)
    assert (following.status, following.headers["x-request-id"]) == (200, "the-next")
    assert "GET /v1/hidden" not in server.watched.reached


async def test_pipelined_answers_keep_to_their_requests_over_errors(server: Served) -> None:
    heads = [GET, b"GET /nope HTTP/1.1\r\nHost: a\r\n", b"DELETE /v1/orders/x HTTP/1.1\r\nHost: a\r\n", GET]
    async with server.connect() as (reader, writer):
        writer.write(b"".join(b"%bX-Request-Id: r%d\r\n\r\n" % (head, number) for number, head in enumerate(heads)))
        answers = [await read_answer(reader) for _ in heads]
    assert [(answer.status, answer.headers["x-request-id"]) for answer in answers] == [
        (200, "r0"), (404, "r1"), (401, "r2"), (200, "r3")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", [b"X-Request-Id: a\rSet-Cookie: b", b"X-Request-Id: a\nSet-Cookie: b", b"X-Request-Id: a\x00b"]
)
async def test_a_header_value_that_would_break_out_of_its_line_is_refused(server: Served, line: bytes) -> None:
    [answer] = await server.say(GET + line + b"\r\n\r\n")
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert "set-cookie" not in answer.headers


async def authorized(server: Served, *headers: bytes) -> bytes:
    token = await server.gateway.token("bot")
    lines = (b"POST /v1/orders HTTP/1.1", b"Host: a", b"Content-Type: application/json", *headers)
    return b"\r\n".join((*lines, b"Authorization: Bearer " + token.encode(), b"", b""))


async def test_200_mib_are_refused_by_their_length_before_they_are_sent(server: Served) -> None:
    async with server.connect() as (reader, writer):
        writer.write(await authorized(server, b"Content-Length: 209715200"))
        answer = await read_answer(reader)
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_compressed_bomb_is_refused_unopened(server: Served) -> None:
    bomb = gzip.compress(json.dumps(limit_body()).encode() + b" " * 40_000_000)
    assert len(bomb) < 64 * 1024
    for coding in (b"gzip", b"GZIP", b"deflate", b"br", b"gzip, identity", b"x"):
        head = await authorized(server, b"Content-Encoding: " + coding, b"Content-Length: %d" % len(bomb))
        async with server.connect() as (reader, writer):
            started = time.process_time()
            writer.write(head + bomb)
            answer = await read_answer(reader)
        assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE"), coding
        assert time.process_time() - started < 0.5


async def test_many_slow_senders_are_dropped_in_time_and_hinder_nobody(server: Served) -> None:
    beginnings = (b"", GET[:20], GET, POST + b"Content-Length: 10\r\n\r\n12345")
    slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
    for number, (_, writer) in enumerate(slow):
        writer.write(beginnings[number % len(beginnings)])
    for _ in range(20):
        async with asyncio.timeout(2), server.connect() as (reader, writer):
            writer.write(GET + b"\r\n")
            assert (await read_answer(reader)).status == 200
    async with asyncio.timeout(REQUEST_TIMEOUT_S + 5):
        for reader, writer in slow:
            assert await reader.read() == b""
            writer.close()


# --- WebSocket


def frame(first: int, payload: bytes, *, mask: bytes | None = b"\0\0\0\0", says: int | None = None) -> bytes:
    """A frame whose first byte is `first`; the mask of zeros leaves it readable."""
    size = len(payload) if says is None else says
    bit = 0 if mask is None else 0x80
    length = bytes([bit | size]) if size < 126 else bytes([bit | 127]) + size.to_bytes(8, "big")
    return bytes([first]) + length + (mask or b"") + payload


TEXT, MORE, LAST, BINARY, PING = 0x81, 0x00, 0x80, 0x82, 0x89
BROKEN = {
    "16 MB in one frame": (frame(TEXT, b" " * 65_536, says=16_000_000), 1009),
    "a frame one byte too long": (frame(TEXT, b" " * 65_537), 1009),
    "fragments without end": (frame(0x01, b" " * 30_000) + frame(MORE, b" " * 30_000) * 3, 1009),
    "no UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "half a surrogate pair": (frame(TEXT, b'"\xed\xa0\x80"'), 1007),
    "no mask": (frame(TEXT, b"hi", mask=None), 1002),
    "a reserved bit": (frame(0xF1, b"hi"), 1002),
    "an operation nobody knows": (frame(0x83, b"hi"), 1002),
    "a long ping": (frame(PING, b"x" * 200), 1002),
    "a fragment of nothing": (frame(LAST, b"hi"), 1002),
    "a message within a message": (frame(0x01, b"a") + frame(TEXT, b"b"), 1002),
}
HANDSHAKE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


async def close_code(server: Served, sent: bytes) -> int:
    """Of a socket that sends these bytes after its handshake."""
    async with server.connect() as (reader, writer), asyncio.timeout(10):
        writer.write(HANDSHAKE)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"permessage-deflate" not in answer, "what is not compressed cannot be a bomb"
        writer.write(sent)
        first, size = await reader.readexactly(2)
        assert (first, size < 126) == (0x88, True)
        return int.from_bytes((await reader.readexactly(size))[:2], "big")


async def pong(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        await client.send('{"type":"ping","id":1}')
        answer: dict[str, Any] = json.loads(await client.recv())
    return answer


async def test_broken_frames_end_their_own_socket_with_the_code_of_the_standard(server: Served) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/ws", proxy=None) as other:
        codes = {name: await close_code(server, sent) for name, (sent, _) in BROKEN.items()}
        assert (await pong(other))["type"] == "pong"
    assert codes == {name: code for name, (_, code) in BROKEN.items()}


HOSTILE = (
    "[" * 60_000, '{"id":' * 10_000, "{" + '"id":1,' * 2 + '"type":"ping"}', '{"type":"ping","id":NaN}', "\x00",
    '{"type":"ping","id":1e999}', '{"type":"ping","id":' + "9" * 5_000 + "}", '{"type":"ping","__class__":1}', "null",
    '{"op":"subscribe","channel":"orderbook","venue":"http://169.254.169.254/","symbol":"SOL-USDC"}',
    '{"op":"subscribe","channel":"orderbook","venue":"sim","symbol":"../../account"}',
    '{"op":"subscribe","channel":"orderbook","venue":"sim","symbol":"SOL-USDC","depth":99999999999999999999}',
    '{"op":"subscribe","channel":"orderbook","venue":"sim","symbol":"SOL-USDC","since":{"epoch":-1,"seq":1e400}}',
    '{"op":"auth","token":"' + "x" * 60_000 + '"}', '{"op":"auth","token":{"$ne":null}}', '{"op":"eval"}',
)  # fmt: skip


async def test_hostile_frames_are_errors_and_the_socket_goes_on(server: Served) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/ws", proxy=None) as client:
        for text in HOSTILE:
            await client.send(text)
            async with asyncio.timeout(5):
                answer = json.loads(await client.recv())
            assert (answer["type"], answer["error"]["code"] != "INTERNAL_ERROR") == ("error", True), text[:80]
            assert len(json.dumps(answer)) < 2_000
        assert (await pong(client))["type"] == "pong"


async def test_a_burst_of_frames_lets_the_replica_go_on_with_all_else(server: Served) -> None:
    """Frames that are here already are received without a wait: not even their own answers would go out meanwhile."""
    burst = 3_000
    async with server.connect() as (reader, writer), asyncio.timeout(20):
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(TEXT, b'{"type":"ping","id":7}') * burst)
        said = 0
        while said < burst:
            said += (await reader.readuntil(b"}")).count(b'"pong"')


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/ws/", "//v1/ws", "/V1/WS", "/v1/ws;x"])
async def test_a_websocket_opens_at_its_own_path_only(server: Served, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"ws://127.0.0.1:{server.port}{path}", proxy=None):
            pass
    assert caught.value.response.status_code == 403
