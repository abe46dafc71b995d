"""Kept connections to one origin: last in, first out, bounded, with a queue for whoever finds them all taken.

A connection handed out was alive a moment ago. Nothing is ever repeated here, and nothing is written here.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import httpx

from adapters.common.connection import Connection

Open = Callable[[Callable[[Connection], None]], Awaitable[Connection]]
"""Opens one connection that reports its loss to the given callable."""


class Pool:
    """At most `max_connections` at once; one idle for longer than `keep_alive_s` is closed rather than used."""

    def __init__(self, open_connection: Open, *, max_connections: int, keep_alive_s: float) -> None:
        self._open_connection = open_connection
        self._max_connections = max_connections
        self._keep_alive_s = keep_alive_s
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening = 0
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()

    async def acquire(self, *, pool_timeout_s: float | None, connect_timeout_s: float | None) -> Connection:
        """Return a connection for one exchange; give it back with `release`, whatever came of it.

        Raises `httpx.PoolTimeout`, `ConnectTimeout` or `ConnectError`; nothing has been sent then.
        """
        connection = self._take_idle()
        if connection is not None:
            return connection
        if len(self._connections) + self._opening < self._max_connections:
            self._opening += 1
            return await self._connect(connect_timeout_s)
        connection = await self._wait(pool_timeout_s)
        if connection is None:
            return await self._connect(connect_timeout_s)
        if connection.is_ready():
            return connection
        connection.close()
        self._connections.discard(connection)
        self._opening += 1
        return await self._connect(connect_timeout_s)

    def release(self, connection: Connection) -> None:
        """Take a connection back: kept if the exchange left it clean, closed otherwise."""
        if connection not in self._connections:
            return
        if not connection.is_reusable():
            connection.close()
            self._forget(connection)
            return
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(connection)
            return
        now = asyncio.get_running_loop().time()
        connection.idle_since = now
        self._idle.append(connection)
        if now - self._idle[0].idle_since > self._keep_alive_s:
            self._idle.pop(0).close()

    async def aclose(self) -> None:
        """Close what is idle, abort what still runs, and wait until all are gone."""
        for connection in tuple(self._connections):
            if connection in self._idle:
                connection.close()
            else:
                connection.abort()
        self._idle.clear()
        if self._connections:
            await asyncio.wait([connection.gone for connection in self._connections], timeout=1.0)

    def _take_idle(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since <= self._keep_alive_s and connection.is_ready():
                return connection
            connection.close()
            self._connections.discard(connection)
        return None

    async def _connect(self, timeout_s: float | None) -> Connection:
        """Open a connection in a slot that is already counted in `_opening`."""
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._open_connection(self._forget)
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except (OSError, UnicodeError) as exc:  # refused, unreachable, name not resolved, certificate not accepted
            raise httpx.ConnectError(f"cannot connect: {type(exc).__name__}") from exc
        else:
            self._connections.add(connection)
            return connection
        finally:
            self._opening -= 1
            self._offer_slot()

    async def _wait(self, timeout_s: float | None) -> Connection | None:
        """Wait for a connection, or (None) for a slot to open one in, already counted in `_opening`."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        except TimeoutError:
            if waiter.done() and not waiter.cancelled():
                return waiter.result()  # it came in the same moment
            raise httpx.PoolTimeout("all connections are in use") from None
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._give_back(waiter.result())
            raise

    def _give_back(self, connection: Connection | None) -> None:
        if connection is not None:
            self.release(connection)
        else:
            self._opening -= 1
            self._offer_slot()

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._offer_slot()

    def _offer_slot(self) -> None:
        if len(self._connections) + self._opening < self._max_connections:
            waiter = self._next_waiter()
            if waiter is not None:
                self._opening += 1
                waiter.set_result(None)

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None
