"""Orphans: orders that rest at the venue and that no record knows, or whose record says that they have ended.

Somebody placed them past the gateway, or the store has lost them, or what ended them here was wrong. They are compared
now and then; what is done about them, the account's configuration says.
"""

from collections.abc import Sequence

import structlog

from adapters.contract import CallKind
from adapters.models import VenueClientId, VenueOrder
from gateway.accounts import Account
from gateway.orders import metrics
from gateway.orders.adoption import Adoption
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import State, from_venue
from gateway.orders.records import Records
from gateway.orders.reservation import is_seen
from gateway.orders.settling import Settling
from gateway.settings import OrphanPolicy

_log = structlog.get_logger()

OURSELVES = "crossgate"
"""Owner of what was adopted, and our own name as a client of the limiter."""

EVERY_S = 60.0
_ENDED_MS = 60_000
"""How long ago an order must have ended here before it is told of that it still rests: the answer may be older."""


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
            or await self._has_long_ended(order.venue_client_id)
        ]

    async def _has_long_ended(self, client_id: VenueClientId) -> bool:
        """Whether our record of an order that rests says that it has ended, and did not just now."""
        record = await self._records.reserved(self._account.name, client_id)
        if record is None or record.state is not State.DONE:
            return False
        return record.updated_ms < await self._records.now_ms() - _ENDED_MS

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
        """Orders that rest under one client id, and neither came of the other: one of them should not be there."""
        together: dict[VenueClientId, list[VenueOrder]] = {}
        for order in resting:
            if order.venue_client_id is not None:
                together.setdefault(order.venue_client_id, []).append(order)
        duplicates = {client_id: orders for client_id, orders in together.items() if _origins(orders) > 1}
        metrics.DUPLICATES.labels(self._account.name).set(len(duplicates))
        for client_id, orders in duplicates.items():
            _log.error(
                "order_duplicated",
                account=self._account.name,
                venue_client_id=client_id,
                venue_order_ids=[order.venue_order_id for order in orders],
            )


def _origins(orders: Sequence[VenueOrder]) -> int:
    """How many sends they came of: a trigger that fires leaves its client id to the order that takes its place."""
    ids = {order.venue_order_id for order in orders}
    return len(
        {order.related_order_id or order.venue_order_id for order in orders if order.related_order_id not in ids}
    )
