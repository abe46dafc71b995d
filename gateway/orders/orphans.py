"""Orphans: orders that rest at the venue and that no record knows.

Somebody placed them past the gateway, or the store has lost them. They are compared now and then; what is done about
them, the account's configuration says.
"""

from collections import Counter
from collections.abc import Sequence

import structlog

from adapters.contract import CallKind
from adapters.models import VenueOrder
from gateway.accounts import Account
from gateway.orders import metrics
from gateway.orders.adoption import Adoption
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import from_venue
from gateway.orders.records import Records
from gateway.orders.reservation import is_seen
from gateway.orders.settling import Settling
from gateway.settings import OrphanPolicy

_log = structlog.get_logger()

OURSELVES = "crossgate"
"""Owner of what was adopted, and our own name as a client of the limiter."""

EVERY_S = 60.0


class Orphans:
    """The orphans of one account."""

    def __init__(self, account: Account, records: Records, settling: Settling, identities: Identities):
        self._account = account
        self._records = records
        self._settling = settling
        self._identities = identities

    async def compare(self) -> None:
        """Compare what rests at the venue with our records.

        Safe to repeat. Raises what the store and the venue raise.
        """
        if self._account.orphans is OrphanPolicy.IGNORE:
            return
        throttle = self._account.throttle(OURSELVES, kind=CallKind.ACCOUNT_READ)
        resting = await self._account.trading.open_orders(None, throttle)
        self._report_duplicates(resting)
        orphans = await self._without_record(resting)
        new = await self._records.note_orphans(self._account.name, orphans)
        metrics.ORPHANS.labels(self._account.name).set(len(orphans))
        for order in orphans:
            if order.venue_order_id in new:
                _log.error(
                    "order_orphaned",
                    account=self._account.name,
                    symbol=order.symbol,
                    venue_order_id=order.venue_order_id,
                    venue_client_id=order.venue_client_id,
                )
        if self._account.orphans is OrphanPolicy.ADOPT:
            for order in orphans:
                await self._adopt(order)

    async def _without_record(self, resting: Sequence[VenueOrder]) -> list[VenueOrder]:
        named = {order.venue_client_id for order in resting if order.venue_client_id is not None}
        ids = sorted(named)
        kept = dict(zip(ids, await self._records.kept_for(self._account.name, ids), strict=True))
        return [
            order
            for order in resting
            if order.venue_client_id is None
            or (left := kept[order.venue_client_id]) is None
            or is_seen(left)  # seen before, and still nobody's
        ]

    async def _adopt(self, order: VenueOrder) -> None:
        """Give it a record of our own; without a client id it could not be cancelled, so it is only reported."""
        if order.venue_client_id is None:
            return
        account, venue = self._account.name, self._account.venue.name
        identity = OrderIdentity(venue, account, order.symbol, OURSELVES, order.venue_client_id)
        await self._records.note_seen(account, [order])
        [kept] = await self._records.kept_for(account, [order.venue_client_id])
        if kept is None or not is_seen(kept):
            return
        intent = from_venue(identity, self._identities.order_id(identity), order).intent
        await Adoption(self._account, self._records, self._settling).for_ourselves(intent, kept, order)

    def _report_duplicates(self, resting: Sequence[VenueOrder]) -> None:
        """Two orders that rest under one client id: one of them should not be there."""
        counts = Counter(order.venue_client_id for order in resting if order.venue_client_id is not None)
        duplicates = [client_id for client_id, count in counts.items() if count > 1]
        metrics.DUPLICATES.labels(self._account.name).set(len(duplicates))
        for client_id in duplicates:
            _log.error(
                "order_duplicated",
                account=self._account.name,
                venue_client_id=client_id,
                venue_order_ids=[order.venue_order_id for order in resting if order.venue_client_id == client_id],
            )
