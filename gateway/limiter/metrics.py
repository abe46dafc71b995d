"""What the limiter counts. Labels are few and fixed: no client, no account."""

from prometheus_client import Counter, Gauge, Histogram

from adapters.contract import CallKind
from adapters.models import VenueName

_GRANTED = Counter("crossgate_limiter_granted_total", "Calls that got leave to go to the venue", ["venue", "kind"])
_REFUSED = Counter("crossgate_limiter_refused_total", "Calls that did not", ["venue", "kind", "reason"])
_WAIT = Histogram(
    "crossgate_limiter_wait_seconds",
    "How long a granted call waited for leave",
    ["venue", "kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_UNITS = Counter("crossgate_limiter_units_total", "Units of a rule that calls took", ["venue", "rule", "kind"])
_REMAINING = Gauge(
    "crossgate_limiter_remaining_units",
    "Units of a rule that were left after the last decision here; of an account's rule, in the account asked for last",
    ["venue", "rule"],
)
_FOREIGN = Gauge(
    "crossgate_limiter_foreign_units",
    "Units of the venue's present window that somebody else spent, at least, as last seen here",
    ["venue", "rule"],
)
_WAITING = Gauge("crossgate_limiter_waiting", "Callers that wait for leave", ["venue"])
_WITHOUT_STORE = Gauge(
    "crossgate_limiter_without_store", "Whether Redis is away, so that nothing but cancels goes to the venue", ["venue"]
)
_INCIDENTS = Counter(
    "crossgate_limiter_incidents_total",
    "What should not happen: the venue said too many, a grant grew too old, a call was never settled, "
    "a cancel went without the store",
    ["venue", "what"],
)


class Meters:
    """The limiter's metrics for one venue."""

    def __init__(self, venue: VenueName):
        self._venue = venue
        self._granted = {kind: _GRANTED.labels(venue, kind) for kind in CallKind}
        self._wait = {kind: _WAIT.labels(venue, kind) for kind in CallKind}

    def granted(self, kind: CallKind, calls: int) -> None:
        self._granted[kind].inc(calls)

    def waited(self, kind: CallKind, waited_s: float) -> None:
        self._wait[kind].observe(waited_s)

    def decided(self, rule: str, kind: CallKind, *, units: int, remaining: int, foreign: int) -> None:
        _UNITS.labels(self._venue, rule, kind).inc(units)
        _REMAINING.labels(self._venue, rule).set(remaining)
        _FOREIGN.labels(self._venue, rule).set(foreign)

    def waiting(self, callers: int) -> None:
        _WAITING.labels(self._venue).set(callers)

    def store(self, *, is_up: bool) -> None:
        _WITHOUT_STORE.labels(self._venue).set(not is_up)

    def refused(self, kind: CallKind, reason: str) -> None:
        _REFUSED.labels(self._venue, kind, reason).inc()

    def incident(self, what: str) -> None:
        _INCIDENTS.labels(self._venue, what).inc()
