"""HTTP/1.1 requests that a proxy sends twice, as a mesh that repeats what it must not."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.harness.link import Peer

_ANSWER_S = 5.0
_HEAD_END = b"\r\n\r\n"

Dial = Callable[[], Awaitable[Peer]]


def asks_for(chunk: bytes, method: str, path: str) -> bool:
    """Whether a request for that path, whatever its query, begins here."""
    line = chunk.partition(b"\r\n")[0].split(b" ")
    return len(line) == 3 and line[0] == method.encode() and line[1].partition(b"?")[0] == path.encode()


def missing_bytes(message: bytes) -> int:
    """How much of the message that begins here has not come yet, 1 while nobody can know."""
    head, end, body = message.partition(_HEAD_END)
    if not end:
        return 1
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return max(0, int(value) - len(body))
    return 0


class Replays:
    """Which requests are still to be sent twice, and how many were."""

    def __init__(self, dial: Dial):
        self._dial = dial
        self._waiting: list[tuple[str, str]] = []
        self.done = 0

    def expect(self, method: str, path: str) -> None:
        self._waiting.append((method, path))

    def forget(self) -> None:
        self._waiting.clear()

    async def read(self, client: Peer) -> bytes:
        """The client's next bytes.

        If they are an awaited request, it has been sent on a connection of its own and answered before; that answer is
        dropped.
        """
        chunk = await client.read()
        awaited = next((each for each in self._waiting if asks_for(chunk, *each)), None)
        if awaited is None:
            return chunk
        self._waiting.remove(awaited)
        request = await _whole(client, chunk)
        server = await self._dial()
        try:
            async with asyncio.timeout(_ANSWER_S):
                server.writer.write(request)
                await server.writer.drain()
                await _whole(server, b"")
        finally:
            server.reset()
        self.done += 1
        return request


async def _whole(sender: Peer, message: bytes) -> bytes:
    while missing_bytes(message):
        more = await sender.read()
        if not more:
            break
        message += more
    return message
