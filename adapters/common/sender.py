"""Sends one request at a time through breaker, grant and transport, and says truthfully whether it may have arrived.

What requests look like and what answers mean is each venue's own. Reads may be repeated through `repeating`; nothing
else here repeats anything.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TypeVar

import httpx

from adapters.common.backoff import delays
from adapters.common.breaker import Breaker
from adapters.contract import Call, CallKind, Grant, Throttle, Transport
from adapters.errors import NeverSent, NoAnswer, OutcomeUnknown, VenueError, VenueProtocolError
from adapters.models import VenueName

_READ_ATTEMPTS = 3
_BANNED = 418
"""What exchanges answer addresses that went on after a 429."""
_TOO_MANY = (429, _BANNED)
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_LOCAL = (httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.LocalProtocolError)

T = TypeVar("T")


class Sender:
    """The way to one venue for one account, or for all public requests. May be used concurrently."""

    def __init__(
        self, venue: VenueName, transport: Transport, *, retry_after_s: Callable[[httpx.Response], float | None]
    ) -> None:
        """`retry_after_s` reads the wait out of an answer that says too many."""
        self._venue = venue
        self._transport = transport
        self._retry_after_s = retry_after_s
        self._breakers: defaultdict[tuple[CallKind, str], Breaker] = defaultdict(Breaker)

    def check_breaker(self, call: Call) -> None:
        """Raises `NeverSent` while the circuit for this kind of call is open; to be asked before a grant is."""
        if not self._breaker(call).allows(asyncio.get_running_loop().time()):
            raise NeverSent(self._venue, f"the circuit for {call.kind} is open")

    async def repeating(
        self, call: Call, throttle: Throttle, timeout_s: float, once: Callable[[Grant, float], Awaitable[T]]
    ) -> T:
        """Make a read, again with a new grant while nothing or a 5xx comes back, all within `timeout_s`.

        `once` makes one attempt with its grant and the seconds left. Waiting for grants is not counted: the throttle
        bounds that.
        """
        loop = asyncio.get_running_loop()
        left_s = timeout_s
        waits = islice(delays(0.1, 1.0), _READ_ATTEMPTS - 1)
        while True:
            self.check_breaker(call)
            async with throttle.grant(call) as grant:
                started_s = loop.time()
                error: VenueError
                try:
                    return await once(grant, left_s)
                except (NeverSent, NoAnswer) as exc:
                    error = exc
                except VenueProtocolError as exc:
                    if exc.http_status is None or exc.http_status < 500:
                        raise
                    error = exc
            wait_s = next(waits, None)
            left_s -= loop.time() - started_s + (wait_s or 0.0)
            if wait_s is None or left_s <= 0:
                raise error
            await asyncio.sleep(wait_s)

    async def send(
        self,
        call: Call,
        request: httpx.Request,
        grant: Grant,
        timeout_s: float,
        unanswered: type[NoAnswer] | type[OutcomeUnknown],
    ) -> httpx.Response:
        """Send once. Whatever goes wrong after the grant was taken up is `unanswered`, whoever says otherwise."""
        breaker = self._breaker(call)
        loop = asyncio.get_running_loop()
        is_started = False

        def start() -> None:
            nonlocal is_started
            grant.start()
            is_started = True

        request.extensions = {
            "timeout": {"connect": timeout_s, "pool": timeout_s, "read": timeout_s, "write": timeout_s},
            "before_first_byte": start,
            # For whoever watches: what it is for, and the circuit it goes through.
            "call": call,
            "circuit": breaker,
        }
        try:
            response = await self._transport.handle_async_request(request)
            await response.aread()
        except Exception as exc:
            if not isinstance(exc, _LOCAL) and (is_started or isinstance(exc, httpx.TransportError)):
                breaker.failed(loop.time())
            if is_started:
                raise unanswered(self._venue, f"no usable answer: {type(exc).__name__}") from exc
            if isinstance(exc, _NOT_SENT):
                raise NeverSent(self._venue, f"not sent: {type(exc).__name__}") from exc
            if isinstance(exc, httpx.TransportError):
                raise unanswered(self._venue, f"no usable answer: {type(exc).__name__}") from exc
            raise  # the grant's own refusal to start
        if response.status_code >= 500:
            breaker.failed(loop.time())
        else:
            breaker.succeeded()
        grant.answered(response.headers)
        if response.status_code in _TOO_MANY:
            grant.refused(self._retry_after_s(response), is_ban=response.status_code == _BANNED)
        return response

    def _breaker(self, call: Call) -> Breaker:
        return self._breakers[call.kind, call.cost_class]
