"""Running the application under uvicorn."""

import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from gateway.server.protocol import BoundedHttpProtocol
from gateway.settings import ServerSettings

_log = structlog.get_logger()

WS_FRAME_MAX_BYTES = 64 * 1024


class Server(uvicorn.Server):
    """uvicorn's server, which says where it listens (with port 0 nobody could know), and ends with 0 when told to end.

    uvicorn raises the signal anew after its shutdown, so that a graceful end looks like a death.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is there now stays: the collector need not walk through all of it again and again.
            gc.collect()
            gc.freeze()
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            _log.info("listening", url=f"http://{host}:{port}")


def server_for(app: ASGIApp, settings: ServerSettings) -> Server:
    """A server that listens as the settings say; whoever runs it ends it by a signal or `should_exit`."""

    class Protocol(BoundedHttpProtocol):
        request_timeout_s = settings.request_timeout_s

    return Server(
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
            timeout_graceful_shutdown=10,
        )
    )
