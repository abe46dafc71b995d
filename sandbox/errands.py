"""What is to be done later, in real time whatever the venue's clock; dropped when the venue starts over."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def real_ms() -> int:
    """Milliseconds of a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


class Errands:
    """Runs what is due in the running event loop, one at a time."""

    def __init__(self) -> None:
        self._due: set[asyncio.Future[Any]] = set()
        self._at_end: dict[Callable[[], None], None] = {}

    def after(self, delay_ms: int, do: Callable[[], T]) -> "asyncio.Future[T]":
        """Do it so much later. The future has what comes of it, and is cancelled if it never comes to that."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def act() -> None:
            try:
                done.set_result(do())
            except Exception as exc:
                done.set_exception(exc)

        timer = loop.call_later(delay_ms / 1000, act)
        self._due.add(done)
        done.add_done_callback(self._due.discard)
        done.add_done_callback(lambda _: timer.cancel())
        return done

    def at_end(self, do: Callable[[], None]) -> None:
        """Do it when the venue ends or starts over."""
        self._at_end[do] = None

    def forget(self, do: Callable[[], None]) -> None:
        self._at_end.pop(do, None)

    def end(self) -> None:
        """Drop what is not yet due, and do what was left for the end."""
        for done in list(self._due):
            done.cancel()
        for do in list(self._at_end):
            do()
        self._at_end.clear()
