"""uvicorn's edges: the connection behind a request for who has to break it, and frames that are encoded already."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

FRAMES = "sandbox.frames"
WIRE = "sandbox.wire"  # the scope's extension that holds the protocol under it
CLOSE_TIMEOUT_S = 30.0  # how long a client may take to answer a closing frame
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Headers = list[tuple[bytes, bytes]]


class ExposedTransport(HttpToolsProtocol):
    """uvicorn's protocol, which also lets the application reach the connection it has to break."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost.set()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: Any = {WIRE: self}
        self.scope["extensions"] = extensions

    def end(self, *, reset: bool = False) -> None:
        """Hang up at once; what is written but not sent yet is lost."""
        _end(self.transport, reset=reset)

    def finish(self) -> None:
        """Hang up once all that is written is sent."""
        self.transport.close()

    async def lost(self) -> None:
        """Wait until the connection is over."""
        await self._lost.wait()

    def write_answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Write a whole answer past the protocol, which still expects one."""
        lines = (*self.server_state.default_headers, *headers)
        head = b"".join(name.lower() + b": " + value + b"\r\n" for name, value in lines)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)


class WrittenFrames(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which also takes whole frames as bytes: encoded once for many, written at once if several.

    They go out between the protocol's own frames, under its flow control. Handshake, pings and closing stay its own.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = CLOSE_TIMEOUT_S
        self._is_half_open = False

    async def run_asgi(self) -> None:
        extensions: Any = self.scope["extensions"]
        extensions[WIRE] = self
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if self._is_half_open:
            if self.disconnected:
                raise ClientDisconnected
            return
        if message["type"] != FRAMES:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        if not self._is_half_open:
            self.transport.write(message["bytes"])

    def data_received(self, data: bytes) -> None:
        """What comes on a half-open connection is taken off the wire, so that its end is noticed, and never read."""
        if not self._is_half_open:
            super().data_received(data)

    def end(self, *, reset: bool = False) -> None:
        """Hang up at once, without a closing frame."""
        _end(self.transport, reset=reset)

    def half_open(self) -> None:
        self._is_half_open = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()


def _end(transport: asyncio.Transport, *, reset: bool) -> None:
    """End a connection; `reset` makes the kernel send RST instead of FIN."""
    if transport.is_closing():
        return
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
