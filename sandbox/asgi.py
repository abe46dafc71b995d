"""The sandbox's edge: ASGI in and out, limits, faults and the ledger around a face that does the thinking."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sandbox.control import PREFIX, answer_control
from sandbox.edges import FRAMES
from sandbox.face import Admission, Request, Response
from sandbox.faults import Answer, Fault, Hangup, When
from sandbox.ledger import Seen, client_ids_in
from sandbox.sockets import Connection
from sandbox.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SOCKET_PATHS = ("/", "/ws")
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Application:
    """The bare ASGI application: `/sim/…` to the control plane, sockets and all else to the face."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    # -- HTTP ----------------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived_us = self._world.clock.now_us()
        request = _request(scope, await _body(receive), arrived_us)
        if request.path.startswith(PREFIX):
            await _send(send, answer_control(self._world, request))
            return
        admission = self._world.face.admit(request)
        response, fault = self._answer(request, admission)
        self._record(request, admission, response, fault)
        if fault is not None and fault.hang_ms:
            await asyncio.sleep(fault.hang_ms / 1000)
        if response is not None:
            await _send(send, response)
        else:
            is_reset = fault is not None and isinstance(fault.effect, Hangup) and fault.effect.reset
            _hang_up(scope["extensions"]["sandbox.transport"], reset=is_reset)
            await receive()  # http.disconnect: from here on the server expects no answer

    def _answer(self, request: Request, admission: Admission) -> tuple[Response | None, Fault | None]:
        """The answer as it will go out (None: none will), and the fault that made it so."""
        world, outcome = self._world, admission.outcome
        if isinstance(outcome, Response):
            return outcome, None
        fault = world.faults.strike(request.method, request.path, When.BEFORE)
        if fault is not None:
            return _spoiled(None, fault), fault
        response = outcome(world.clock.now_us())
        fault = world.faults.strike(request.method, request.path, When.AFTER_EXECUTE)
        return (response, None) if fault is None else (_spoiled(response, fault), fault)

    def _record(self, request: Request, admission: Admission, response: Response | None, fault: Fault | None) -> None:
        caller = admission.caller
        seen = Seen(
            time_us=request.arrived_us,
            method=request.method,
            path=request.path,
            caller=caller.name,
            account=caller.account,
            request_class=caller.request_class,
            status=response.status if response is not None else 0,
            fault=fault.label if fault is not None else None,
            query=request.query_string,
            refused=admission.refused,
            client_ids=client_ids_in(request.body),
        )
        self._world.ledger.record_request(seen)

    # -- WebSocket -----------------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if scope["path"] not in SOCKET_PATHS:
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})
        connection = Connection(_address(scope))
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


def _request(scope: Scope, body: bytes, arrived_us: int) -> Request:
    return Request(
        method=scope["method"],
        path=scope["path"],
        target=_target(scope),
        query_string=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
        address=_address(scope),
        arrived_us=arrived_us,
    )


def _target(scope: Scope) -> str:
    """Path and query exactly as they were sent."""
    path: str = scope["raw_path"].decode("latin-1")
    query: str = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _send(send: Send, response: Response) -> None:
    headers = [(b"content-type", response.content_type.encode())] if response.content_type else []
    headers.append((b"content-length", str(len(response.body)).encode()))
    headers.extend((name.encode(), value.encode()) for name, value in response.headers)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _spoiled(response: Response | None, fault: Fault) -> Response | None:
    match fault.effect:
        case Answer(status, body, content_type):
            return Response(status, body, content_type)
        case Hangup():
            return None
        case None:
            return response


def _hang_up(transport: asyncio.Transport, *, reset: bool) -> None:
    """End the connection without an answer; `reset` makes the kernel send RST instead of FIN."""
    if reset:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
