"""One HTTP/1.1 client connection: writes a request, reads the one answer to it.

Rules: one exchange at a time; an answer is read whole; whatever is not a clean exchange (timeout, cancellation, bytes
out of turn, a malformed answer) closes the connection, so that an answer can never be taken for another request's.
Keeping and sharing connections is the pool's part.
"""

import asyncio
import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import httptools
import httpx

RawHeaders = list[tuple[bytes, bytes]]

_BODYLESS = frozenset({204, 304})


@dataclass(slots=True)
class Answer:
    """A response as it came: header names and order untouched, body without its transfer coding."""

    status: int
    headers: RawHeaders
    body: bytes


class Connection(asyncio.Protocol):
    """Create it with `loop.create_connection`; `on_lost` is called once, when the connection is gone."""

    def __init__(self, on_lost: "Callable[[Connection], None]", *, max_answer_bytes: int) -> None:
        self._on_lost = on_lost
        self._max_answer_bytes = max_answer_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._poller = select.poll()
        self._waiter: asyncio.Future[Answer] | None = None
        self._headers: RawHeaders = []
        self._body: list[bytes] = []
        self._received_bytes = 0
        self._headers_done = False
        self._reusable = True
        self.idle_since = 0.0
        self.gone = asyncio.get_running_loop().create_future()

    # --- for the pool

    def is_ready(self) -> bool:
        """Whether a request may be written.

        A socket that is readable between exchanges was closed by the server, or talks out of turn. The event loop may
        not have told us yet, and a request written now would be neither answered nor known to be unsent.
        """
        return self._reusable and not self._transport.is_closing() and not self._poller.poll(0)

    def is_reusable(self) -> bool:
        return self._reusable and not self._transport.is_closing()

    def close(self) -> None:
        self._reusable = False
        self._transport.close()

    def abort(self) -> None:
        self._reusable = False
        self._transport.abort()

    # --- the exchange

    async def exchange(
        self, data: bytes, *, timeout_s: float | None, before_first_byte: Callable[[], None] | None = None
    ) -> Answer:
        """Write `data` and wait for the answer.

        Raises `httpx.ConnectError` if the connection is already gone. What `before_first_byte` raises passes through,
        and the connection is as good as before. From there on the request may have arrived: `httpx.ReadTimeout`,
        `WriteTimeout`, `ReadError`, `WriteError` or `RemoteProtocolError`.
        """
        if not self.is_reusable():
            raise httpx.ConnectError("the connection was closed before anything was sent")
        if before_first_byte is not None:
            before_first_byte()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiter = waiter
        self._received_bytes = 0
        self._transport.write(data)
        timer = None if timeout_s is None else loop.call_later(timeout_s, self._timed_out)
        try:
            return await waiter
        except asyncio.CancelledError:
            self.abort()
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # it lost the race against the cancellation: marked as seen
            raise
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _timed_out(self) -> None:
        if self._transport.get_write_buffer_size():
            self._fail(httpx.WriteTimeout("the request could not be written in time"))
        else:
            self._fail(httpx.ReadTimeout("no complete answer in time"))

    def _fail(self, error: httpx.TransportError) -> None:
        if self._is_waiting():
            cast("asyncio.Future[Answer]", self._waiter).set_exception(error)
        self.abort()

    def _is_waiting(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if not self._is_waiting():
            self.abort()
            return
        self._received_bytes += len(data)
        if self._received_bytes > self._max_answer_bytes:
            self._fail(httpx.RemoteProtocolError(f"the answer is longer than {self._max_answer_bytes} bytes"))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("the server switched protocols unasked"))
        except httptools.HttpParserError:
            self._fail(httpx.RemoteProtocolError("the answer is not HTTP/1.1"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._reusable = False
        if self._is_waiting():
            if exc is None and self._ends_with_connection():
                self._complete()
            else:
                self._fail(_lost(exc, during_answer=self._headers_done))
        self.gone.set_result(None)
        self._on_lost(self)

    def _ends_with_connection(self) -> bool:
        """RFC 9112 section 6.3: without a length and not chunked, the body lasts until the connection closes."""
        names = {name.lower() for name, _ in self._headers}
        return self._headers_done and not names & {b"content-length", b"transfer-encoding"}

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        if not self._is_waiting():
            self.abort()  # a second answer on the heels of the first
        self._headers = []
        self._body = []
        self._headers_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._headers_done = True
        if not self._parser.should_keep_alive():
            self._reusable = False
        if self._parser.get_status_code() in _BODYLESS and self._is_waiting():
            # The parser would wait for the bytes a length promises; these statuses have none (RFC 9110 section 15).
            self._reusable = self._reusable and not self._promises_body()
            self._complete()

    def _promises_body(self) -> bool:
        return any(
            (name.lower() == b"content-length" and value.strip() != b"0") or name.lower() == b"transfer-encoding"
            for name, value in self._headers
        )

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200 and self._is_waiting():
            self._complete()

    def _complete(self) -> None:
        if self._transport.get_write_buffer_size():
            self._reusable = False  # answered before the request was through: the rest of it is still to go
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        answer = Answer(self._parser.get_status_code(), self._headers, body)
        cast("asyncio.Future[Any]", self._waiter).set_result(answer)


def _lost(exc: Exception | None, *, during_answer: bool) -> httpx.TransportError:
    if exc is None:
        where = "inside its answer" if during_answer else "without an answer"
        return httpx.RemoteProtocolError(f"the server closed the connection {where}")
    if isinstance(exc, BrokenPipeError):
        return httpx.WriteError("the connection broke while the request was being written")
    return httpx.ReadError(f"the connection broke: {type(exc).__name__}")
