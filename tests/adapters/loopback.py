"""A loopback HTTP server whose every connection runs a script given by the test, and which records what it saw."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Loopback:
    port: int = 0
    connections: int = 0
    requests: list[Seen] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def read_request(self, reader: asyncio.StreamReader) -> Seen | None:
        """The next request, None once the client has closed."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        seen = Seen(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
        async with self.changed:
            self.requests.append(seen)
            self.changed.notify_all()
        return seen

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(condition)


Script = Callable[[Loopback, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def loopback(script: Script) -> AsyncIterator[Loopback]:
    """Serve every connection with `script`; the connection is closed when it returns."""
    state = Loopback()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        async with state.changed:
            state.connections += 1
            state.changed.notify_all()
        try:
            await script(state, reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            tasks.discard(task)
            async with state.changed:
                state.connections -= 1
                state.changed.notify_all()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks))
        await server.wait_closed()


def response(
    body: bytes,
    status: str = "200 OK",
    headers: str = "content-type: application/json\r\n",
    *,
    with_length: bool = True,
) -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


def answering(*answers: bytes) -> Script:
    """Answer the requests of all connections with `answers` in order, the last one again and again."""
    left = list(answers)

    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await state.read_request(reader) is not None:
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return script
