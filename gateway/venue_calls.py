"""Every call that leaves for a venue, counted by what it was for and what came of it.

The adapters say what a request is for in its extensions, and show the circuit it went through; a transport of ours
between theirs and the wire reads that.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from weakref import WeakSet

import httpx
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from adapters.common.breaker import Breaker, BreakerState
from adapters.contract import Call, CallKind, Transport
from adapters.errors import NeverSent
from adapters.models import AccountName, VenueName
from gateway import tracing

_REQUESTS = Counter(
    "crossgate_venue_requests_total", "Calls to venues, by what came of them", ["venue", "kind", "outcome"]
)
_SECONDS = Histogram(
    "crossgate_venue_request_seconds",
    "From the grant to the end of the answer, or to giving it up",
    ["venue", "kind"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)

_NOT_SENT = (
    NeverSent,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_OUTCOMES = {418: "banned", 429: "too_many"}


class VenueCalls:
    """Watches all calls of this process; `transport` gives each account, and what is public, its way out."""

    def __init__(self, transport: Transport):
        self._transport = transport
        self._circuits: defaultdict[tuple[VenueName, CallKind], WeakSet[Breaker]] = defaultdict(WeakSet)

    def transport(self, venue: VenueName, account: AccountName | None = None) -> Transport:
        """What an adapter sends through: for one account, or for nobody's."""
        return _Watched(self, venue, account)

    def open_circuits(self, seconds: float) -> Mapping[tuple[VenueName, CallKind], int]:
        """How many circuits of each kind are open, of those that were ever used; `seconds` by the loop's clock."""
        return {
            key: sum(circuit.state(seconds) is not BreakerState.CLOSED for circuit in circuits)
            for key, circuits in self._circuits.items()
        }

    async def send(self, request: httpx.Request, venue: VenueName, account: AccountName | None) -> httpx.Response:
        call: Call = request.extensions["call"]
        self._circuits[venue, call.kind].add(request.extensions["circuit"])
        started_s = time.perf_counter()
        outcome = "no_answer"
        with tracing.span("venue.call", SpanKind.CLIENT, venue=venue, account=account, kind=call.kind, call=call.name):
            try:
                response = await self._transport.handle_async_request(request)
                outcome = _outcome(response.status_code)
            except _NOT_SENT:
                outcome = "not_sent"
                raise
            finally:
                tracing.note(outcome=outcome)
                _REQUESTS.labels(venue, call.kind, outcome).inc()
                _SECONDS.labels(venue, call.kind).observe(time.perf_counter() - started_s)
        return response


class _Watched:
    """Fulfils `adapters.contract.Transport`."""

    def __init__(self, calls: VenueCalls, venue: VenueName, account: AccountName | None):
        self._calls = calls
        self._venue = venue
        self._account = account

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._calls.send(request, self._venue, self._account)


def _outcome(status: int) -> str:
    if status >= 500:
        return "server_error"
    return _OUTCOMES.get(status, "refused" if status >= 400 else "ok")
