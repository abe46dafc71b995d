"""Real Redis servers for tests: started, killed, restarted and paused at will. Fixtures are made of these.

    with RedisProcess() as redis: ...                      a unix socket, nothing kept
    with RedisProcess(data_dir=tmp_path) as redis: ...     AOF `always`: survives `kill()` and `start()`
    with RedisProcess(tcp=True) as redis: ...              a free TCP port on loopback instead

Enter it in a plain (not async) fixture: the server dies with the thread that started it.
"""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.store.embedded import EmbeddedServer


class RedisProcess:
    """One server; `url` stays the same over restarts."""

    def __init__(self, data_dir: Path | None = None, *, tcp: bool = False, arguments: Sequence[str] = ()):
        self._port = _free_port() if tcp else None
        listening = ("--bind", "127.0.0.1", "--port", str(self._port)) if self._port else ()
        # Whoever dies while it is paused leaves it to the kernel, which only SIGKILL helps with.
        self._server = EmbeddedServer(data_dir, arguments=(*listening, *arguments), death_signal=signal.SIGKILL)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0" if self._port else self._server.url

    @property
    def path(self) -> str:
        """Of the unix socket, which it always has."""
        return self._server.url.removeprefix("unix://")

    @property
    def pid(self) -> int:
        """Of its present or last life."""
        assert self._server.process is not None
        return self._server.process.pid

    @property
    def is_running(self) -> bool:
        """Paused or not."""
        return self._server.process is not None and self._server.process.poll() is None

    def start(self) -> None:
        """Start, or start again after `kill`, with the data that was kept; returns when it answers."""
        self._server.start()

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        process = self._server.process
        assert process is not None
        process.kill()
        process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def _signal(self, number: signal.Signals) -> None:
        assert self._server.process is not None
        self._server.process.send_signal(number)


async def eventually(is_so: Callable[[], Awaitable[bool]], within_s: float = 5.0) -> None:
    """Wait until `is_so`, for what a server does in its own time."""
    async with asyncio.timeout(within_s):
        while not await is_so():  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
