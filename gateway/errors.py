"""What the gateway itself refuses: every code of the public contract, and what it may be concluded from.

HTTP statuses are not here: `api.problem` has the one table from code to status.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_PARAMETER = "INVALID_PARAMETER"
    INVALID_PRECISION = "INVALID_PRECISION"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    VALID_UNTIL_PASSED = "VALID_UNTIL_PASSED"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    ORDER_REJECTED = "ORDER_REJECTED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    IP_NOT_ALLOWED = "IP_NOT_ALLOWED"
    RISK_REJECTED = "RISK_REJECTED"
    TRADING_HALTED = "TRADING_HALTED"
    VENUE_NOT_FOUND = "VENUE_NOT_FOUND"
    MARKET_NOT_FOUND = "MARKET_NOT_FOUND"
    ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    ENDPOINT_NOT_FOUND = "ENDPOINT_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    ORDER_NOT_CANCELLABLE = "ORDER_NOT_CANCELLABLE"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    VENUE_PROTOCOL_ERROR = "VENUE_PROTOCOL_ERROR"
    VENUE_UNAVAILABLE = "VENUE_UNAVAILABLE"
    VENUE_TIMEOUT = "VENUE_TIMEOUT"
    ACCOUNT_NOT_READY = "ACCOUNT_NOT_READY"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    INTERNAL_ERROR = "INTERNAL_ERROR"


RETRYABLE = frozenset(
    {
        Code.RATE_LIMIT_EXCEEDED,
        Code.VENUE_UNAVAILABLE,
        Code.VENUE_TIMEOUT,
        Code.ACCOUNT_NOT_READY,
        Code.STORE_UNAVAILABLE,
        Code.SHUTTING_DOWN,
    }
)
"""Codes after which the same request may succeed later, unchanged."""


class Outcome(StrEnum):
    """What became of a write that failed."""

    NOT_SENT = "not_sent"
    """A promise: nothing reached the venue."""
    REJECTED = "rejected"
    """The venue said no."""
    UNKNOWN = "unknown"


class Refusal(Exception):
    """A request that is answered with an error of the public contract.

    `message` is for a person and names what is wrong and what to do; `details` are for programs. Neither ever holds
    a secret or a word about our insides.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
        outcome: Outcome | None = None,
        venue: str | None = None,
        venue_code: str | None = None,
        retryable: bool | None = None,
    ):
        """`retryable` None: as the code has it."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.details = dict(details) if details else None
        self.retry_after_s = retry_after_s
        self.outcome = outcome
        self.venue = venue
        self.venue_code = venue_code
        self.retryable = code in RETRYABLE if retryable is None else retryable


class StoreUnavailable(Exception):
    """Redis did not carry out a command, or did not say so; `may_have_run` tells the two apart."""

    def __init__(self, message: str, *, may_have_run: bool):
        super().__init__(message)
        self.may_have_run = may_have_run
