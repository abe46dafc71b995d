"""A TCP proxy that stands between two processes and does to their connections what a test tells it to.

It lives in a thread, so that plain and async tests use it alike: `with` and `async with` do the same, and every method
is a plain call that has taken effect when it returns.
"""

import asyncio
import random
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Self

from tests.harness.faults import Fault, Pass
from tests.harness.link import Direction, Link, Peer, Pump, reset
from tests.harness.loop_thread import LoopThread
from tests.harness.replays import Replays

HOST = "127.0.0.1"
_BACKLOG = 1024


class Connections(StrEnum):
    """Those that a fault is set for."""

    ALL = "all"
    OPEN = "open"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Counts:
    """What has gone through so far."""

    accepted: int = 0
    open: int = 0
    bytes_to_server: int = 0
    bytes_to_client: int = 0
    replayed: int = 0


@dataclass(frozen=True, slots=True)
class Directions:
    """Of one connection."""

    to_server: Direction
    to_client: Direction

    def set(self, to_server: Fault | None, to_client: Fault | None) -> bool:
        """Whether the connection can go on so; None leaves a direction as it is."""
        server_can = to_server is None or self.to_server.set(to_server)
        client_can = to_client is None or self.to_client.set(to_client)
        return server_can and client_can


class FaultProxy:
    """Listens on a `port` of loopback, the same all its life, and connects to `host` and `port`, or a unix socket.

    A server that cannot be reached is a connection that is accepted and reset; after `refuse` it is refused instead.
    """

    def __init__(self, host: str, port: int | None = None, *, seed: int = 0, thread: LoopThread | None = None):
        self._target = (host, port)
        self._jitter = random.Random(seed)
        self._given_thread = thread
        self._exits = ExitStack()
        self._listener: socket.socket | None = None
        self._links: dict[asyncio.Task[None], Directions] = {}
        self._to_server: Fault = Pass()
        self._to_client: Fault = Pass()
        self._counts = Counts()
        self._replays = Replays(self._dial)

    @property
    def counts(self) -> Counts:
        return replace(self._counts, open=len(self._links), replayed=self._replays.done)

    def set(
        self, *, to_server: Fault | None = None, to_client: Fault | None = None, on: Connections = Connections.ALL
    ) -> None:
        """From now on do this to what goes in each direction; None leaves it as it is.

        Connections from which bytes were lost are reset when they are to pass again.
        """
        self._thread.call(partial(self._set, to_server, to_client, on))

    def cut(self) -> None:
        """Reset the open connections."""
        self._thread.run(self._cut())

    def refuse(self) -> None:
        """Refuse new connections and reset the open ones, as a host whose process is gone."""
        self._thread.run(self._refuse())

    def accept(self) -> None:
        """Take connections again."""
        self._thread.run(self._listen())

    def retarget(self, host: str, port: int | None = None) -> None:
        """Where new connections go."""
        self._target = (host, port)

    def replay(self, method: str, path: str) -> None:
        """Send the next such request twice; the client gets the answer to the second.

        It must be clear HTTP/1.1, and not pipelined.
        """
        self._thread.call(partial(self._replays.expect, method, path))

    def heal(self) -> None:
        """Pass everything, take connections, replay nothing."""
        self._thread.call(self._replays.forget)
        self.set(to_server=Pass(), to_client=Pass())
        self.accept()

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            self._thread = self._given_thread or exits.enter_context(LoopThread())
            # Bound and never listening, it keeps the port ours while we refuse connections.
            reservation = exits.enter_context(_bound(0))
            self.port: int = reservation.getsockname()[1]
            self.accept()
            exits.callback(self.refuse)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _set(self, to_server: Fault | None, to_client: Fault | None, on: Connections) -> None:
        if on is not Connections.OPEN:
            self._to_server = to_server or self._to_server
            self._to_client = to_client or self._to_client
        if on is not Connections.NEW:
            for link, directions in self._links.items():
                if not directions.set(to_server, to_client):
                    link.cancel()

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = _bound(self.port)
            self._listener.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(self._listener, self._take, self._listener)

    async def _refuse(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        await self._cut()

    async def _cut(self) -> None:
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets in the loop's next turn

    def _take(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # whoever dialled has gone
        connection.setblocking(False)
        self._counts = replace(self._counts, accepted=self._counts.accepted + 1)
        directions = Directions(Direction(self._to_server, self._jitter), Direction(self._to_client, self._jitter))
        link = asyncio.ensure_future(self._join(connection, directions))
        self._links[link] = directions
        link.add_done_callback(partial(self._ended, connection))

    def _ended(self, connection: socket.socket, link: asyncio.Task[None]) -> None:
        del self._links[link]
        reset(connection)  # also if the link was cancelled before its first step

    async def _join(self, connection: socket.socket, directions: Directions) -> None:
        """One connection, from its acceptance to its end."""
        client = Peer(*await asyncio.open_connection(sock=connection))
        try:
            with suppress(OSError):
                server = await self._dial()
                read = partial(self._replays.read, client)
                to_server = Pump(read, server, directions.to_server, self._passed_to_server)
                to_client = Pump(server.read, client, directions.to_client, self._passed_to_client)
                await Link(client, server, to_server, to_client).run()
        finally:
            client.reset()

    async def _dial(self) -> Peer:
        host, port = self._target
        connection = socket.socket(socket.AF_UNIX if port is None else socket.AF_INET)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, host if port is None else (host, port))
            return Peer(*await asyncio.open_connection(sock=connection))
        except BaseException:
            reset(connection)
            raise

    def _passed_to_server(self, number: int) -> None:
        self._counts = replace(self._counts, bytes_to_server=self._counts.bytes_to_server + number)

    def _passed_to_client(self, number: int) -> None:
        self._counts = replace(self._counts, bytes_to_client=self._counts.bytes_to_client + number)


def _bound(port: int) -> socket.socket:
    with ExitStack() as exits:
        bound = exits.enter_context(socket.socket())
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((HOST, port))
        bound.setblocking(False)
        exits.pop_all()
        return bound
