"""Requests by the thousand over kept connections: as many as are answered, or so many a second and how long each took.

Sockets without a library on them: what sends must not be what is measured.
"""

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

CHUNK = 1 << 16
SILENCE_S = 10.0

Address = tuple[str, int]


class Refused(Exception):
    """Something else than success was answered; the message is the answer."""


class _Connection:
    """One connection with one request on its way at a time."""

    def __init__(self, address: Address) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SILENCE_S)
        self.due_s = 0.0
        self._received = b""

    def read(self) -> bool:
        """Take what has come; True once the answer is whole. Raises `Refused` unless it is a success."""
        received = self.socket.recv(CHUNK)
        if not received:
            raise Refused("the connection was closed")
        self._received += received
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return False
        if not head.startswith(b"HTTP/1.1 20"):
            raise Refused(self._received.decode())
        self._received = b""
        return True


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to one address; each is taken from `requests` once."""

    address: Address
    requests: Iterator[bytes]
    connections: int

    def answered(self, seconds: float) -> tuple[int, float]:
        """How many are answered when each connection sends the next as soon as it can, and in how many seconds."""
        idle, made, until_s = self._connect(), 0, time.perf_counter() + seconds
        with selectors.DefaultSelector() as selector:
            for one in idle:
                selector.register(one.socket, selectors.EVENT_READ, one)
            began_s = time.perf_counter()
            busy = 0
            for one in idle:
                one.socket.sendall(next(self.requests))
                busy += 1
            while busy:
                for one in _readable(selector):
                    if not one.read():
                        continue
                    made += 1
                    if time.perf_counter() < until_s:
                        one.socket.sendall(next(self.requests))
                    else:
                        busy -= 1
            ended_s = time.perf_counter()
        _close(idle)
        return made, ended_s - began_s

    def latencies_s(self, per_s: float, seconds: float) -> list[float]:
        """How long each took that was due at its time, waiting for a free connection included."""
        idle, took = self._connect(), list[float]()
        everybody = list(idle)
        with selectors.DefaultSelector() as selector:
            for one in idle:
                selector.register(one.socket, selectors.EVENT_READ, one)
            began_s, sent, total = time.perf_counter(), 0, int(per_s * seconds)
            while len(took) < total:
                due_s = began_s + sent / per_s
                now_s = time.perf_counter()
                if sent < total and idle and now_s >= due_s:
                    one = idle.pop()
                    one.due_s = due_s
                    one.socket.sendall(next(self.requests))
                    sent += 1
                    continue
                wait_s = max(0.0, due_s - now_s) if sent < total and idle else SILENCE_S
                for one in _readable(selector, wait_s, may_be_silent=sent < total and bool(idle)):
                    if one.read():
                        took.append(time.perf_counter() - one.due_s)
                        idle.append(one)
        _close(everybody)
        return took

    def _connect(self) -> list[_Connection]:
        return [_Connection(self.address) for _ in range(self.connections)]


def _readable(
    selector: selectors.BaseSelector, wait_s: float = SILENCE_S, *, may_be_silent: bool = False
) -> list[_Connection]:
    ready = [key.data for key, _ in selector.select(wait_s)]
    if not ready and not may_be_silent:
        raise TimeoutError(f"no answer within {SILENCE_S:g} s")
    return ready


def _close(connections: list[_Connection]) -> None:
    for one in connections:
        one.socket.close()
