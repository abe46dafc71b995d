"""What a call to a venue can come to, when it is not an answer.

    VenueError
    ├── NotSupported          the venue cannot do this; nothing was sent
    ├── NeverSent             no byte of the request left this machine; safe to repeat
    │   └── GrantExpired      the limiter's grant grew too old before the first byte
    ├── NoAnswer              a read that got no answer; nothing was changed by it
    ├── OutcomeUnknown        a write that may have been carried out; never to be repeated blindly
    ├── VenueProtocolError    an answer we cannot read; for a write that is an unknown outcome too
    │   └── EchoMismatch      it can be read, and shows another order than was sent
    └── DefiniteNo            the venue's own refusal: it did not do it
        ├── InvalidRequest    it found our request malformed or out of bounds
        ├── InsufficientBalance
        ├── OrderNotFound     no such order *where the venue looked*; what that proves is a capability
        ├── WouldTake         a post-only order that would have crossed
        ├── Unauthorized      credentials, signature or clock refused
        ├── RateLimited       too many requests; `retry_after_s` if the venue said
        └── VenueClosed       maintenance, trading paused

Each carries facts; the message is built from them. Nothing of a request's headers or credentials is ever in one.
"""

from adapters.models import VenueName


class VenueError(Exception):
    """The root: which venue, what happened, and the venue's own code where it gave one."""

    def __init__(
        self, venue: VenueName, message: str, *, venue_code: str | None = None, http_status: int | None = None
    ):
        super().__init__(f"{venue}: {message}")
        self.venue = venue
        self.message = message
        self.venue_code = venue_code
        self.http_status = http_status


class NotSupported(VenueError):
    """The venue has no such facet, order type or option; found out before anything was sent."""


class NeverSent(VenueError):
    """The request never left: connection refused, name not resolved, breaker open, deadline passed while waiting."""


class GrantExpired(NeverSent):
    """The limiter's grant was older than its life when the first byte was about to go; ask for a new one."""


class NoAnswer(VenueError):
    """A read was sent and no usable answer came in time; it may be repeated."""


class OutcomeUnknown(VenueError):
    """A write may have reached the venue and no answer that settles it came back.

    The order stays `unknown` until the venue's own record settles it; sending it again could trade twice.
    """


class VenueProtocolError(VenueError):
    """The venue answered with something we cannot read: not JSON, a missing field, another order's echo."""


class EchoMismatch(VenueProtocolError):
    """The venue took an order and shows another than was sent."""


class DefiniteNo(VenueError):
    """The venue refused in its own words, with a code known to mean that nothing was done."""


class InvalidRequest(DefiniteNo):
    """The venue found the request malformed or outside its bounds."""


class InsufficientBalance(DefiniteNo):
    """Funds or margin do not suffice."""


class OrderNotFound(DefiniteNo):
    """The venue knows no such order in the place it looked; see `Capabilities.order_lookup` for what that proves."""


class WouldTake(DefiniteNo):
    """A post-only order would have matched at once."""


class Unauthorized(DefiniteNo):
    """Credentials, signature or timestamp were refused."""


class VenueClosed(DefiniteNo):
    """Maintenance or paused trading."""


class RateLimited(DefiniteNo):
    """The venue counted too many requests: an incident, since our limiter should have prevented it."""

    def __init__(
        self,
        venue: VenueName,
        message: str,
        *,
        retry_after_s: float | None = None,
        venue_code: str | None = None,
        http_status: int | None = None,
    ):
        super().__init__(venue, message, venue_code=venue_code, http_status=http_status)
        self.retry_after_s = retry_after_s
