"""uvicorn's edges: the connection behind a request for who has to break it, and frames that are encoded already."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

FRAMES = "sandbox.frames"
CLOSE_TIMEOUT_S = 30.0  # how long a client may take to answer a closing frame


class ExposedTransport(HttpToolsProtocol):
    """uvicorn's protocol, which also lets the application reach the connection it has to break."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: Any = {"sandbox.transport": self.transport}
        self.scope["extensions"] = extensions


class WrittenFrames(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which also takes whole frames as bytes: encoded once for many, written at once if several.

    They go out between the protocol's own frames, under its flow control. Handshake, pings and closing stay its own.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = CLOSE_TIMEOUT_S

    async def send(self, message: Any) -> None:
        if message["type"] != FRAMES:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(message["bytes"])
