"""Who listens to what: WebSocket connections with bounded outgoing queues, and topics. No venue's format in here."""

import asyncio
from collections.abc import Callable, Iterable

# A reader this far behind is cut off: no venue keeps unlimited frames for one client.
MAX_PENDING = 20_000

Topic = tuple[str | None, str]  # (account or None for public, stream name)


def text_frame(text: str) -> bytes:
    """A text message as one frame of the WebSocket protocol, unmasked as servers send it (RFC 6455, 5.2)."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


class Connection:
    """One client's socket. `send` never waits; the writer loop empties the queue."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.topics: set[Topic] = set()
        self.close_code: int | None = None
        self._pending: list[bytes] = []
        self._ready = asyncio.Event()

    def send(self, text: str) -> None:
        self.send_frame(text_frame(text))

    def send_frame(self, frame: bytes) -> None:
        """Send a message that is a frame already: many connections share its bytes."""
        if self.close_code is not None:
            return
        if len(self._pending) >= MAX_PENDING:
            self.close(1008)
            return
        self._pending.append(frame)
        self._ready.set()

    def close(self, code: int) -> None:
        """Close after what is already queued."""
        if self.close_code is None:
            self.close_code = code
            self._ready.set()

    async def next_frames(self) -> bytes | None:
        """All that is to be sent by now, in one piece, or None once the connection is to be closed."""
        while not self._pending:
            if self.close_code is not None:
                return None
            self._ready.clear()
            await self._ready.wait()
        frames, self._pending = self._pending, []
        return b"".join(frames)


class Hub:
    """Topics and their connections. Publishing to a topic nobody listens to costs one look-up: ask `has` first.

    `observe` is told of every topic whose connections have become more or fewer, and how many they are now.
    """

    def __init__(self, observe: Callable[[Topic, int], None] = lambda topic, connections: None) -> None:
        self._observe = observe
        self._listeners: dict[Topic, dict[Connection, None]] = {}
        self.connections: dict[Connection, None] = {}

    def join(self, connection: Connection) -> None:
        self.connections[connection] = None

    def leave(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        for topic in list(connection.topics):
            self.unsubscribe(connection, topic)

    def subscribe(self, connection: Connection, topic: Topic) -> bool:
        """True if this is new for the connection."""
        if topic in connection.topics:
            return False
        connection.topics.add(topic)
        listeners = self._listeners.setdefault(topic, {})
        listeners[connection] = None
        self._observe(topic, len(listeners))
        return True

    def unsubscribe(self, connection: Connection, topic: Topic) -> None:
        if topic not in connection.topics:
            return
        connection.topics.discard(topic)
        listeners = self._listeners[topic]
        del listeners[connection]
        if not listeners:
            del self._listeners[topic]
        self._observe(topic, len(listeners))

    def has(self, topic: Topic) -> bool:
        return topic in self._listeners

    def publish(self, topic: Topic, text: str) -> None:
        frame = text_frame(text)
        for connection in self.listeners(topic):
            connection.send_frame(frame)

    def listeners(self, topic: Topic) -> Iterable[Connection]:
        return self._listeners.get(topic, ())

    def topics(self) -> Iterable[Topic]:
        return list(self._listeners)

    def close_all(self, code: int) -> None:
        for connection in self.connections:
            connection.close(code)

    def report(self) -> list[dict[str, object]]:
        """Open subscriptions with how many connections hold each."""
        return [
            {"account": account, "stream": stream, "connections": len(listeners)}
            for (account, stream), listeners in sorted(
                self._listeners.items(), key=lambda item: (item[0][0] or "", item[0][1])
            )
        ]
