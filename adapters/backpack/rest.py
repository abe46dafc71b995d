"""Sends one Backpack request at a time and says what came of it, in the classes of `adapters.errors`.

Every request goes breaker → grant → signature → transport. Reads are repeated a little, each time with a new grant and
signature; writes never are. What the answers mean is decided in `errors` and the mappings, which calls exist in
`market_data`, `trading` and `account`.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice

import httpx

from adapters.backpack import errors, wire
from adapters.backpack.requests import Endpoint, Requests, body_params
from adapters.backpack.signing import Key, Params
from adapters.common.backoff import delays
from adapters.common.breaker import Breaker
from adapters.contract import BeginSend, CallKind, Clock, Grant, SendTime, Throttle, Transport
from adapters.errors import (
    DefiniteNo,
    NeverSent,
    NoAnswer,
    OutcomeUnknown,
    RateLimited,
    VenueError,
    VenueProtocolError,
)
from adapters.models import VenueName

READ_WINDOW_MS = 5000
_READ_ATTEMPTS = 3
_RETRY_AFTER_MAX_S = 3600.0
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_LOCAL = (httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.LocalProtocolError)

Refused = Callable[[VenueName, int, wire.Error, float | None], DefiniteNo | None]


class Rest:
    """All requests of one account, or (without a key) all public ones. May be used concurrently."""

    def __init__(
        self,
        venue: VenueName,
        url: str,
        *,
        transport: Transport,
        clock: Clock,
        read_timeout_s: float,
        order_timeout_s: float,
        key: Key | None = None,
    ) -> None:
        self.venue = venue
        self.clock = clock
        self._requests = Requests(url, key)
        self._transport = transport
        self._read_timeout_s = read_timeout_s
        self._order_timeout_s = order_timeout_s
        self._breakers = {kind: Breaker() for kind in CallKind}

    async def read(
        self, endpoint: Endpoint, params: Params, throttle: Throttle, *, refused: Refused = errors.refused_read
    ) -> httpx.Response:
        """GET; safe to repeat, and repeated within the read timeout while nothing or a 5xx comes back.

        Raises `NeverSent`, `NoAnswer`, `VenueProtocolError` or a `DefiniteNo`. Waiting for grants is not counted: the
        throttle bounds that.
        """
        loop = asyncio.get_running_loop()
        left_s = self._read_timeout_s
        waits = islice(delays(0.1, 1.0), _READ_ATTEMPTS - 1)
        while True:
            self._check_breaker(endpoint)
            async with throttle.grant(endpoint.call) as grant:
                started_s = loop.time()
                error: VenueError
                try:
                    return await self._read_once(endpoint, params, grant, refused, left_s)
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

    async def write(
        self,
        endpoint: Endpoint,
        body: bytes,
        throttle: Throttle,
        *,
        refused: Refused,
        begin_send: BeginSend | None = None,
    ) -> httpx.Response:
        """Send `body` once, signed for the time `begin_send` fixes; the answer is a 200 or a 202.

        Raises `NeverSent`, `OutcomeUnknown` or a `DefiniteNo` that `refused` lets pass. Never repeats.
        """
        try:
            params = body_params(body)
        except wire.UNREADABLE as exc:
            raise NeverSent(self.venue, "a body that cannot be signed") from exc
        self._check_breaker(endpoint)
        async with throttle.grant(endpoint.call) as grant:
            send_time = await begin_send() if begin_send else SendTime(self.clock.venue_time_ms(), READ_WINDOW_MS)
            request = self._requests.write(endpoint, body, params, send_time)
            response = await self._send(endpoint, request, grant, self._order_timeout_s, OutcomeUnknown)
        status = response.status_code
        if status in {200, 202}:
            return response
        error = errors.decode_error(response.content)
        if error is not None and (refusal := refused(self.venue, status, error, _retry_after_s(response))):
            raise refusal
        raise OutcomeUnknown(
            self.venue,
            f"HTTP {status} does not say whether it was done",
            venue_code=error.code if error else None,
            http_status=status,
        )

    @contextmanager
    def reading(self, response: httpx.Response) -> Iterator[None]:
        """Translate what cannot be decoded or mapped inside the block into `VenueProtocolError`."""
        try:
            yield
        except wire.UNREADABLE as exc:
            raise self.unreadable(response, str(exc)) from exc

    def unreadable(self, response: httpx.Response, why: str) -> VenueProtocolError:
        return VenueProtocolError(self.venue, f"unreadable answer: {why[:200]}", http_status=response.status_code)

    async def _read_once(
        self, endpoint: Endpoint, params: Params, grant: Grant, refused: Refused, timeout_s: float
    ) -> httpx.Response:
        send_time = SendTime(self.clock.venue_time_ms(), READ_WINDOW_MS)
        request = self._requests.read(endpoint, params, send_time)
        response = await self._send(endpoint, request, grant, timeout_s, NoAnswer)
        status = response.status_code
        if status in {200, 204}:
            return response
        error = errors.decode_error(response.content)
        if error is not None and (refusal := refused(self.venue, status, error, _retry_after_s(response))):
            raise refusal
        if status == 429:
            raise RateLimited(
                self.venue, "too many requests", retry_after_s=_retry_after_s(response), http_status=status
            )
        code = error.code if error else None
        raise VenueProtocolError(self.venue, f"HTTP {status} to a read", venue_code=code, http_status=status)

    async def _send(
        self,
        endpoint: Endpoint,
        request: httpx.Request,
        grant: Grant,
        timeout_s: float,
        unanswered: type[NoAnswer] | type[OutcomeUnknown],
    ) -> httpx.Response:
        """Send once. Whatever goes wrong after the grant was taken up is `unanswered`, whoever says otherwise."""
        breaker = self._breakers[endpoint.call.kind]
        loop = asyncio.get_running_loop()
        is_started = False

        def start() -> None:
            nonlocal is_started
            grant.start()
            is_started = True

        request.extensions = {
            "timeout": {"connect": timeout_s, "pool": timeout_s, "read": timeout_s, "write": timeout_s},
            "before_first_byte": start,
        }
        try:
            response = await self._transport.handle_async_request(request)
            await response.aread()
        except Exception as exc:
            if not isinstance(exc, _LOCAL) and (is_started or isinstance(exc, httpx.TransportError)):
                breaker.failed(loop.time())
            if is_started:
                raise unanswered(self.venue, f"no usable answer: {type(exc).__name__}") from exc
            if isinstance(exc, _NOT_SENT):
                raise NeverSent(self.venue, f"not sent: {type(exc).__name__}") from exc
            if isinstance(exc, httpx.TransportError):
                raise unanswered(self.venue, f"no usable answer: {type(exc).__name__}") from exc
            raise  # the grant's own refusal to start
        if response.status_code >= 500:
            breaker.failed(loop.time())
        else:
            breaker.succeeded()
        grant.answered(response.headers)
        if response.status_code == 429:
            grant.refused(_retry_after_s(response))
        return response

    def _check_breaker(self, endpoint: Endpoint) -> None:
        if not self._breakers[endpoint.call.kind].allows(asyncio.get_running_loop().time()):
            raise NeverSent(self.venue, f"the circuit for {endpoint.call.kind} is open")


def _retry_after_s(response: httpx.Response) -> float | None:
    """Not documented for this venue; a proxy in front of it may still say it."""
    with suppress(ValueError):
        return min(max(0.0, float(response.headers.get("retry-after", ""))), _RETRY_AFTER_MAX_S)
    return None
