"""Our own HTTP/1.1 transport under httpx's interface, made for sending orders: cheap, and truthful about what left.

`httpx.ConnectError`, `ConnectTimeout` and `PoolTimeout` (and `LocalProtocolError`, `UnsupportedProtocol` for a request
that cannot be sent at all) mean that not one byte of the request was handed to the socket. Everything else means that
it may have arrived. It never repeats a request, follows no redirect, reads no proxy variables and logs nothing.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from adapters.common.connection import Answer, Connection
from adapters.common.pool import Pool

_DEFAULT_TIMEOUT: dict[str, float | None] = {"connect": 5.0, "pool": 5.0, "read": 10.0}
_UNSENDABLE = frozenset({"HEAD", "CONNECT"})  # their answers are framed by rules the parser cannot be told about

Origin = tuple[str, str, int]


class HttpTransport(httpx.AsyncBaseTransport):
    """Hand it an `httpx.Request`; the response comes with its body read, except one in a content coding.

    Of `request.extensions` it takes `timeout` (httpx's dictionary in seconds; `read` is the deadline of the whole
    answer) and `before_first_byte`, a callable run at the last moment before writing: what it raises is passed on,
    and nothing was sent.
    """

    def __init__(
        self,
        *,
        cafile: str | None = None,
        max_connections: int = 20,
        keep_alive_s: float = 30.0,
        max_answer_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._cafile = cafile
        self._max_connections = max_connections
        self._keep_alive_s = keep_alive_s
        self._max_answer_bytes = max_answer_bytes
        self._tls: ssl.SSLContext | None = None
        self._pools: dict[Origin, Pool] = {}
        self._running = 0
        self._closing = False
        self._drained = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once and read the answer; not safe to repeat unless the error says that nothing was sent."""
        if self._closing:
            raise httpx.ConnectError("the transport is closed")
        self._running += 1
        try:
            data = _serialize(request, await request.aread())
            answer = await self._exchange(request, data)
        finally:
            self._leave()
        return _respond(request, answer)

    async def aclose(self, *, drain_s: float = 5.0) -> None:
        """Refuse new requests, give running ones `drain_s` to finish, close every connection. Safe to repeat."""
        self._closing = True
        if self._running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_s):
                    await self._drained.wait()
        await asyncio.gather(*(pool.aclose() for pool in self._pools.values()))

    def _leave(self) -> None:
        self._running -= 1
        if self._closing and not self._running:
            self._drained.set()

    async def _exchange(self, request: httpx.Request, data: bytes) -> Answer:
        timeout = request.extensions.get("timeout") or _DEFAULT_TIMEOUT
        before_first_byte: Callable[[], None] | None = request.extensions.get("before_first_byte")
        pool = self._pool(request.url)
        connection = await pool.acquire(pool_timeout_s=timeout.get("pool"), connect_timeout_s=timeout.get("connect"))
        try:
            return await connection.exchange(data, timeout_s=timeout.get("read"), before_first_byte=before_first_byte)
        finally:
            pool.release(connection)

    def _pool(self, url: httpx.URL) -> Pool:
        scheme = url.scheme
        if scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(f"no transport for {scheme!r}")
        origin = (scheme, url.raw_host.decode(), url.port or (443 if scheme == "https" else 80))
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(
                partial(self._open, origin),
                max_connections=self._max_connections,
                keep_alive_s=self._keep_alive_s,
            )
        return pool

    async def _open(self, origin: Origin, on_lost: Callable[[Connection], None]) -> Connection:
        scheme, host, port = origin
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(on_lost, max_answer_bytes=self._max_answer_bytes),
            host,
            port,
            ssl=self._tls_context() if scheme == "https" else None,
        )
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._cafile)
        return self._tls


def _serialize(request: httpx.Request, body: bytes) -> bytes:
    """The request's bytes; raises `httpx.LocalProtocolError` for what must not go on the wire."""
    if request.method in _UNSENDABLE:
        raise httpx.LocalProtocolError(f"{request.method} is not supported")
    headers = request.headers.raw
    lines = [b"%s %s HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s\r\n" % header for header in headers]
    lines.append(b"\r\n")
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or b"\0" in head:
        raise httpx.LocalProtocolError("a line break or NUL inside the request's head")
    if "transfer-encoding" in request.headers:
        raise httpx.LocalProtocolError("streamed request bodies are not supported")
    return head + body


def _respond(request: httpx.Request, answer: Answer) -> httpx.Response:
    extensions: dict[str, Any] = {"http_version": b"HTTP/1.1"}
    response = httpx.Response(
        answer.status,
        headers=answer.headers,
        stream=httpx.ByteStream(answer.body),
        request=request,
        extensions=extensions,
    )
    if b"content-encoding" in {name.lower() for name, _ in answer.headers}:
        return response  # whoever asked for the coding decodes it: `await response.aread()`
    # Reading through httpx's iterators would cost more than the whole exchange; it keeps a read body here (0.28).
    response._content = answer.body
    return response
