"""One connection through a fault proxy: two pumps between two sockets. What becomes of the bytes is `faults`' to say.

A pump reads, has each chunk judged as it arrives, and writes when it is due. The queue between is bounded, so that a
slow reader slows its sender. Bytes keep their order.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.harness.faults import END, Fault, HalfOpen, Hole, Side, Verdict, judge

_CHUNK_BYTES = 16 * 1024
_CHUNKS_MAX = 64
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


def reset(connection: socket.socket) -> None:
    """Close it by RST, at once."""
    _close_by_reset(connection)
    connection.close()


def _close_by_reset(connection: socket.socket) -> None:
    if connection.family != socket.AF_UNIX:  # which knows no RST
        with suppress(OSError):  # closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)


Reader = Callable[[], Awaitable[bytes]]


class Torn(Exception):
    """The connection ends here, by RST."""

    def __init__(self, side: Side):
        super().__init__(side)
        self.side = side


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the two sockets."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __post_init__(self) -> None:
        self.writer.transport.set_write_buffer_limits(high=0)  # drained means: with the kernel

    async def read(self) -> bytes:
        return await self.reader.read(_CHUNK_BYTES)

    def reset(self) -> None:
        """RST, once the loop has turned."""
        _close_by_reset(self.writer.get_extra_info("socket"))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Direction:
    """What is done to one direction of a connection, from its acceptance on."""

    def __init__(self, fault: Fault, jitter: random.Random):
        self._fault = fault
        self._jitter = jitter
        self._passed_bytes = 0
        self._changed = asyncio.Event()
        self._has_lost = False

    def set(self, fault: Fault) -> bool:
        """Whether the stream can go on so: one with a gap cannot."""
        self._fault = fault
        self._passed_bytes = 0
        self._changed.set()
        self._changed = asyncio.Event()
        return not self._has_lost or isinstance(fault, Hole | HalfOpen)

    async def judged(self, chunk: bytes) -> Verdict:
        """What becomes of it in the end; an end that is hidden stays so until the connection is cut."""
        while True:
            changed = self._changed
            verdict = judge(self._fault, chunk, passed_bytes=self._passed_bytes, jitter=self._jitter)
            self._has_lost |= verdict.is_lost
            if not verdict.is_held and not (verdict.is_lost and chunk == END):
                self._passed_bytes += sum(map(len, verdict.pieces))
                return verdict
            await changed.wait()


@dataclass(frozen=True, slots=True)
class Pump:
    """Moves one direction's bytes."""

    read: Reader
    destination: Peer
    direction: Direction
    passed: Callable[[int], None]
    """Told of bytes that have been."""
    _due: asyncio.Queue[tuple[float, Verdict]] = field(default_factory=lambda: asyncio.Queue(_CHUNKS_MAX))

    async def run(self) -> None:
        """Until the sender's end has been passed on. Raises `Torn`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._give())

    async def _take(self) -> None:
        chunk, is_reset, due_s = b"-", False, 0.0
        while chunk:
            try:
                chunk = await self.read()
            except OSError:
                chunk, is_reset = END, True
            verdict = await self.direction.judged(chunk)
            if is_reset:
                raise Torn(Side.BOTH)
            due_s = max(due_s, asyncio.get_running_loop().time() + verdict.delay_s)
            await self._due.put((due_s, verdict))

    async def _give(self) -> None:
        is_over = False
        while not is_over:
            due_s, verdict = await self._due.get()
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())
            for piece in verdict.pieces:
                is_over = piece == END
                with suppress(OSError):  # whoever reads from there sees it, too, and says what it means
                    await _send(self.destination.writer, piece)
                self.passed(len(piece))
                if verdict.pause_s:
                    await asyncio.sleep(verdict.pause_s)
            if verdict.reset:
                raise Torn(verdict.reset)


async def _send(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if piece == END:
        writer.write_eof()
    else:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Link:
    """Both directions, until both have ended; cancelled, it is cut."""

    client: Peer
    server: Peer
    to_server: Pump
    to_client: Pump

    async def run(self) -> None:
        """Ends with both sockets closed: orderly if both ended, else by RST."""
        try:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.to_server.run())
                    tasks.create_task(self.to_client.run())
            except* Torn as torn:
                await self._leave_other(_first(torn).side)
            else:
                await self.client.close()
                await self.server.close()
        finally:
            self.client.reset()
            self.server.reset()

    async def _leave_other(self, side: Side) -> None:
        """Reset one side; the other speaks to nobody until it ends or is cut."""
        if side is Side.BOTH:
            return
        gone, left = (self.client, self.server) if side is Side.CLIENT else (self.server, self.client)
        gone.reset()
        with suppress(OSError):
            while await left.read():
                pass


def _first(group: BaseExceptionGroup[Torn]) -> Torn:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
