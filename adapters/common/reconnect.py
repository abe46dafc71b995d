"""Keeps one WebSocket up for a session: connects, reads, notices loss, waits, connects again.

What frames mean is the session's part; this is the loop around it. A consumer that is too slow is met by the buffer's
bound: reading stops, the venue's pings go unanswered and ours too, the connection is lost and says so.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import websockets
from websockets.asyncio.client import ClientConnection, connect

from adapters.common.backoff import delays
from adapters.common.session import OutOfStep, Session
from adapters.contract import Clock
from adapters.models import ChannelState, StreamEvent, StreamState

_log = logging.getLogger(__name__)
_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.INFO)  # below that the library writes whole frames, and some of ours are signed

_PING_S = 5.0
_STABLE_S = 30.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 20.0
_MAX_FRAME_BYTES = 4 * 1024 * 1024


class _Connect(connect):
    """Redirects are not followed: another host is not to learn what we subscribe to, nor to feed us prices."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class KeptStream:
    """One stream over many connections; run it inside `running`, iterate it from one task."""

    def __init__(
        self,
        url: str,
        session: Session,
        clock: Clock,
        *,
        name: str,
        buffered_events: int = 4096,
        ask_every_s: float | None = None,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`ask_every_s`: ask the session for frames at least so often, for heartbeats and the like.

        `prepare` is awaited before connecting, and again before the session is asked: it gets the session what it
        needs from elsewhere (a token). It raises `OutOfStep` where it cannot.
        """
        self._url = url
        self._session = session
        self._clock = clock
        self._name = name
        self._ask_every_s = ask_every_s
        self._prepare = prepare
        self._events: asyncio.Queue[StreamEvent | Exception] = asyncio.Queue(buffered_events)
        self._wishes_changed = asyncio.Event()

    def wishes_changed(self) -> None:
        """Tell the loop that the session has frames to send."""
        self._wishes_changed.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the connection up for the length of the block."""
        task = asyncio.create_task(self._run(), name=f"stream {self._name}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def events(self) -> AsyncIterator[StreamEvent]:
        while True:
            event = await self._events.get()
            if isinstance(event, Exception):
                raise event
            yield event

    async def _run(self) -> None:
        try:
            await self._keep_up()
        except Exception as exc:
            await self._give_up(exc)

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        waits = delays(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        while True:
            opened_s: float | None = None
            try:
                await self._get_ready()
                async with self._connect() as connection:
                    opened_s = loop.time()
                    await self._serve(connection)
                    reason = "closed by the venue"
            except OutOfStep as exc:
                reason = str(exc)
            except (OSError, websockets.WebSocketException) as exc:  # `TimeoutError` is an OSError
                reason = type(exc).__name__
            if opened_s is not None:
                await self._events.put(self._state(StreamState.DISCONNECTED, reason))
                if loop.time() - opened_s > _STABLE_S:
                    waits = delays(_FIRST_WAIT_S, _LONGEST_WAIT_S)
            wait_s = next(waits)
            _log.warning("stream %s lost (%s), next attempt in %.1f s", self._name, reason, wait_s)
            await asyncio.sleep(wait_s)

    def _connect(self) -> connect:
        return _Connect(
            self._url,
            compression=None,
            proxy=None,
            open_timeout=10,
            close_timeout=1,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            max_size=_MAX_FRAME_BYTES,
            logger=_library_log,
        )

    async def _serve(self, connection: ClientConnection) -> None:
        self._session.opened()
        await self._send_wishes(connection)
        await self._events.put(self._state(StreamState.CONNECTED, "connected"))
        reader = asyncio.create_task(self._read(connection), name=f"stream {self._name} reader")
        sender = asyncio.create_task(self._keep_sending(connection), name=f"stream {self._name} sender")
        try:
            await asyncio.wait([reader, sender], return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                await sender  # raises what the session found out while it was asked
            await reader
        finally:
            reader.cancel()
            sender.cancel()
            await asyncio.gather(reader, sender, return_exceptions=True)

    async def _read(self, connection: ClientConnection) -> None:
        while True:
            try:
                frame = await connection.recv(decode=False)
            except websockets.ConnectionClosedOK:
                return
            received = self._session.received(frame, received_time_us=self._clock.time_us())
            if received is not None:
                for event in received if isinstance(received, tuple) else (received,):
                    await self._events.put(event)

    async def _keep_sending(self, connection: ClientConnection) -> None:
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._ask_every_s):
                        await self._wishes_changed.wait()
                await self._get_ready()
                await self._send_wishes(connection)
        except websockets.ConnectionClosed:
            return  # the reader sees it too
        except OutOfStep:
            raise
        except Exception as exc:
            await self._give_up(exc)

    async def _give_up(self, exc: Exception) -> None:
        """A defect of ours must reach whoever reads the events, not end in silence."""
        _log.exception("stream %s stopped", self._name)
        await self._events.put(exc)

    async def _get_ready(self) -> None:
        if self._prepare is not None:
            await self._prepare()

    async def _send_wishes(self, connection: ClientConnection) -> None:
        self._wishes_changed.clear()
        for frame in self._session.frames_to_send(venue_time_ms=self._clock.venue_time_ms()):
            await connection.send(frame)

    def _state(self, state: StreamState, reason: str) -> ChannelState:
        return ChannelState(state, reason, self._clock.time_us())
