"""Numbers of who was not let in."""

from prometheus_client import Counter

from gateway.errors import Code, Refusal

_FAILURES = Counter("crossgate_auth_failures_total", "Requests and frames that were not let in", ["code"])
_CODES = frozenset({Code.AUTHENTICATION_FAILED, Code.INVALID_SIGNATURE, Code.PERMISSION_DENIED, Code.IP_NOT_ALLOWED})


def count(refusal: Refusal) -> None:
    """Count it, if it is one of those."""
    if refusal.code in _CODES:
        _FAILURES.labels(refusal.code).inc()
