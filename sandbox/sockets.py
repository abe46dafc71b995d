"""Who listens to what: WebSocket connections with bounded outgoing queues, and topics. No venue's format in here."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

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


class Wire(Protocol):
    """The connection under a socket, for who has to break it."""

    def end(self, *, reset: bool = False) -> None:
        """Hang up at once, politely or with a TCP reset; nothing happens if it is over already."""

    def half_open(self) -> None:
        """Neither hear nor say anything any more, and let the client believe what it likes."""


class Connection:
    """One client's socket. `send` never waits; the writer loop empties the queue."""

    def __init__(self, address: str, wire: Wire | None = None) -> None:
        self.address = address
        self.wire = wire
        self.tampering: Tampering | None = None
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


# Takes a message on its way to one connection, and sees to what becomes of it.
Tampering = Callable[[Connection, Topic, str], None]


class Hub:
    """Topics and their connections. Publishing to a topic nobody listens to costs one look-up: ask `has` first.

    Data goes out by `publish` and `deliver`, or by whoever looks at a connection's `tampering` first.

    `observe` is told of every topic whose connections have become more or fewer, and how many they are now.
    """

    def __init__(self, observe: Callable[[Topic, int], None] = lambda topic, connections: None) -> None:
        self._observe = observe
        self._listeners: dict[Topic, dict[Connection, None]] = {}
        self.connections: dict[Connection, None] = {}
        self._tampering: Tampering | None = None

    def join(self, connection: Connection) -> None:
        self.connections[connection] = None
        connection.tampering = self._tampering

    def tamper(self, tampering: Tampering | None) -> None:
        """From now on let this decide what becomes of data, or nothing."""
        self._tampering = tampering
        for connection in self.connections:
            connection.tampering = tampering

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
        if self._tampering is not None:
            for connection in list(self.listeners(topic)):
                self._tampering(connection, topic, text)
            return
        frame = text_frame(text)
        for connection in self.listeners(topic):
            connection.send_frame(frame)

    def deliver(self, connection: Connection, topic: Topic, text: str) -> None:
        """Send data to one connection alone."""
        if self._tampering is None:
            connection.send(text)
        else:
            self._tampering(connection, topic, text)

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
