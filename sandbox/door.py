"""Where clients come in: the listening socket, and closing it for a while with the port kept."""

import asyncio
import contextlib
import socket

import uvicorn

BACKLOG = 2048


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that has the port and does not listen yet; raises `OSError` if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle on: every answer would wait for the last one to be acknowledged.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener


class Door:
    """A server's listening socket. Connections that are open already do not need it."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self._spare: socket.socket | None = None
        self._knock = asyncio.Event()
        self._reopening: asyncio.Task[None] | None = None

    @property
    def is_shut(self) -> bool:
        return self._spare is not None

    def shut(self, for_ms: int, *, refuse: bool) -> None:
        """Refuse new connections for so long, or leave them to the kernel, which takes them and keeps them waiting."""
        host, port = self._listener.getsockname()[:2]
        if refuse:
            self._stop_listening()
            self._spare = bound_socket(host, port)  # so that nobody else gets the port
        else:
            self._spare = self._listener.dup()
            self._stop_listening()
        self._knock.clear()
        self._reopening = asyncio.create_task(self._reopen(for_ms))

    def open(self) -> None:
        """Open at once, if it is shut."""
        self._knock.set()

    def cut_all(self) -> int:
        """Hang up on every client, once what is being answered is answered; says how many there are."""
        connections = list(self._server.server_state.connections)
        for connection in connections:
            asyncio.get_running_loop().call_soon(connection.transport.abort)
        return len(connections)

    async def close(self) -> None:
        """Be done with it, shut or open."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.wait([self._reopening])
        if self._spare is not None:
            self._spare.close()

    def _stop_listening(self) -> None:
        for server in self._server.servers:
            server.close()

    async def _reopen(self, for_ms: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_ms / 1000):
                await self._knock.wait()
        if self._spare is not None:
            self._listener, self._spare = self._spare, None
            await self._server.startup([self._listener])
