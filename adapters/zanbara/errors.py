"""What Zanbara's refusals mean: from the venue's code to a class of `adapters.errors`. Pure.

Messages are free text and decide nothing. Source: docs.zanbarax.com, "error codes" (`/api-zong-lan/error-codes`), of
which the authentication codes are documented and the rest inferred.
"""

import msgspec

from adapters.common.answers import UNREADABLE
from adapters.errors import (
    DefiniteNo,
    InsufficientBalance,
    InvalidRequest,
    OrderNotFound,
    RateLimited,
    Unauthorized,
    VenueClosed,
)
from adapters.models import VenueName
from adapters.zanbara import wire

TOKEN_REFUSED = "AUTHENTICATION_FAILED"  # noqa: S105
_SIGNATURE_REFUSED = "INVALID_SIGNATURE"

_NOT_DONE: dict[str, type[DefiniteNo]] = {
    TOKEN_REFUSED: Unauthorized,
    "INVALID_API_KEY": Unauthorized,
    _SIGNATURE_REFUSED: Unauthorized,
    "PERMISSION_DENIED": Unauthorized,
    "IP_NOT_WHITELISTED": Unauthorized,
    "SIGNATURE_REQUIRED": Unauthorized,
    "ACCOUNT_FROZEN": Unauthorized,
    "INVALID_PARAMETER": InvalidRequest,
    "MISSING_PARAMETER": InvalidRequest,
    "INVALID_REQUEST": InvalidRequest,
    "INVALID_PRECISION": InvalidRequest,
    "SYMBOL_NOT_FOUND": InvalidRequest,
    "ENDPOINT_NOT_FOUND": InvalidRequest,
    "INVALID_PRICE": InvalidRequest,
    "INVALID_QUANTITY": InvalidRequest,
    "ORDER_SIZE_TOO_SMALL": InvalidRequest,
    "ORDER_SIZE_TOO_LARGE": InvalidRequest,
    "REDUCE_ONLY_REJECTED": InvalidRequest,
    "TOO_MANY_OPEN_ORDERS": DefiniteNo,
    "POSITION_LIMIT_EXCEEDED": DefiniteNo,
    "INSUFFICIENT_BALANCE": InsufficientBalance,
    "INSUFFICIENT_MARGIN": InsufficientBalance,
    "LEVERAGE_EXCEEDED": InsufficientBalance,
    "TRADING_HALTED": VenueClosed,
    "RATE_LIMIT_EXCEEDED": RateLimited,
}
"""The codes that prove of a write that it was not done, when they come with a 4xx to the only send. Every other code,
and every 5xx whatever its code, may follow an order that was taken."""

_OPERATION_NOT_DONE: dict[str, type[DefiniteNo]] = {
    "MARGIN_MODE_LOCKED": InvalidRequest,
    "POSITION_NOT_FOUND": InvalidRequest,
    "VERIFICATION_REQUIRED": Unauthorized,
    "WITHDRAWAL_LIMIT_EXCEEDED": InvalidRequest,
    "INVALID_ADDRESS": InvalidRequest,
}
"""What proves the same of a setting or a withdrawal; an order is never answered so."""

_NO_SUCH_ORDER = frozenset({"ORDER_NOT_FOUND", "ORDER_NOT_CANCELLABLE"})
_NOT_AMENDABLE: dict[str, type[DefiniteNo]] = {"ORDER_NOT_FOUND": OrderNotFound, "ORDER_NOT_AMENDABLE": InvalidRequest}
_CLOSED = frozenset({"TRADING_HALTED", "SERVICE_UNAVAILABLE"})


def decode_envelope(body: bytes) -> wire.Envelope | None:
    """The venue's own answer, None if the body is anything else (a proxy's page, say)."""
    try:
        return msgspec.json.decode(body, type=wire.Envelope)
    except UNREADABLE:
        return None


def decode_error(body: bytes) -> wire.Error | None:
    """The venue's own error, None if the body is no envelope, or one of success."""
    envelope = decode_envelope(body)
    return None if envelope is None or envelope.success else envelope.error


def may_call_time_wrong(error: wire.Error) -> bool:
    """Whether the request may have been refused for the time it was signed for; there is no code for that alone."""
    return error.code == _SIGNATURE_REFUSED


def refused_write(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """The refusal, if it proves that the write was not done; None leaves the outcome unknown."""
    if not 400 <= status < 500 or status == 408 or error.code not in _NOT_DONE:
        return None
    return _refusal(venue, _NOT_DONE[error.code], status, error, retry_after_s)


def refused_unread(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """The refusal of a batch, if it proves that none of it was done: one for who asked, or how often.

    What is said of the contents proves nothing: those before the one that is wrong may have been done.
    """
    if not issubclass(_NOT_DONE.get(error.code, DefiniteNo), Unauthorized | RateLimited):
        return None
    return refused_write(venue, status, error, retry_after_s)


def refused_amend(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """Like `refused_write`: that the order does not rest is a definite answer too, and so is a field that stays."""
    if status in {400, 404} and error.code in _NOT_AMENDABLE:
        return _refusal(venue, _NOT_AMENDABLE[error.code], status, error, None)
    return refused_write(venue, status, error, retry_after_s)


def refused_operation(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """Like `refused_write`, for what is no order."""
    if 400 <= status < 500 and status != 408 and (refusal := _OPERATION_NOT_DONE.get(error.code)) is not None:
        return _refusal(venue, refusal, status, error, None)
    return refused_write(venue, status, error, retry_after_s)


def refused_cancel(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """Like `refused_write`: that nothing rests under this id (any more) is a definite answer too."""
    if status in {400, 404} and error.code in _NO_SUCH_ORDER:
        return _refusal(venue, OrderNotFound, status, error, None)
    return refused_write(venue, status, error, retry_after_s)


def refused_read(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """The refusal of a read; None if the venue failed rather than refused."""
    if status == 503 and error.code in _CLOSED:
        return _refusal(venue, VenueClosed, status, error, retry_after_s)
    if not 400 <= status < 500:
        return None
    return _refusal(venue, _NOT_DONE.get(error.code, DefiniteNo), status, error, retry_after_s)


def _refusal(
    venue: VenueName, refusal: type[DefiniteNo], status: int, error: wire.Error, retry_after_s: float | None
) -> DefiniteNo:
    message = f"{error.code[:60]}: {error.message[:200]}"
    if issubclass(refusal, RateLimited):
        return RateLimited(venue, message, retry_after_s=retry_after_s, venue_code=error.code, http_status=status)
    return refusal(venue, message, venue_code=error.code, http_status=status)
