"""Reading a venue's answers: what is unreadable becomes one class of error, and waits it asks for stay sane."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from msgspec import MsgspecError

from adapters.errors import VenueProtocolError
from adapters.models import VenueName

UNREADABLE = (MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What decoding and mapping raise for a message that is not what it should be, whoever wrote it."""

_WAIT_MAX_S = 3600.0


def unreadable(venue: VenueName, response: httpx.Response, why: str) -> VenueProtocolError:
    return VenueProtocolError(venue, f"unreadable answer: {why[:200]}", http_status=response.status_code)


@contextmanager
def reading(venue: VenueName, response: httpx.Response) -> Iterator[None]:
    """Translate what cannot be decoded or mapped inside the block into `VenueProtocolError`."""
    try:
        yield
    except UNREADABLE as exc:
        raise unreadable(venue, response, str(exc)) from exc


def sane_wait_s(seconds: float) -> float:
    """The wait a venue asks for, within an hour; what is no number is no wait."""
    return 0.0 if math.isnan(seconds) else float(min(max(0.0, seconds), _WAIT_MAX_S))


def retry_after_s(response: httpx.Response) -> float | None:
    """The header `Retry-After` in seconds, None if there is none that can be read."""
    try:
        return sane_wait_s(float(response.headers.get("retry-after", "")))
    except ValueError:
        return None
