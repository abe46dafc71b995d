"""Sends one Backpack request at a time and says what came of it, in the classes of `adapters.errors`.

Every request goes breaker → grant → signature → transport. Reads are repeated a little, each time with a new grant and
signature; writes never are. What the answers mean is decided in `errors` and the mappings, which calls exist in
`market_data`, `trading` and `account`.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import httpx

from adapters.backpack import errors, wire
from adapters.backpack.requests import BodyParams, Endpoint, Requests, body_params
from adapters.backpack.signing import Key, Params
from adapters.common.answers import UNREADABLE, reading, retry_after_s, unreadable
from adapters.common.sender import Sender
from adapters.contract import BeginSend, Clock, Grant, SendTime, Throttle, Transport
from adapters.errors import DefiniteNo, NeverSent, NoAnswer, OutcomeUnknown, RateLimited, VenueProtocolError
from adapters.models import VenueName

READ_WINDOW_MS = 5000

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
        self._sender = Sender(venue, transport, retry_after_s=retry_after_s)
        self._read_timeout_s = read_timeout_s
        self._order_timeout_s = order_timeout_s

    async def read(
        self, endpoint: Endpoint, params: Params, throttle: Throttle, *, refused: Refused = errors.refused_read
    ) -> httpx.Response:
        """GET; safe to repeat, and repeated within the read timeout while nothing or a 5xx comes back.

        Raises `NeverSent`, `NoAnswer`, `VenueProtocolError` or a `DefiniteNo`. Waiting for grants is not counted: the
        throttle bounds that.
        """

        async def once(grant: Grant, timeout_s: float) -> httpx.Response:
            return await self._read_once(endpoint, params, grant, refused, timeout_s)

        return await self._sender.repeating(endpoint.call, throttle, self._read_timeout_s, once)

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
        params = self._signable(body)

        async def begin() -> tuple[bytes, BodyParams, SendTime]:
            when = await begin_send() if begin_send else SendTime(self.clock.venue_time_ms(), READ_WINDOW_MS)
            return body, params, when

        return await self._write(endpoint, begin, throttle, refused)

    async def write_late(
        self, endpoint: Endpoint, begin_send: Callable[[], Awaitable[tuple[bytes, SendTime]]], throttle: Throttle
    ) -> httpx.Response:
        """Like `write`, with a body that is known only once the grant is there; refused only where it was not read."""

        async def begin() -> tuple[bytes, BodyParams, SendTime]:
            body, when = await begin_send()
            return body, self._signable(body), when

        return await self._write(endpoint, begin, throttle, errors.refused_unread)

    async def _write(
        self,
        endpoint: Endpoint,
        begin: Callable[[], Awaitable[tuple[bytes, BodyParams, SendTime]]],
        throttle: Throttle,
        refused: Refused,
    ) -> httpx.Response:
        self._sender.check_breaker(endpoint.call)
        async with throttle.grant(endpoint.call) as grant:
            request = self._requests.write(endpoint, *await begin())
            response = await self._sender.send(endpoint.call, request, grant, self._order_timeout_s, OutcomeUnknown)
        status = response.status_code
        if status in {200, 202}:
            return response
        error = self._error(response)
        if error is not None and (refusal := refused(self.venue, status, error, retry_after_s(response))):
            raise refusal
        raise OutcomeUnknown(
            self.venue,
            f"HTTP {status} does not say whether it was done",
            venue_code=error.code if error else None,
            http_status=status,
        )

    def _signable(self, body: bytes) -> BodyParams:
        try:
            return body_params(body)
        except UNREADABLE as exc:
            raise NeverSent(self.venue, "a body that cannot be signed") from exc

    def reading(self, response: httpx.Response) -> AbstractContextManager[None]:
        """Translate what cannot be decoded or mapped inside the block into `VenueProtocolError`."""
        return reading(self.venue, response)

    def unreadable(self, response: httpx.Response, why: str) -> VenueProtocolError:
        return unreadable(self.venue, response, why)

    async def _read_once(
        self, endpoint: Endpoint, params: Params, grant: Grant, refused: Refused, timeout_s: float
    ) -> httpx.Response:
        send_time = SendTime(self.clock.venue_time_ms(), READ_WINDOW_MS)
        request = self._requests.read(endpoint, params, send_time)
        response = await self._sender.send(endpoint.call, request, grant, timeout_s, NoAnswer)
        status = response.status_code
        if status in {200, 204}:
            return response
        error = self._error(response)
        if error is not None and (refusal := refused(self.venue, status, error, retry_after_s(response))):
            raise refusal
        if status == 429:
            raise RateLimited(
                self.venue, "too many requests", retry_after_s=retry_after_s(response), http_status=status
            )
        code = error.code if error else None
        raise VenueProtocolError(self.venue, f"HTTP {status} to a read", venue_code=code, http_status=status)

    def _error(self, response: httpx.Response) -> wire.Error | None:
        error = errors.decode_error(response.content)
        if error is not None and errors.calls_time_wrong(error):
            self.clock.doubt()
        return error
