"""One connection to Redis: writes batches of calls, and hands each reply to the call it belongs to.

It knows nothing of scripts, retries or health: `client.Store` decides those. redis-py reads the URL and its TLS options
and hiredis packs and parses; the part in between is our own, because redis-py's costs 58 µs of CPU a call.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import hiredis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url

from gateway.store.scripts import Script

_INCOMPLETE = object()

Argument = str | bytes | int


def pack(*command: Argument) -> bytes:
    """One command as Redis reads it."""
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub asks for a tuple of one
    return packed


@dataclass(slots=True, eq=False)
class Call:
    """One command on its way; `reply` is None where nobody waits for it."""

    packed: bytes
    reply: asyncio.Future[Any] | None
    script: Script | None = None
    operands: tuple[Argument, ...] = ()
    """Number of keys, keys and arguments: what an EVAL needs if the script was not there."""


class Wire(asyncio.Protocol):
    """A connection: `answered(call, reply)` is called for each reply in order, `lost(wire, calls, reason)` once."""

    def __init__(
        self,
        *,
        timeout_s: float,
        answered: Callable[[Call, Any], None],
        batch_answered: Callable[[float], None],
        lost: Callable[["Wire", list[Call], str], None],
    ):
        self._timeout_s = timeout_s
        self._answered = answered
        self._batch_answered = batch_answered
        self._lost = lost
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._unanswered: deque[Call] = deque()
        # Calls not yet answered, and when they were written; by a clock finer than uvloop's, which counts milliseconds.
        self._batches: deque[tuple[int, float]] = deque()
        self._late: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._reason = "the connection was closed"
        self._loop = asyncio.get_running_loop()

    @property
    def batches_in_flight(self) -> int:
        return len(self._batches)

    def send(self, calls: list[Call]) -> None:
        """Write `calls` as one pipeline."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError(self._reason)
        self._transport.write(b"".join([call.packed for call in calls]))
        self._unanswered.extend(calls)
        self._batches.append((len(calls), time.monotonic()))
        if self._late is None:
            self._late = self._loop.call_later(self._timeout_s, self._check_late)

    def close(self, reason: str) -> None:
        """Drop the connection; calls in flight end in `lost`."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                if isinstance(reply, hiredis.PushNotification):
                    continue
                self._answered(self._unanswered.popleft(), reply)
                self._count_reply()
        except (hiredis.ProtocolError, IndexError):
            self.close("Redis sent something that is not a reply")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        reason = str(exc) if exc else self._reason
        calls, self._transport = list(self._unanswered), None
        self._unanswered.clear()
        self._lost(self, calls, reason)

    def _count_reply(self) -> None:
        left, sent_at = self._batches[0]
        if left > 1:
            self._batches[0] = (left - 1, sent_at)
        else:
            self._batches.popleft()
            self._batch_answered(time.monotonic() - sent_at)

    def _check_late(self) -> None:
        """One timer for all batches: look at the oldest, and come back when it could be late."""
        self._late = None
        if not self._batches:
            return
        left_s = self._batches[0][1] + self._timeout_s - time.monotonic()
        if left_s <= 0:
            self.close(f"no answer within {self._timeout_s:g} s")
        else:
            self._late = self._loop.call_later(left_s, self._check_late)


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is and how to log in, read once from a URL."""

    connection: Connection | UnixDomainSocketConnection

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `ValueError` for a URL that is not `redis://`, `rediss://` or `unix://`."""
        options: dict[str, Any] = dict(parse_url(url))
        return cls(options.pop("connection_class", Connection)(**options))

    async def connect(self, make: Callable[[], Wire]) -> Wire:
        """Open a connection and log in. Raises `OSError` if that fails; the caller bounds the time."""
        loop, to = asyncio.get_running_loop(), self.connection
        if isinstance(to, UnixDomainSocketConnection):
            _, wire = await loop.create_unix_connection(make, to.path)
        else:
            tls = to.ssl_context.get() if isinstance(to, SSLConnection) else None
            _, wire = await loop.create_connection(make, to.host, int(to.port), ssl=tls)
        try:
            await self._log_in(wire)
        except BaseException:
            wire.close("the login did not succeed")
            raise
        return wire

    async def _log_in(self, wire: Wire) -> None:
        user, password = self.connection.username or "default", self.connection.password
        commands: list[tuple[Argument, ...]] = [("HELLO", 3, *(("AUTH", user, password) if password else ()))]
        if self.connection.db:
            commands.append(("SELECT", self.connection.db))
        commands.append(("PING",))  # a server that is still loading refuses this one
        loop = asyncio.get_running_loop()
        calls = [Call(pack(*command), loop.create_future()) for command in commands]
        wire.send(calls)
        for reply in await asyncio.gather(*(call.reply for call in calls if call.reply), return_exceptions=True):
            if isinstance(reply, BaseException):
                raise ConnectionError(str(reply)) from reply
