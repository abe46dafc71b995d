"""Orders that are at the venue and have no whole record here: found again when their client names them.

The venue's client id derives from the bot's own id for ever. So whatever stands for that id, what is left of a finished
order or one that the venue showed after the store had lost its record, answers a repeat of it; nothing is sent.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog

from adapters.errors import VenueError
from adapters.models import Fill, OrderStatus, OrderType, VenueOrder
from gateway.accounts import Account
from gateway.errors import Refusal
from gateway.orders.content import Shown, difference
from gateway.orders.record import Intent, OrderRecord, State, decode_venue_order
from gateway.orders.records import Records
from gateway.orders.reservation import ADOPTED, is_tombstone
from gateway.orders.settling import Settling, now_ms

_log = structlog.get_logger()

SEEN = "seen at the venue"
ONLY_FILLS = "ONLY_FILLS_SHOWN"
"""Reason of an order that no longer rests and of which the venue's look showed the trades only."""


class OtherContent(Exception):
    """The id stands for an order that is not the one asked for."""


def shown_by(fills: Sequence[Fill]) -> VenueOrder:
    """An order that no longer rests, as far as its trades show it; `fills` are its own, and at least one."""
    first = fills[0]
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    return VenueOrder(
        venue=first.venue,
        symbol=first.symbol,
        venue_order_id=first.venue_order_id,
        venue_client_id=first.venue_client_id,
        side=first.side,
        type=OrderType.LIMIT,
        status=OrderStatus.CANCELLED,
        filled_quantity=filled,
        created_time_us=min(fill.venue_time_us for fill in fills),
        reason=ONLY_FILLS,
    )


class Adoption:
    """Answers for ids of one account that have no whole record."""

    def __init__(self, account: Account, records: Records, settling: Settling):
        self._account = account
        self._records = records
        self._settling = settling

    async def of(self, client: str, intent: Intent, kept: bytes, content: bytes) -> OrderRecord | None:
        """The order that stands where this one would; None if it is another's, by collision of the venue's ids.

        Raises `OtherContent` and `StoreUnavailable`. Safe to repeat.
        """
        if is_tombstone(kept):
            left = self._records.past.read(intent.account, intent.venue_client_id, kept)
            if left.record.intent.client_order_id is None:  # adopted, and ended before its client named it
                if difference(intent, left.record.intent) is not None:
                    raise OtherContent
                return replace(left.record, intent=intent)
            if not left.is_of(intent.owner, intent.client_order_id):
                return None
            if not left.is_content(content):
                raise OtherContent
            return left.record
        order: VenueOrder | None = None
        known: OrderRecord | None = None
        shown: Shown
        if kept.startswith(ADOPTED):
            known = await self._records.reserved(intent.account, intent.venue_client_id)
            if known is None:
                return None
            shown, created_ms = known.intent, known.created_ms
        else:
            order = decode_venue_order(kept)
            shown, created_ms = order, order.created_time_us // 1_000
        if difference(intent, shown) is not None:
            raise OtherContent
        nonce = secrets.token_hex(8)
        await self._records.adopt(
            intent, kept=kept, content=content, nonce=nonce, created_ms=created_ms, now_ms=now_ms()
        )
        record = await self._records.get(intent.order_id)
        if record is None:
            return None
        _log.warning("order_adopted", order_id=intent.order_id, account=intent.account, client=client)
        if order is not None:
            record = await self._settling.seen(record, _whole(order, intent), SEEN)
        elif known is not None:
            record = await self._settling.take(record, partial(_as_known, known=known))
        return await self._refreshed(client, record)

    async def for_ourselves(self, intent: Intent, kept: bytes, order: VenueOrder) -> None:
        """Give an orphan a record until its client names it. Safe to repeat. Raises `StoreUnavailable`."""
        await self._records.adopt(
            intent,
            kept=kept,
            content=b"",
            nonce=secrets.token_hex(8),
            created_ms=order.created_time_us // 1_000,
            now_ms=now_ms(),
        )
        if (record := await self._records.get(intent.order_id)) is not None:
            await self._settling.seen(record, order, SEEN)

    async def _refreshed(self, client: str, record: OrderRecord) -> OrderRecord:
        if record.state is not State.LIVE:
            return record
        try:
            [record] = await self._settling.look_up(self._account, [record], self._account.throttle(client))
        except (VenueError, Refusal) as error:
            _log.info("order_not_compared", order_id=record.intent.order_id, error=str(error))
        return record


def _whole(order: VenueOrder, intent: Intent) -> VenueOrder:
    """What is only known by its trades is filled, if they add up to what was asked."""
    if order.reason != ONLY_FILLS or order.filled_quantity != intent.quantity:
        return order
    return replace(order, status=OrderStatus.FILLED, reason=None)


def _as_known(record: OrderRecord, known: OrderRecord) -> OrderRecord:
    """Only its owner changes."""
    if record.state is not State.UNKNOWN:
        return record
    return record.with_result(known.state, replace(known.result, evidence=SEEN))
