"""What a call to a venue or to the store came to, in the words of the public contract."""

from adapters import errors as venue_errors
from gateway.errors import Code, Outcome, Refusal

# The first class that matches decides; the second column is what it means for a write.
_MEANINGS: tuple[tuple[type[venue_errors.VenueError], Code, Outcome], ...] = (
    (venue_errors.NotSupported, Code.NOT_SUPPORTED, Outcome.NOT_SENT),
    (venue_errors.NeverSent, Code.VENUE_UNAVAILABLE, Outcome.NOT_SENT),
    (venue_errors.NoAnswer, Code.VENUE_TIMEOUT, Outcome.UNKNOWN),
    (venue_errors.OutcomeUnknown, Code.VENUE_TIMEOUT, Outcome.UNKNOWN),
    (venue_errors.VenueProtocolError, Code.VENUE_PROTOCOL_ERROR, Outcome.UNKNOWN),
    (venue_errors.InsufficientBalance, Code.INSUFFICIENT_BALANCE, Outcome.REJECTED),
    (venue_errors.OrderNotFound, Code.ORDER_NOT_FOUND, Outcome.REJECTED),
    (venue_errors.RateLimited, Code.RATE_LIMIT_EXCEEDED, Outcome.REJECTED),
    (venue_errors.VenueClosed, Code.VENUE_UNAVAILABLE, Outcome.REJECTED),
    (venue_errors.DefiniteNo, Code.ORDER_REJECTED, Outcome.REJECTED),
)


def read_refusal(error: venue_errors.VenueError) -> Refusal:
    """The answer to a read that failed; a venue's "no" to a read we composed is the venue's or our fault, not the
    client's."""
    code, _ = _meaning(error)
    return _refusal(error, Code.VENUE_PROTOCOL_ERROR if code is Code.ORDER_REJECTED else code, None)


def write_refusal(error: venue_errors.VenueError) -> Refusal:
    """The answer to a write that failed, with what may be concluded of it."""
    return _refusal(error, *_meaning(error))


def _meaning(error: venue_errors.VenueError) -> tuple[Code, Outcome]:
    for kind, code, outcome in _MEANINGS:
        if isinstance(error, kind):
            return code, outcome
    raise AssertionError(f"{type(error).__name__} is not in the table") from error


def _refusal(error: venue_errors.VenueError, code: Code, outcome: Outcome | None) -> Refusal:
    return Refusal(
        code,
        error.message,
        outcome=outcome,
        venue=error.venue,
        venue_code=error.venue_code,
        retry_after_s=error.retry_after_s if isinstance(error, venue_errors.RateLimited) else None,
        details=None if error.http_status is None else {"venue_status": error.http_status},
    )


def store_refusal(*, write: bool) -> Refusal:
    """Redis is away. For a write this promises that nothing was sent: only for callers that know it."""
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "the store of orders and limits cannot be reached" + ("; nothing was sent" if write else ""),
        outcome=Outcome.NOT_SENT if write else None,
        retry_after_s=1,
    )
