"""HTTP for clients that are slow or send too much: refused before anything else looks at them.

uvicorn reads a request for as long as it takes, headers of any size, and waits for ever for an answer to be read; this
protocol bounds all three.
"""

import asyncio
import secrets
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.api.context import RequestContext, now_ms
from gateway.api.problem import STATUS
from gateway.errors import Code, Outcome

HEADERS_MAX_BYTES = 16 * 1024


class BoundedHttpProtocol(HttpToolsProtocol):
    """Bounds the size of a request's head, and the times that a request may take to arrive and an answer to be read."""

    request_timeout_s = 10.0

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._is_reading_head = True
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # A first request must come; for later ones uvicorn's own keep-alive timer waits.
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_unread_timer()
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]  # None at first
            context: RequestContext | None = self.cycle.scope["state"].get("context")
            if context is not None and context.presence is not None:
                context.presence.leave()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        # What waits to be read by a client that does not would keep a polite close waiting as well.
        self._unread = self.loop.call_later(self.request_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_unread_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # what follows a refused request is not looked at
            return
        if self._is_reading_head:
            # What came in earlier reads belongs to a head that is not complete yet: even one endless header is bounded.
            if self._head_bytes > HEADERS_MAX_BYTES:
                self._refuse(Code.HEADERS_TOO_LARGE, f"the headers are larger than {HEADERS_MAX_BYTES} bytes")
                return
            self._head_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_reading_head, self._head_bytes = True, 0
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_reading_head = False
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEADERS_MAX_BYTES:
            self._refuse(Code.HEADERS_TOO_LARGE, f"the headers are larger than {HEADERS_MAX_BYTES} bytes")
            raise _RequestRefused
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_timer()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop_unread_timer()
        super().handle_websocket_upgrade()
        # A handshake that the WebSocket library cannot read (it has a body, say) is neither answered nor dropped there.
        protocol: Any = self.transport.get_protocol()
        if not protocol.handshake_initiated and not self.transport.is_closing():
            self._refuse(Code.INVALID_REQUEST, "this is no WebSocket handshake")

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            self._refuse(Code.INVALID_REQUEST, "this is not HTTP/1.1 as the standard has it")

    def _start_timer(self) -> None:
        self._stop_timer()
        self._late = self.loop.call_later(self.request_timeout_s, self.transport.close)

    def _stop_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _stop_unread_timer(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, code: Code, message: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]  # None at first
            # It would be read as the answer to the request before it, which may be an order on its way.
            self.transport.close()
            return
        request_id = secrets.token_hex(8)
        error = {
            "code": code,
            "message": message,
            "retryable": False,
            "outcome": Outcome.NOT_SENT,
            "request_id": request_id,
        }
        body = msgspec.json.encode({"success": False, "error": error, "timestamp": now_ms()})
        head = (
            f"HTTP/1.1 {STATUS[code]} {HTTPStatus(STATUS[code]).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _RequestRefused(Exception):
    """Raised out of the parser, so that it stops where it is."""
