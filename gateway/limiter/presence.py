"""Whether the caller of a read is still there: one that has left must not wait on, nor spend."""

import asyncio
from contextvars import ContextVar
from typing import Any


class CallerLeft(Exception):
    """Nobody waits for the answer any more, and nothing was spent for it."""


class Presence:
    """The caller of one read, served by one task.

    What a read does together with others (a login, say) runs in tasks of its own, and goes on without it.
    """

    __slots__ = ("_awaited", "_has_left", "_task")

    def __init__(self, task: "asyncio.Task[Any] | None"):
        self._task = task
        self._has_left = False
        self._awaited: asyncio.Future[Any] | None = None

    def leave(self) -> None:
        """The caller has hung up: end its wait, and any that would begin."""
        self._has_left = True
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(CallerLeft())

    def wait_for(self, ticket: "asyncio.Future[Any]") -> None:
        """The caller waits for this: leaving ends it with `CallerLeft`."""
        if asyncio.current_task() is self._task:
            self._awaited = ticket
            if self._has_left:
                self.leave()


PRESENCE: ContextVar[Presence | None] = ContextVar("crossgate_presence", default=None)
