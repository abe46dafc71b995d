"""The whole gateway behind its real server on a loopback port, over a venue whose truth is known."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.server.run import server_for
from gateway.services import Lifecycle
from gateway.settings import ServerSettings
from tests.gateway.api.running import Running
from tests.gateway.orders.replica import until

REQUEST_TIMEOUT_S = 1.0


@dataclass(slots=True)
class Watched:
    """The application, without its lifespan (the fixture keeps that), and what got through to it."""

    app: ASGIApp
    reached: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        self.reached.append(f"{scope.get('method', scope['type'])} {scope['path']}")
        await self.app(scope, receive, send)


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The error's code."""
        return None if self.status < 400 else str(json.loads(self.body)["error"]["code"])


@dataclass(slots=True)
class Served:
    gateway: Running
    watched: Watched
    port: int

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def say(self, sent: bytes, *, within_s: float = 5.0) -> list[Answer]:
        """Send these bytes, and read every answer until the server closes."""
        async with self.connect() as (reader, writer), asyncio.timeout(within_s):
            writer.write(sent)
            said = b""
            try:
                while part := await reader.read(65_536):
                    said += part
            except ConnectionError:
                pass
        return list(_answers(said))


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer of a connection that stays open."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        [answer] = _answers(head, is_cut=True)
        answer.body = await reader.readexactly(int(answer.headers["content-length"]))
    return answer


def _answers(said: bytes, *, is_cut: bool = False) -> Iterator[Answer]:
    while said:
        head, _, said = said.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = 0 if is_cut else int(headers.get("content-length", "0"))
        yield Answer(int(first.split(" ")[1]), headers, said[:length])
        said = said[length:]


@asynccontextmanager
async def served(gateway: Running) -> AsyncIterator[Served]:
    """Serve a running gateway until the block ends."""
    watched = Watched(gateway.app)
    server = server_for(watched, ServerSettings(port=0, request_timeout_s=REQUEST_TIMEOUT_S), Lifecycle())
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    try:
        [listener] = server.servers[0].sockets
        yield Served(gateway, watched, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
