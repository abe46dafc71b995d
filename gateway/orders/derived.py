"""The venue's client ids that a bot's own id can have: the first, and those that step aside where ids collide."""

from adapters.models import VenueClientId
from gateway.accounts import Account
from gateway.orders.identity import Identities

_SALTS = 3


def venue_client_ids(
    identities: Identities, account: Account, owner: str, client_order_id: str
) -> tuple[VenueClientId, ...]:
    """In the order in which they are tried. The same for ever, on every replica."""
    venue = account.venue.name
    digests = (identities.client_id_digest(venue, account.name, owner, client_order_id, salt) for salt in range(_SALTS))
    return tuple(account.trading.client_id(digest) for digest in digests)
