"""The sandbox's edge: ASGI in and out, around a face that does the thinking. Requests are `exchange`'s business."""

import asyncio

from sandbox.edges import FRAMES, WIRE
from sandbox.exchange import Exchange, Receive, Scope, Send, address_of
from sandbox.sockets import Connection
from sandbox.world import World

SOCKET_PATHS = ("/", "/ws")


class Application:
    """The bare ASGI application: sockets to the face, all else to an exchange of its own."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Exchange(self._world, scope, receive, send).serve()
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if scope["path"] not in SOCKET_PATHS:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})
        connection = Connection(address_of(scope), scope["extensions"][WIRE])
        hub = self._world.hub
        hub.join(connection)
        face = self._world.face
        face.connected(connection, self._world.clock.now_us())
        writer = asyncio.ensure_future(_write(connection, send))
        try:
            while (message := await receive())["type"] == "websocket.receive":
                text = message.get("text")
                if connection.close_code is None:
                    frame = text if text is not None else message.get("bytes", b"")
                    face.received(connection, frame, self._world.clock.now_us())
        finally:
            face.disconnected(connection)
            hub.leave(connection)
            connection.close(1000)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)


async def _write(connection: Connection, send: Send) -> None:
    while (frames := await connection.next_frames()) is not None:
        await send({"type": FRAMES, "bytes": frames})
    await send({"type": "websocket.close", "code": connection.close_code or 1000})
