"""What a request is about, for every line of the log it leads to: found out on the way, and shared by all its tasks."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog

_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("crossgate_about", default=None)


def begin() -> None:
    """Nothing is known yet of a request that begins."""
    _ABOUT.set({})


def note(**known: str) -> None:
    """From here on every line says so; without a request nobody is told."""
    if (about := _ABOUT.get()) is not None:
        about.update(known)


@contextmanager
def apart() -> Iterator[None]:
    """A block of which the rest of the request says nothing: one of many that a connection has."""
    token = _ABOUT.set(dict(_ABOUT.get() or {}))
    try:
        yield
    finally:
        _ABOUT.reset(token)


def merge(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor: adds what is known, where the line does not say so itself."""
    return {**about, **event} if (about := _ABOUT.get()) else event
