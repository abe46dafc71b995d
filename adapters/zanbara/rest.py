"""Sends one Zanbara request at a time and says what came of it, in the classes of `adapters.errors`.

A private request goes token → breaker → grant → signature → transport: the token first, since getting one may take a
login, and a grant is good for a moment only. A token that the venue refuses is renewed and the request made once more,
with a grant of its own; for a write that is the same bytes again, since the refusal proves that the first ones did
nothing. What the answers mean is decided in `errors` and the mappings, which calls exist in `market_data`, `trading`
and `account`.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import httpx
from msgspec import Raw
from msgspec.json import decode, encode

from adapters.common.answers import reading, retry_after_s, sane_wait_s, unreadable
from adapters.common.sender import Sender
from adapters.contract import BeginSend, Clock, Grant, SendTime, Throttle, Token, TokenCache, Transport
from adapters.errors import (
    DefiniteNo,
    NeverSent,
    NoAnswer,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    VenueError,
    VenueProtocolError,
)
from adapters.models import VenueName
from adapters.zanbara import errors, limits, wire
from adapters.zanbara.requests import Endpoint, Params, Requests
from adapters.zanbara.signing import Key

WINDOW_MS = 5000
"""How far the time of a signature may be from the venue's, either way."""

_LOG_IN = Endpoint("POST", "/v1/auth/token", limits.LOG_IN)
PAGE = 100
"""The most that the venue puts on one page."""
_PAGES_MAX = 1000
_READINGS = 3

Refused = Callable[[VenueName, int, wire.Error, float | None], DefiniteNo | None]


@dataclass(frozen=True, slots=True)
class Access:
    """What one account's requests are made with."""

    key: Key
    tokens: TokenCache


@dataclass(frozen=True, slots=True)
class Answer:
    """The venue said that it did what was asked, and this."""

    response: httpx.Response
    data: Raw


@dataclass(frozen=True, slots=True)
class _Signed:
    """A write whose signature is settled: what may be sent again as it is."""

    endpoint: Endpoint
    body: bytes
    when: SendTime


@dataclass(slots=True)
class _Bearer:
    """The token a request went with last."""

    token: str


class Rest:
    """All requests of one account, or (without access) all public ones. May be used concurrently."""

    def __init__(
        self,
        venue: VenueName,
        url: str,
        *,
        transport: Transport,
        clock: Clock,
        read_timeout_s: float,
        order_timeout_s: float,
        access: Access | None = None,
    ) -> None:
        self.venue = venue
        self.clock = clock
        self._requests = Requests(url)
        self._sender = Sender(venue, transport, retry_after_s=self._retry_after_s)
        self._read_timeout_s = read_timeout_s
        self._order_timeout_s = order_timeout_s
        self._access = access

    async def log_in(self, throttle: Throttle) -> Token:
        """Fetch a new token, in one attempt; older ones stay good until they expire.

        Raises `NeverSent`, `NoAnswer`, `VenueProtocolError` or a `DefiniteNo`.
        """
        key = self._private.key
        request = self._requests.log_in(_LOG_IN, encode({"api_key": key.public, "api_secret": key.secret}))
        self._sender.check_breaker(_LOG_IN.call)
        async with throttle.grant(_LOG_IN.call) as grant:
            asked_us = self.clock.venue_time_ms() * 1000
            response = await self._sender.send(_LOG_IN.call, request, grant, self._read_timeout_s, NoAnswer)
        answer = self._read_answer(response, errors.refused_read)
        with self.reading(answer):
            token = decode(answer.data, type=wire.Token)
        lifetime_us = token.expires_in * 1_000_000
        return Token(token.token, expires_us=asked_us + lifetime_us, lifetime_us=lifetime_us)

    async def token(self, throttle: Throttle) -> str:
        """A token good for now; raises what `log_in` raises."""
        return await self._private.tokens.get(partial(self.log_in, throttle))

    async def read(self, endpoint: Endpoint, params: Params, throttle: Throttle) -> Answer:
        """GET; safe to repeat, and repeated within the read timeout while nothing or a 5xx comes back.

        Raises `NeverSent`, `NoAnswer`, `VenueProtocolError` or a `DefiniteNo`. Waiting for grants is not counted: the
        throttle bounds that.
        """
        if not endpoint.is_private:
            return await self._read(endpoint, params, throttle, None)
        access = _Bearer(await self.token(throttle))
        try:
            return await self._read(endpoint, params, throttle, access)
        except Unauthorized as exc:
            if exc.venue_code != errors.TOKEN_REFUSED:
                raise
        await self._private.tokens.refused(access.token)
        access.token = await self.token(throttle)
        return await self._read(endpoint, params, throttle, access)

    async def pages(
        self, endpoint: Endpoint, params: Params, throttle: Throttle
    ) -> AsyncIterator[tuple[Answer, wire.Page]]:
        """A list page by page, newest first where it is sorted. One that grows meanwhile may repeat items."""
        for number in range(1, _PAGES_MAX + 1):
            answer = await self.read(endpoint, {**params, "page": number, "limit": PAGE}, throttle)
            with self.reading(answer):
                page = self.page(answer)
            yield answer, page
            if not page.has_next or not page.items:
                return
        raise VenueProtocolError(self.venue, f"{endpoint.path} has no end")

    async def read_all(self, endpoint: Endpoint, params: Params, throttle: Throttle) -> list[tuple[Answer, Raw]]:
        """Every item of a list, each with the answer it came in.

        A list that shrinks between two pages would hide items, so it is then read again; one that keeps shrinking is
        `NoAnswer`.
        """
        for _ in range(_READINGS):
            items: list[tuple[Answer, Raw]] = []
            totals: list[int] = []
            async for answer, page in self.pages(endpoint, params, throttle):
                items += [(answer, item) for item in page.items]
                totals += [] if page.total is None else [page.total]
            if totals == sorted(totals):
                return items
        raise NoAnswer(self.venue, f"{endpoint.path} kept changing while its pages were read")

    async def write(
        self,
        endpoint: Endpoint,
        body: bytes,
        throttle: Throttle,
        *,
        refused: Refused,
        begin_send: BeginSend | None = None,
    ) -> Answer:
        """Send `body` signed for the time `begin_send` fixes, and once more only if its token was refused.

        Raises `NeverSent`, `OutcomeUnknown`, `VenueProtocolError` or a `DefiniteNo` that `refused` lets pass.
        """

        async def begin() -> tuple[bytes, SendTime]:
            return body, await begin_send() if begin_send else SendTime(self.clock.venue_time_ms(), WINDOW_MS)

        return await self.write_late(endpoint, begin, throttle, refused=refused)

    async def write_late(
        self,
        endpoint: Endpoint,
        begin_send: Callable[[], Awaitable[tuple[bytes, SendTime]]],
        throttle: Throttle,
        *,
        refused: Refused,
    ) -> Answer:
        """Like `write`, with a body that is known only once the grant is there."""
        await self._token_for_write(throttle)
        self._sender.check_breaker(endpoint.call)
        async with throttle.grant(endpoint.call) as grant:
            token = await self._token_for_write(throttle)  # the wait for the grant may have outlasted the first one
            signed = _Signed(endpoint, *await begin_send())
            response = await self._send_signed(signed, token, grant)
        if (refusal := self._token_refusal(response)) is not None:
            response = await self._send_again(signed, token, throttle, refusal)
        return self._write_answer(response, refused)

    def reading(self, answer: Answer) -> AbstractContextManager[None]:
        """Translate what cannot be decoded or mapped inside the block into `VenueProtocolError`."""
        return reading(self.venue, answer.response)

    def page(self, answer: Answer) -> wire.Page:
        """The answer as a page, or a bare array taken for the only one; to be called inside `reading`."""
        if bytes(answer.data).lstrip().startswith(b"["):
            return wire.Page(decode(answer.data, type=list[Raw]))
        return decode(answer.data, type=wire.Page)

    def unreadable(self, answer: Answer, why: str) -> VenueProtocolError:
        return unreadable(self.venue, answer.response, why)

    @property
    def _private(self) -> Access:
        if self._access is None:
            raise AssertionError("a private call without an account")
        return self._access

    # --- reads

    async def _read(self, endpoint: Endpoint, params: Params, throttle: Throttle, bearer: _Bearer | None) -> Answer:
        async def once(grant: Grant, timeout_s: float) -> Answer:
            if bearer is not None:
                bearer.token = await self.token(throttle)  # the wait for the grant may have outlasted the first one
            request = self._requests.read(endpoint, params, bearer.token if bearer else None)
            response = await self._sender.send(endpoint.call, request, grant, timeout_s, NoAnswer)
            return self._read_answer(response, errors.refused_read)

        return await self._sender.repeating(endpoint.call, throttle, self._read_timeout_s, once)

    def _read_answer(self, response: httpx.Response, refused: Refused) -> Answer:
        if (answer := self._success(response)) is not None:
            return answer
        status = response.status_code
        error = self._error(response)
        if error is not None and (refusal := refused(self.venue, status, error, self._retry_after_s(response))):
            raise refusal
        if status == 429:
            wait_s = self._retry_after_s(response)
            raise RateLimited(self.venue, "too many requests", retry_after_s=wait_s, http_status=status)
        code = error.code if error else None
        raise VenueProtocolError(self.venue, f"HTTP {status} to a read", venue_code=code, http_status=status)

    # --- writes

    async def _token_for_write(self, throttle: Throttle) -> str:
        """Whatever a login comes to, nothing of the write itself has left."""
        try:
            return await self.token(throttle)
        except NeverSent:
            raise
        except VenueError as exc:
            raise NeverSent(
                self.venue, f"not sent, for want of a token: {exc.message}", venue_code=exc.venue_code
            ) from exc

    async def _send_signed(self, signed: _Signed, token: str, grant: Grant) -> httpx.Response:
        endpoint, timestamp_ms = signed.endpoint, signed.when.timestamp_ms
        request = self._requests.write(endpoint, signed.body, self._private.key, token, timestamp_ms=timestamp_ms)
        return await self._sender.send(endpoint.call, request, grant, self._order_timeout_s, OutcomeUnknown)

    async def _send_again(self, signed: _Signed, token: str, throttle: Throttle, refusal: DefiniteNo) -> httpx.Response:
        """The same bytes with another token, inside their window.

        Whatever keeps them from leaving, the first refusal is then the answer: it says that nothing was done.
        """
        call = signed.endpoint.call
        try:
            await self._private.tokens.refused(token)
            token = await self.token(throttle)
            self._sender.check_breaker(call)
            async with throttle.grant(call) as grant:
                self._check_in_time(signed.when)
                return await self._send_signed(signed, token, grant)
        except OutcomeUnknown:
            raise
        except Exception as exc:
            raise refusal from exc

    def _check_in_time(self, when: SendTime) -> None:
        if self.clock.venue_time_ms() > when.timestamp_ms + when.window_ms:
            raise NeverSent(self.venue, "its window has passed")

    def _token_refusal(self, response: httpx.Response) -> DefiniteNo | None:
        """The venue's own word that the token, and with it the request, was not accepted."""
        error = errors.decode_error(response.content) if response.status_code == 401 else None
        if error is None or error.code != errors.TOKEN_REFUSED:
            return None
        return errors.refused_write(self.venue, 401, error)

    def _write_answer(self, response: httpx.Response, refused: Refused) -> Answer:
        if (answer := self._success(response)) is not None:
            return answer
        status = response.status_code
        error = self._error(response)
        if error is not None and (refusal := refused(self.venue, status, error, self._retry_after_s(response))):
            raise refusal
        raise OutcomeUnknown(
            self.venue,
            f"HTTP {status} does not say whether it was done",
            venue_code=error.code if error else None,
            http_status=status,
        )

    # --- answers

    def _success(self, response: httpx.Response) -> Answer | None:
        """The answer, if it is one of success: that takes a 2xx *and* the envelope's own word. None for other statuses.

        Raises `VenueProtocolError` for a 2xx without that word.
        """
        if not response.is_success:
            return None
        envelope = errors.decode_envelope(response.content)
        if envelope is None or not envelope.success or not envelope.data:
            raise unreadable(self.venue, response, "a 2xx that does not say success")
        return Answer(response, envelope.data)

    def _error(self, response: httpx.Response) -> wire.Error | None:
        error = errors.decode_error(response.content)
        if error is not None and errors.may_call_time_wrong(error):
            self.clock.doubt()
        return error

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        """The wait in the error, else in `Retry-After`, else until the window ends, which comes in Unix seconds."""
        error = errors.decode_error(response.content)
        if error is not None and error.retry_after is not None:
            return sane_wait_s(error.retry_after)
        wait_s = retry_after_s(response)
        if wait_s is not None:
            return wait_s
        try:
            reset_s = float(response.headers.get("x-ratelimit-reset", ""))
        except ValueError:
            return None
        return sane_wait_s(math.ceil(reset_s - self.clock.venue_time_ms() / 1000)) if math.isfinite(reset_s) else None
