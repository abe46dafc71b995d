"""Runs a simulated venue: in this event loop for tests, or as a process of its own."""

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from sandbox.asgi import Application
from sandbox.clock import clock_of
from sandbox.config import ClockKind, SandboxConfig
from sandbox.door import BACKLOG, Door, bound_socket
from sandbox.edges import ExposedTransport, WrittenFrames
from sandbox.world import World

# How often the house acts and periodic streams are looked at, whatever the market makers' own tick.
HEARTBEAT_S = 0.05
SHORTEST_HEARTBEAT_S = 0.005
SHUTDOWN_GRACE_S = 1
LOOK_AGAIN_S = 0.01


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a running venue is, and its inside for tests that want to look."""

    url: str
    ws_url: str
    port: int
    world: World


class _Server(uvicorn.Server):
    """uvicorn's server that leaves the process's signals alone, says when it is up, and ends when told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        self.should_exit = True
        self._leaving.set()

    async def let_go(self, grace_s: float) -> None:
        """Leave sockets that were told goodbye open for so long, or until their clients have closed them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                connections = self.server_state.connections
                while any(isinstance(item, WrittenFrames) for item in connections):  # noqa: ASYNC110 - a bare set
                    await asyncio.sleep(LOOK_AGAIN_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        """Tick as uvicorn does, but do not wait for a tick to end."""
        counter = 0
        while not await self.on_tick(counter):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 0.1)
            counter += 1

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give connections the time uvicorn gives them, if there are any."""
        if self.server_state.connections:
            await super().shutdown(sockets)
        for server in self.servers:
            server.close()
            await server.wait_closed()


@contextlib.asynccontextmanager
async def running(config: SandboxConfig) -> AsyncIterator[Urls]:
    """Serve one simulated venue for the length of the block.

    Raises `OSError` if the port is taken. Open sockets are closed at the end, in the venue's way.
    """
    world = World(config, clock_of(config))
    listener = bound_socket(config.host, config.port)
    port = int(listener.getsockname()[1])
    server = _Server(_uvicorn_config(world, config))
    world.door = Door(server, listener)
    # Not a task group: what fails inside the caller's block must reach the caller as it is, not in an exception group.
    with listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        beating = asyncio.create_task(_beat(world, server, _heartbeat_s(config)))
        coming_up = asyncio.create_task(server.up.wait())
        try:
            await asyncio.wait([coming_up, serving], return_when=asyncio.FIRST_COMPLETED)
            yield Urls(f"http://{config.host}:{port}", f"ws://{config.host}:{port}", port, world)
        finally:
            await world.door.close()
            world.errands.end()
            world.hub.close_all(world.face.going_away_code)
            await server.let_go(world.face.close_grace_s)
            server.leave()
            beating.cancel()
            coming_up.cancel()
            await asyncio.wait([serving, beating, coming_up])
        _raise_failure(serving, beating)


def _heartbeat_s(config: SandboxConfig) -> float:
    """As often as the venue's time wants it. A clock that stands still needs none: who moves it sees to the rest."""
    match config.clock:
        case ClockKind.STEPPED:
            return math.inf
        case ClockKind.SCALED:
            return max(SHORTEST_HEARTBEAT_S, HEARTBEAT_S / config.clock_rate)
        case ClockKind.REAL:
            return HEARTBEAT_S


async def _beat(world: World, server: _Server, every_s: float) -> None:
    """Let time pass in the world. A world that cannot go on does not go on answering either."""
    try:
        while True:
            world.advance()
            await asyncio.sleep(every_s)
    finally:
        server.leave()


def _raise_failure(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise failure


def _uvicorn_config(world: World, config: SandboxConfig) -> uvicorn.Config:
    app: Any = Application(world)
    return uvicorn.Config(
        app,
        http=ExposedTransport,
        ws=WrittenFrames,
        ws_ping_interval=config.ping_interval_s,
        ws_ping_timeout=config.ping_timeout_s,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,  # a caller is who is connected, whatever it says of itself
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        backlog=BACKLOG,
    )
