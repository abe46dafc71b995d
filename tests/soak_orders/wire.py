"""HTTP as impatient bots speak it: whoever has waited long enough hangs up, and nothing is left of the connection."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

_IDLE_MAX = 32

Answer = tuple[int | None, Any]
"""Status and body; no status where none came, no body where it was no JSON."""


class Wire:
    """Connections to several servers, which are kept only after a whole answer. In one event loop."""

    def __init__(self) -> None:
        self.token = ""
        self._idle: defaultdict[tuple[str, int], list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
        self._idle = defaultdict(list)

    async def ask(self, url: str, method: str, path: str, body: Mapping[str, Any] | None, patience_s: float) -> Answer:
        """One request, once: it is never sent again, whatever becomes of it."""
        host, _, port = url.removeprefix("http://").partition(":")
        place = (host, int(port))
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(patience_s):
                idle = self._idle[place]
                reader, writer = idle.pop() if idle else await asyncio.open_connection(*place)
                writer.write(self._request(method, path, host, body))
                status, content, keeps = await _response(reader)
        except (OSError, EOFError, ValueError, TimeoutError):
            if writer is not None:
                writer.transport.abort()
            return None, None
        if keeps and len(idle) < _IDLE_MAX:
            idle.append((reader, writer))
        else:
            writer.transport.abort()
        try:
            return status, json.loads(content)
        except ValueError:
            return status, None

    def close(self) -> None:
        for idle in self._idle.values():
            for _, writer in idle:
                writer.transport.abort()
            idle.clear()

    def _request(self, method: str, path: str, host: str, body: Mapping[str, Any] | None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(content)}"]
        head += ["Content-Type: application/json"] if content else []
        head += [f"Authorization: Bearer {self.token}"] if self.token else []
        return "\r\n".join([*head, "", ""]).encode() + content


async def _response(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, content, and whether the connection may be kept. Raises `EOFError` if it ended before that."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    content = await reader.readexactly(int(fields.get("content-length", "0")))
    return int(head[0].split(" ")[1]), content, fields.get("connection", "").lower() != "close"
