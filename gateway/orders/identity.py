"""Ids of orders. Pure: the same key always gives the same ids, on every replica and after any loss.

The venue's client id derives from (venue, account, client, client_order_id) by a keyed hash; a salt steps aside where
two of them collide in a small id space. Our own `order_id` carries account, market, owner and the venue's client id
under a MAC, so that an order can be cancelled by it without any store.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from adapters.models import AccountName, Symbol, VenueClientId, VenueName

_MAC_BYTES = 10
_SEPARATOR = "\x1f"
ORDER_ID_MAX = 400


@dataclass(frozen=True, slots=True)
class OrderIdentity:
    """What an order id says."""

    venue: VenueName
    account: AccountName
    symbol: Symbol
    owner: str
    venue_client_id: VenueClientId


def spelled_out(order_id: str) -> OrderIdentity:
    """What the id says, without proof that it is ours: only for ids from our own records.

    Raises `ValueError` for what cannot be one.
    """
    raw = base64.b64decode(order_id + "=" * (-len(order_id) % 4), altchars=b"-_", validate=True)
    venue, account, symbol, owner, venue_client_id = raw[_MAC_BYTES:].decode().split(_SEPARATOR)
    return OrderIdentity(VenueName(venue), AccountName(account), Symbol(symbol), owner, VenueClientId(venue_client_id))


class Identities:
    """Derives ids from one secret key, which never changes."""

    def __init__(self, key: bytes):
        self._key = key

    def client_id_digest(
        self, venue: VenueName, account: AccountName, owner: str, client_order_id: str, salt: int
    ) -> bytes:
        """32 bytes for the adapter to make the venue's client id of."""
        return self._hmac("client-id", venue, account, owner, client_order_id, str(salt))

    def order_id(self, identity: OrderIdentity) -> str:
        fields = (identity.venue, identity.account, identity.symbol, identity.owner, identity.venue_client_id)
        mac = self._hmac("order-id", *fields)[:_MAC_BYTES]
        return base64.urlsafe_b64encode(mac + _SEPARATOR.join(fields).encode()).decode().rstrip("=")

    def read(self, order_id: str) -> OrderIdentity | None:
        """What the id says; None unless we minted it."""
        if len(order_id) > ORDER_ID_MAX or not order_id.isascii():
            return None
        try:
            identity = spelled_out(order_id)
        except ValueError:
            return None
        # The MAC, and the one spelling that we mint: base64 has several of the same bytes.
        return identity if hmac.compare_digest(self.order_id(identity), order_id) else None

    def _hmac(self, *fields: str) -> bytes:
        return hmac.new(self._key, _SEPARATOR.join(fields).encode(), hashlib.sha256).digest()
