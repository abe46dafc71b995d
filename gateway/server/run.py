"""Running the application under uvicorn."""

import asyncio
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.server.protocol import BoundedHttpProtocol
from gateway.services import Lifecycle
from gateway.settings import ServerSettings

_log = structlog.get_logger()

WS_FRAME_MAX_BYTES = 64 * 1024
_FINISH_S = 10
"""How long requests under way may take once no more are taken; after half of it none waits for a venue's budget."""

_LAST_S = 0.1


class Server(uvicorn.Server):
    """uvicorn's server, which says where it listens (with port 0 nobody could know), and ends without cutting anybody.

    uvicorn raises the signal anew after its shutdown, so that a graceful end looks like a death; and it stops listening
    at once, while balancers still send it clients. Here those are answered for `drain_s` first, and told to connect
    anew, unless it was Ctrl-C: behind that is a person, and no balancer.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_s: float):
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_s = drain_s
        self._leaving: asyncio.Task[None] | None = None
        self.is_leaving = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now: called ten times a second."""
        if not await super().on_tick(counter):
            return False
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave())
        return self._leaving.done() or self.force_exit

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leaving is not None:
            self._leaving.cancel()  # forced: it is not done
            await asyncio.gather(self._leaving, return_exceptions=True)
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_S)  # requests that are here already are read before their connections count as idle
        timer = asyncio.get_running_loop().call_later(_FINISH_S / 2, self._lifecycle.hurry or (lambda: None))
        await super().shutdown(sockets)
        timer.cancel()

    async def _leave(self) -> None:
        self.is_leaving = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedHttpProtocol):
                connection.leave()
        drain_s = 0 if signal.SIGINT in self._captured_signals else self._drain_s
        try:
            if self._lifecycle.drain is not None:
                await self._lifecycle.drain(drain_s)
        except Exception:
            _log.exception("drain_failed")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is there now stays: the collector need not walk through all of it again and again.
            gc.collect()
            gc.freeze()
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            _log.info("listening", url=f"http://{host}:{port}")


def server_for(app: ASGIApp, settings: ServerSettings, lifecycle: Lifecycle) -> Server:
    """A server that listens as the settings say; whoever runs it ends it by a signal or `should_exit`."""

    class Protocol(BoundedHttpProtocol):
        request_timeout_s = settings.request_timeout_s

        @property
        def is_leaving(self) -> bool:
            return server.is_leaving

    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=Protocol,
            ws="websockets-sansio",
            ws_max_size=WS_FRAME_MAX_BYTES,
            ws_per_message_deflate=False,  # bots are near; compression costs them latency and us memory
            lifespan="on",
            loop="uvloop",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # our own edge reads them, from trusted proxies only
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_FINISH_S,
        ),
        lifecycle,
        settings.drain_s,
    )
    return server
