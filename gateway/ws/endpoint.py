"""`/v1/ws`: every client connection of this replica."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.websockets import WebSocket

from adapters.contract import Venue
from adapters.models import VenueName
from gateway.fanout.hub import Hub
from gateway.feeds.owner import FindMarket
from gateway.ws import metrics
from gateway.ws.connection import Connection
from gateway.ws.private import Admit, PrivateChannels, Recheck
from gateway.ws.session import Session
from gateway.ws.settings import SocketSettings


class Sockets:
    """The WebSocket side of one replica; `serve` is the route's endpoint."""

    def __init__(
        self,
        hub: Hub,
        venues: Mapping[VenueName, Venue],
        find_market: FindMarket,
        *,
        admit: Admit | None = None,
        recheck: Recheck | None = None,
        private: PrivateChannels | None = None,
        needs_token: bool = False,
        settings: SocketSettings | None = None,
        new_request_id: Callable[[], str] = lambda: secrets.token_hex(8),
        time_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        self._hub = hub
        self._venues = venues
        self._find_market = find_market
        self._admit = admit
        self._recheck = recheck
        self._private = private
        self._needs_token = needs_token
        self._settings = settings or SocketSettings()
        self._new_request_id = new_request_id
        self._time_ms = time_ms
        self._draining = asyncio.Event()
        self._closes_at_s: float | None = None
        self._connections: set[Connection] = set()

    async def serve(self, websocket: WebSocket) -> None:
        """Talk to one client until either side is done."""
        await websocket.accept()
        session = Session(
            self._venues,
            self._find_market,
            new_request_id=self._new_request_id,
            time_ms=self._time_ms,
            needs_token=self._needs_token,
        )
        connection = Connection(
            websocket,
            session,
            self._hub,
            admit=self._admit,
            recheck=self._recheck,
            private=self._private,
            draining=self._draining,
            settings=self._settings,
        )
        self._connections.add(connection)
        self._tell_end(connection)
        try:
            with metrics.clients.track_inprogress():
                await connection.run()
        finally:
            self._connections.discard(connection)

    def clients_changed(self) -> None:
        """Close the connections of clients that lost anything they were granted; the others go on."""
        for connection in list(self._connections):
            connection.clients_changed()

    def announce(self, closes_in_s: float) -> None:
        """Tell every client, and those that still come, when its connection will be closed."""
        self._closes_at_s = time.monotonic() + closes_in_s
        for connection in list(self._connections):
            self._tell_end(connection)

    def drain(self) -> None:
        """Send every client to another replica, and those that still come as well."""
        self._draining.set()

    async def closed(self, timeout_s: float) -> None:
        """Wait until every connection is closed, but not longer than that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._connections:  # noqa: ASYNC110 - once in a process's life
                    await asyncio.sleep(0.01)

    def _tell_end(self, connection: Connection) -> None:
        if self._closes_at_s is not None:
            connection.draining(max(0, round((self._closes_at_s - time.monotonic()) * 1000)))
