"""The records of orders in Redis: one script for each step, every one safe to run twice.

What a step means is `lifecycle`'s business; here is only how it is written down.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.models import AccountName, Fill, VenueClientId, VenueName
from gateway.journal.entry import MAX_LENGTH
from gateway.orders.record import Intent, OrderRecord, Result, State, decode, encode, encode_fill
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

KEEP_FINISHED_MS = 7 * 24 * 3600 * 1000
"""How long a finished order's record is kept: 7 days."""

_CLAIM = Script.load("gateway.orders", "claim.lua")
_BEGIN_SEND = Script.load("gateway.orders", "begin_send.lua")
_ADD_FILL = Script.load("gateway.orders", "add_fill.lua")
_UPDATE = Script.load("gateway.orders", "update.lua")


class Claim(StrEnum):
    CLAIMED = "claimed"
    EXISTS = "exists"
    """The same id with the same content was accepted before."""
    CONFLICT = "conflict"
    """The same id with other content was accepted before."""
    EXPIRED = "expired"
    FULL = "full"
    """Every candidate of the venue's client id is taken."""


@dataclass(frozen=True, slots=True)
class SendLeave:
    """Answer of `begin_send`: `send_ms` in the venue's time, None if the order must not be sent."""

    send_ms: int | None
    version: int
    expired: bool

    def of(self, record: OrderRecord, window_ms: int) -> OrderRecord:
        """The record as `begin_send` has written it."""
        return replace(record, state=State.SENT, version=self.version, send_ms=self.send_ms, window_ms=window_ms)


class Records:
    """The orders of one venue."""

    def __init__(self, store: Store, venue: VenueName):
        self._store = store
        self._venue = venue

    async def claim(
        self, candidates: Sequence[Intent], *, nonce: str, content: bytes, lease_ms: int
    ) -> tuple[Claim, str]:
        """Claim the id for the first candidate whose venue client id is free; answers with the order id.

        All candidates are the same order under different salts. Safe to repeat with the same nonce.
        """
        first = candidates[0]
        names = [
            keys.client_order(self._venue, first.account, first.owner, first.client_order_id or ""),
            keys.pending_orders(self._venue, first.account),
            keys.recent_orders(self._venue, first.account),
        ]
        arguments: list[str | bytes | int] = [
            nonce, content, lease_ms, first.valid_until_ms, encode(Result()), KEEP_FINISHED_MS,
        ]  # fmt: skip
        for intent in candidates:
            names += [
                keys.venue_client_id(self._venue, intent.account, intent.venue_client_id),
                keys.order(self._venue, intent.order_id),
            ]
            arguments += [intent.order_id, encode(intent)]
        answer, order_id, _ = await self._store.run(_CLAIM, names, arguments)
        return Claim(answer.decode()), order_id.decode()

    async def begin_send(
        self, intent: Intent, *, nonce: str, clock_difference_ms: int, window_ms: int, lease_ms: int
    ) -> SendLeave:
        """Fix the send time. Safe to repeat with the same nonce: it is the same time."""
        [leave] = await self.begin_send_many(
            [(intent, nonce)], clock_difference_ms=clock_difference_ms, window_ms=window_ms, lease_ms=lease_ms
        )
        return leave

    async def begin_send_many(
        self, claims: Sequence[tuple[Intent, str]], *, clock_difference_ms: int, window_ms: int, lease_ms: int
    ) -> list[SendLeave]:
        """Fix one send time for orders of one account, each with the nonce of its claim. Safe to repeat."""
        names = [keys.pending_orders(self._venue, claims[0][0].account)]
        arguments: list[str | bytes | int] = [clock_difference_ms, window_ms, lease_ms]
        for intent, nonce in claims:
            names.append(keys.order(self._venue, intent.order_id))
            arguments += [nonce, intent.order_id, intent.valid_until_ms]
        return [
            SendLeave(int(send_ms) if answer == b"send" else None, int(version), answer == b"expired")
            for answer, send_ms, version in await self._store.run(_BEGIN_SEND, names, arguments)
        ]

    async def write(self, record: OrderRecord, *, look_again_ms: int = 1_000) -> bool:
        """Write the record's next state over the claim and version it was read at; False if somebody was faster."""
        intent = record.intent
        written = await self._store.run(
            _UPDATE,
            [
                keys.order(self._venue, intent.order_id),
                keys.client_order(self._venue, intent.account, intent.owner, intent.client_order_id or ""),
                keys.venue_client_id(self._venue, intent.account, intent.venue_client_id),
                keys.pending_orders(self._venue, intent.account),
                keys.recent_orders(self._venue, intent.account),
                keys.live_orders(self._venue, intent.account),
                keys.journal(self._venue, intent.account),
            ],
            [
                record.version,
                record.state,
                encode(record.result),
                intent.order_id,
                look_again_ms,
                KEEP_FINISHED_MS,
                record.nonce,
                intent.owner,
                MAX_LENGTH,
            ],
        )
        return bool(written)

    async def add_fill(self, order: OrderRecord, fill: Fill) -> bool:
        """Enter one of our trades into the account's journal, once; False if it is there already. Safe to repeat."""
        account = order.intent.account
        added = await self._store.run(
            _ADD_FILL,
            [keys.journal(self._venue, account), keys.journal_fills(self._venue, account)],
            [
                # Venues count the trades of each market by themselves, and both orders of a trade may be ours.
                f"{order.intent.venue_client_id}:{fill.trade_id}",
                MAX_LENGTH,
                order.intent.owner,
                order.intent.order_id,
                encode_fill(fill),
            ],
        )
        return bool(added)

    async def reserved(self, account: AccountName, client_id: VenueClientId) -> OrderRecord | None:
        """The order that a venue's client id stands for, if it is one of ours."""
        order_id = await self._store.command("GET", keys.venue_client_id(self._venue, account, client_id))
        return await self.get(order_id.decode()) if order_id else None

    async def changed_since(self, account: AccountName, since_ms: int, *, count: int = 500) -> list[OrderRecord]:
        """Of the newest orders those that rest, or have changed at or after `since_ms`."""
        resting = await self._store.command("ZRANGE", keys.live_orders(self._venue, account), 0, count - 1)
        newest = await self._store.command("ZREVRANGE", keys.recent_orders(self._venue, account), 0, count - 1)
        names = dict.fromkeys([*resting, *newest])
        found = await asyncio.gather(*(self.get(name.decode()) for name in names))
        return [one for one in found if one and (one.state is State.LIVE or one.updated_ms >= since_ms)]

    async def checkpoint_ms(self, account: AccountName) -> int | None:
        """Until when the account's stream was surely followed, by Redis' clock; None if it never was."""
        at_ms = await self._store.command("GET", keys.journal_checkpoint(self._venue, account))
        return None if at_ms is None else int(at_ms)

    async def set_checkpoint(self, account: AccountName) -> None:
        """The account's stream is being followed now."""
        now_ms = (await self._store.time_us()) // 1_000
        await self._store.command("SET", keys.journal_checkpoint(self._venue, account), now_ms)

    async def look_again(self, account: AccountName, order_id: str, at_ms: int) -> None:
        """Put off looking for an order that is still pending until `at_ms` by Redis' clock."""
        await self._store.command("ZADD", keys.pending_orders(self._venue, account), "XX", at_ms, order_id)

    async def get(self, order_id: str) -> OrderRecord | None:
        fields = await self._store.command("HGETALL", keys.order(self._venue, order_id))
        return decode(fields) if fields else None

    async def by_client_order_id(self, account: AccountName, owner: str, client_order_id: str) -> OrderRecord | None:
        order_id = await self._store.command(
            "HGET", keys.client_order(self._venue, account, owner, client_order_id), "order_id"
        )
        return await self.get(order_id.decode()) if order_id else None

    async def accepted(self, account: AccountName, owner: str, client_order_id: str) -> tuple[str, bytes] | None:
        """The order a client's own id was accepted for, and the hash of its content; None if it is free."""
        name = keys.client_order(self._venue, account, owner, client_order_id)
        order_id, content = await self._store.command("HMGET", name, "order_id", "content")
        return None if order_id is None else (order_id.decode(), content)

    async def open(self, account: AccountName) -> list[str]:
        """Ids of orders that rest at the venue, or are on their way there."""
        # Pending ones first: an order that becomes live in between is then seen twice, rather than not at all.
        pending = await self._store.command("ZRANGE", keys.pending_orders(self._venue, account), 0, -1)
        live = await self._store.command("ZRANGE", keys.live_orders(self._venue, account), 0, -1)
        return [order_id.decode() for order_id in dict.fromkeys([*pending, *live])]

    async def now_ms(self) -> int:
        """Redis' time, milliseconds since the epoch."""
        return int((await self._store.time_us()) // 1_000)

    async def recent(self, account: AccountName, *, offset: int, count: int) -> list[str]:
        """Order ids, newest first."""
        ids = await self._store.command(
            "ZREVRANGE", keys.recent_orders(self._venue, account), offset, offset + count - 1
        )
        return [order_id.decode() for order_id in ids]

    async def due(self, account: AccountName, now_ms: int, *, count: int = 1_000) -> list[str]:
        """Ids of orders whose lease has lapsed, or that are unknown and to be looked for again."""
        ids = await self._store.command(
            "ZRANGEBYSCORE", keys.pending_orders(self._venue, account), "-inf", now_ms, "LIMIT", 0, count
        )
        return [order_id.decode() for order_id in ids]
