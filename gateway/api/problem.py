"""Errors as HTTP: the one table from code to status, and the envelope an error goes out in."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from gateway.auth.metrics import count
from gateway.errors import Code, Outcome, Refusal

STATUS: Mapping[Code, int] = {
    Code.INVALID_REQUEST: 400,
    Code.INVALID_PARAMETER: 400,
    Code.INVALID_PRECISION: 400,
    Code.NOT_SUPPORTED: 400,
    Code.VALID_UNTIL_PASSED: 400,
    Code.INSUFFICIENT_BALANCE: 400,
    Code.ORDER_REJECTED: 400,
    Code.AUTHENTICATION_FAILED: 401,
    Code.INVALID_SIGNATURE: 401,
    Code.PERMISSION_DENIED: 403,
    Code.IP_NOT_ALLOWED: 403,
    Code.RISK_REJECTED: 403,
    Code.TRADING_HALTED: 403,
    Code.ACCOUNT_HELD: 403,
    Code.VENUE_NOT_FOUND: 404,
    Code.MARKET_NOT_FOUND: 404,
    Code.ACCOUNT_NOT_FOUND: 404,
    Code.ORDER_NOT_FOUND: 404,
    Code.ENDPOINT_NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.IDEMPOTENCY_CONFLICT: 409,
    Code.ORDER_NOT_CANCELLABLE: 409,
    Code.CURSOR_EXPIRED: 410,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.RATE_LIMIT_EXCEEDED: 429,
    Code.HEADERS_TOO_LARGE: 431,
    Code.INTERNAL_ERROR: 500,
    Code.VENUE_PROTOCOL_ERROR: 502,
    Code.VENUE_UNAVAILABLE: 503,
    Code.ACCOUNT_NOT_READY: 503,
    Code.STORE_UNAVAILABLE: 503,
    Code.SHUTTING_DOWN: 503,
    Code.VENUE_TIMEOUT: 504,
}

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing: the errors of all others say what became of the write."""


def error_object(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """The error object, the same on HTTP and on the WebSocket."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    optional = {
        "field": refusal.field,
        "details": refusal.details,
        "retry_after": retry_after(refusal),
        "outcome": refusal.outcome,
        "venue": refusal.venue,
        "venue_code": refusal.venue_code,
    }
    error.update({name: value for name, value in optional.items() if value is not None})
    error["retryable"] = refusal.retryable
    error["request_id"] = request_id
    return error


def retry_after(refusal: Refusal) -> int | None:
    """Whole seconds to wait; every 429 and 503 says some."""
    if refusal.retry_after_s is not None:
        return max(1, math.ceil(refusal.retry_after_s))
    return 1 if STATUS[refusal.code] in {429, 503} else None


def internal_error(method: str) -> Refusal:
    """What is said of a mistake of our own: nothing of our insides, and of a write that nobody knows what it did."""
    return Refusal(
        Code.INTERNAL_ERROR,
        "something went wrong on our side; the request id finds it",
        outcome=None if method in READS else Outcome.UNKNOWN,
    )


def shut_down(method: str) -> Refusal:
    """What is said to whom we could not wait for before we ended: what it has begun is settled by other replicas."""
    return Refusal(
        Code.SHUTTING_DOWN,
        "this replica ended before the answer was known; ask another one, or send the same again",
        outcome=None if method in READS else Outcome.UNKNOWN,
    )


def error_response(refusal: Refusal, *, request_id: str, time_ms: int) -> Response:
    """The whole answer to a refused request."""
    count(refusal)
    body = {"success": False, "error": error_object(refusal, request_id), "timestamp": time_ms}
    headers = {}
    if (seconds := retry_after(refusal)) is not None:
        headers["Retry-After"] = str(seconds)
    return Response(msgspec.json.encode(body), STATUS[refusal.code], headers, "application/json")
