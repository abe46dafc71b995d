"""An event loop in a thread of its own, told what to do by plain calls from any other thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_CALL_S = 10.0


class LoopThread:
    """Runs from the start of its block to the end."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="faults", daemon=True)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it there, and wait for it."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_CALL_S)

    def call(self, function: Callable[[], T]) -> T:
        """Call it there, where nothing else happens meanwhile."""

        async def called() -> T:
            return function()

        return self.run(called())

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(_CALL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self._stop.set)
        self._thread.join(_CALL_S)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await self._stop.wait()
