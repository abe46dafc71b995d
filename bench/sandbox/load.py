"""Sockets without a library on them: what sends requests and counts answers and frames must not be what is measured."""

import base64
import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.sandbox.orders import SCRIPT
from bench.sandbox.venue import RunningVenue

CHUNK = 1 << 18
CONNECTIONS = 8
SILENCE_S = 10.0


class Refused(Exception):
    """The venue answered with an error; the message is its answer."""


class HttpConnection:
    """One keep-alive connection with one request on its way at a time."""

    def __init__(self, venue: RunningVenue) -> None:
        self.socket = socket.create_connection((venue.host, venue.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SILENCE_S)
        self._received = b""

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def read(self) -> bool:
        """Take what has come; True once the answer is whole. Raises `Refused` unless it is a success."""
        self._received += self.socket.recv(CHUNK)
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return False
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return False
        if not head.startswith(b"HTTP/1.1 20"):
            raise Refused(self._received.decode())
        self._received = b""
        return True


class FrameCounter:
    """One WebSocket that counts the messages it gets."""

    def __init__(self, venue: RunningVenue, path: str, *subscriptions: bytes) -> None:
        self.socket = socket.create_connection((venue.host, venue.port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {venue.host}:{venue.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self.socket.settimeout(SILENCE_S)
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.socket.recv(CHUNK)
        if not received.startswith(b"HTTP/1.1 101"):
            raise Refused(received.decode())
        self._rest = received.partition(b"\r\n\r\n")[2]
        for text in subscriptions:
            self.socket.sendall(_masked_text(text))

    def read(self) -> int:
        """Take what has come; how many whole messages there were in it."""
        data = self._rest + self.socket.recv(CHUNK)
        at = count = 0
        size = len(data)
        while size - at >= 2:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if size - at < head + length:
                break
            count += data[at] == 0x81
            at += head + length
        self._rest = data[at:]
        return count


def _masked_text(text: bytes) -> bytes:
    """A text frame as a client sends it; the mask is all zeros, which changes nothing."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + text


@dataclass(frozen=True, slots=True)
class Driven:
    """What came back within a time."""

    answers: int
    messages: int
    seconds: float


def drive(
    venue: RunningVenue,
    requests: Iterable[bytes],
    sockets: Iterable[FrameCounter] = (),
    *,
    connections: int = CONNECTIONS,
) -> Driven:
    """Send the requests over some connections, the next as soon as an answer has come; count until all are answered.

    A connection takes a whole script in turn, so that an order is there before its cancel is sent.
    """
    counters = list(sockets)
    with selectors.DefaultSelector() as selector:
        scripts = _scripts(requests)
        mine: dict[HttpConnection, Iterator[bytes]] = {}
        for counter in counters:
            selector.register(counter.socket, selectors.EVENT_READ, counter)
        started = time.perf_counter()
        for _ in range(connections):
            connection = HttpConnection(venue)
            mine[connection] = iter(())
            if _send_next(connection, mine, scripts):
                selector.register(connection.socket, selectors.EVENT_READ, connection)
        answers = messages = 0
        waiting = len(selector.get_map()) - len(counters)
        while waiting:
            for key, _ in selector.select(SILENCE_S):
                if isinstance(key.data, FrameCounter):
                    messages += key.data.read()
                elif key.data.read():
                    answers += 1
                    if not _send_next(key.data, mine, scripts):
                        selector.unregister(key.data.socket)
                        waiting -= 1
        seconds = time.perf_counter() - started
    for connection in mine:
        connection.socket.close()
    return Driven(answers, messages, seconds)


def _scripts(requests: Iterable[bytes]) -> Iterator[list[bytes]]:
    each = iter(requests)
    while script := [request for _, request in zip(range(SCRIPT), each, strict=False)]:
        yield script


def _send_next(
    connection: HttpConnection, mine: dict[HttpConnection, Iterator[bytes]], scripts: Iterator[list[bytes]]
) -> bool:
    """Send a connection's next request; False if there is none left."""
    request = next(mine[connection], None)
    if request is None:
        script = next(scripts, None)
        if script is None:
            return False
        mine[connection] = iter(script)
        request = next(mine[connection])
    connection.send(request)
    return True
