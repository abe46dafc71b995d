"""What Backpack's refusals mean: from the venue's code to a class of `adapters.errors`. Pure.

The code decides what may be concluded; a known message only refines the cause, since `INVALID_CLIENT_REQUEST` stands
for a bad signature as well as for a malformed field. Source: docs.backpack.exchange, schema `ApiErrorCode`, and the
support site's developer FAQ ("common errors").
"""

import msgspec

from adapters.backpack import wire
from adapters.common.answers import UNREADABLE
from adapters.errors import (
    DefiniteNo,
    InsufficientBalance,
    InvalidRequest,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    VenueClosed,
    VenueError,
    WouldTake,
)
from adapters.models import VenueName

_NOT_DONE: dict[str, type[DefiniteNo]] = {
    "ACCOUNT_DEACTIVATED": Unauthorized,
    "ACCOUNT_LIQUIDATING": DefiniteNo,
    "FORBIDDEN": Unauthorized,
    "INSUFFICIENT_FUNDS": InsufficientBalance,
    "INSUFFICIENT_MARGIN": InsufficientBalance,
    "INSUFFICIENT_SUPPLY": InsufficientBalance,
    "INVALID_ASSET": InvalidRequest,
    "INVALID_CLIENT_REQUEST": InvalidRequest,
    "INVALID_MARKET": InvalidRequest,
    "INVALID_ORDER": InvalidRequest,
    "INVALID_POSITION_ID": InvalidRequest,
    "INVALID_PRICE": InvalidRequest,
    "INVALID_QUANTITY": InvalidRequest,
    "INVALID_RANGE": InvalidRequest,
    "INVALID_SIGNATURE": Unauthorized,
    "INVALID_SOURCE": InvalidRequest,
    "INVALID_SYMBOL": InvalidRequest,
    "INVALID_TWO_FACTOR_CODE": Unauthorized,
    "MAX_LEVERAGE_REACHED": InsufficientBalance,
    "ORDER_LIMIT": DefiniteNo,
    "POSITION_LIMIT": DefiniteNo,
    "PRECONDITION_FAILED": DefiniteNo,
    "TOO_MANY_REQUESTS": RateLimited,
    "TRADING_PAUSED": VenueClosed,
    "UNAUTHORIZED": Unauthorized,
}
"""The codes that prove of a write that it was not done, when they come with a 4xx. Every other code proves nothing:
`TIMEOUT`, `SERVER_ERROR`, `TOO_EARLY` and `MAINTENANCE` may follow an order that was taken."""

_READ_ONLY: dict[str, type[DefiniteNo]] = {"MAINTENANCE": VenueClosed, "RESOURCE_NOT_FOUND": InvalidRequest}
"""What else may be concluded when nothing was to be done in the first place."""

_BY_MESSAGE: dict[str, tuple[tuple[str, type[DefiniteNo]], ...]] = {
    "INVALID_ORDER": (("Order would immediately match and take", WouldTake),),
    "INVALID_CLIENT_REQUEST": (
        ("Invalid signature", Unauthorized),
        ("Invalid X-", Unauthorized),
        ("Invalid timestamp", Unauthorized),
        ("Request has expired", Unauthorized),
        ("Order not found", OrderNotFound),
    ),
}


_TIME = ("Invalid timestamp", "Request has expired")


def decode_error(body: bytes) -> wire.Error | None:
    """The venue's own error, None if the body is anything else (a proxy's page, say)."""
    try:
        return msgspec.json.decode(body, type=wire.Error)
    except UNREADABLE:
        return None


def refused_write(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """The refusal, if it proves that the write was not done; None leaves the outcome unknown."""
    if not 400 <= status < 500 or status == 408 or error.code not in _NOT_DONE:
        return None
    return _refusal(venue, _class_of(error), status, error, retry_after_s)


def refused_unread(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """The refusal of a batch, if it proves that none of it was done: one for who asked, or how often.

    What is said of the contents proves nothing: those before the one that is wrong may have been done.
    """
    if not issubclass(_NOT_DONE.get(error.code, DefiniteNo), Unauthorized | RateLimited):
        return None
    return refused_write(venue, status, error, retry_after_s)


def refused_item(venue: VenueName, error: wire.Error) -> VenueError:
    """What the refusal of one order of a batch comes to, which has no status of its own."""
    return refused_write(venue, 400, error) or OutcomeUnknown(
        venue, f"{error.code[:60]} does not say whether it was done", venue_code=error.code
    )


def refused_read(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """The refusal of a read; None if the venue failed rather than refused."""
    if error.code not in _READ_ONLY and not 400 <= status < 500:
        return None
    return _refusal(venue, _class_of(error), status, error, retry_after_s)


def refused_order_query(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """Like `refused_read`, for a query of one order."""
    return _not_found(venue, status, error) or refused_read(venue, status, error, retry_after_s)


def refused_cancel(
    venue: VenueName, status: int, error: wire.Error, retry_after_s: float | None = None
) -> DefiniteNo | None:
    """Like `refused_write`, for a cancel: that nothing rests under this id is a definite answer too."""
    return _not_found(venue, status, error) or refused_write(venue, status, error, retry_after_s)


def calls_time_wrong(error: wire.Error) -> bool:
    """Whether the request was refused for the time it was signed for."""
    return error.code == "INVALID_CLIENT_REQUEST" and error.message.startswith(_TIME)


def _not_found(venue: VenueName, status: int, error: wire.Error) -> OrderNotFound | None:
    if status == 404 and error.code == "RESOURCE_NOT_FOUND":
        return OrderNotFound(venue, "no such order rests", venue_code=error.code, http_status=status)
    return None


def _class_of(error: wire.Error) -> type[DefiniteNo]:
    for prefix, refined in _BY_MESSAGE.get(error.code, ()):
        if error.message.startswith(prefix):
            return refined
    return _NOT_DONE.get(error.code) or _READ_ONLY.get(error.code, DefiniteNo)


def _refusal(
    venue: VenueName, refusal: type[DefiniteNo], status: int, error: wire.Error, retry_after_s: float | None
) -> DefiniteNo:
    message = f"{error.code[:60]}: {error.message[:200]}"
    if issubclass(refusal, RateLimited):
        return RateLimited(venue, message, retry_after_s=retry_after_s, venue_code=error.code, http_status=status)
    return refusal(venue, message, venue_code=error.code, http_status=status)
