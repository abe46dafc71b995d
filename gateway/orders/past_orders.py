"""Past orders: what is left of those that have ended, and where they stand among the orders of their account.

A tombstone stands in the place of the venue's client id. Which there are is listed by when they were accepted, in one
short list for ten minutes: a sorted set of them all would take more memory than they do.
"""

from collections.abc import Sequence

from adapters.models import AccountName, VenueClientId, VenueName
from gateway.orders import tombstone
from gateway.orders.identity import Identities
from gateway.orders.record import OrderRecord, Place
from gateway.orders.reservation import is_tombstone
from gateway.orders.tombstone import Tombstone
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_SHRINK = Script.load("gateway.orders", "shrink.lua")

_SPAN_MS = 600_000


class PastOrders:
    """Those of one venue."""

    def __init__(self, store: Store, venue: VenueName, identities: Identities, *, keep_ms: int):
        self._store = store
        self._venue = venue
        self._identities = identities
        self._keep_ms = keep_ms

    async def shrink(self, record: OrderRecord, content: bytes, now_ms: int) -> None:
        """Put the tombstone of a finished order in the place of its record. Safe to repeat."""
        intent = record.intent
        span, offset_ms = divmod(record.created_ms, _SPAN_MS)
        await self._store.run(
            _SHRINK,
            [
                keys.order(self._venue, intent.order_id),
                keys.client_order(self._venue, intent.account, intent.owner, intent.client_order_id or ""),
                keys.venue_client_id(self._venue, intent.account, intent.venue_client_id),
                keys.recent_orders(self._venue, intent.account),
                keys.ended_orders(self._venue, intent.account),
                keys.past_orders(self._venue, intent.account, span),
                keys.past_spans(self._venue, intent.account),
            ],
            [
                record.version,
                intent.order_id,
                tombstone.encode(record, content),
                max(1, self._keep_ms - (now_ms - record.updated_ms)),
                f"{offset_ms}:{intent.venue_client_id}",
                span,
            ],
        )

    async def of(self, account: AccountName, client_ids: Sequence[VenueClientId]) -> list[Tombstone]:
        """Those whose venue's client ids are among these."""
        names = [keys.venue_client_id(self._venue, account, one) for one in client_ids]
        kept = await self._store.command("MGET", *names) if names else []
        return [
            self.read(account, client_id, left)
            for client_id, left in zip(client_ids, kept, strict=True)
            if left is not None and is_tombstone(left)
        ]

    def read(self, account: AccountName, client_id: VenueClientId, kept: bytes) -> Tombstone:
        """What a reservation holds of a finished order."""
        return tombstone.decode(
            kept, venue=self._venue, account=account, venue_client_id=client_id, identities=self._identities
        )

    async def newest(
        self, account: AccountName, *, count: int, before: Place | None = None, since_ms: int = 0
    ) -> list[Place]:
        """Where they stand, newest first; fewer than `count` are all there are. Bounds as `Records.recent` has them."""
        found: list[Place] = []
        spans = sorted((int(one) for one in await self._spans(account)), reverse=True)
        for span in spans:
            if len(found) >= count or (span + 1) * _SPAN_MS <= since_ms:
                break
            if before is not None and span * _SPAN_MS > before.created_ms:
                continue
            places = [place for place in await self._of_span(account, span) if place.created_ms >= since_ms]
            found += sorted((one for one in places if before is None or one < before), reverse=True)
        return found[:count]

    async def _spans(self, account: AccountName) -> Sequence[bytes]:
        spans: Sequence[bytes] = await self._store.command("ZRANGE", keys.past_spans(self._venue, account), 0, -1)
        return spans

    async def _of_span(self, account: AccountName, span: int) -> list[Place]:
        entries = await self._store.command("LRANGE", keys.past_orders(self._venue, account, span), 0, -1)
        accepted = {}
        for entry in entries:
            offset_ms, _, client_id = entry.decode().partition(":")
            accepted[VenueClientId(client_id)] = span * _SPAN_MS + int(offset_ms)
        records = [left.record for left in await self.of(account, list(accepted))]
        # Another order may have come to the same id at the venue since.
        return [one.place for one in records if accepted[one.intent.venue_client_id] == one.created_ms]
