"""The records of orders in Redis: one script for each step, every one safe to run twice.

What a step means is `lifecycle`'s business; here is only how it is written down.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any

from adapters.models import AccountName, Fill, VenueClientId, VenueName
from gateway.journal.entry import MAX_LENGTH
from gateway.journal.holdings import Holdings
from gateway.limiter import Passage
from gateway.limiter.redis_spend import SPENDING
from gateway.orders.journaling import encode_fill, encode_step
from gateway.orders.record import Intent, OrderRecord, Result, State, decode, encode
from gateway.risk import halt
from gateway.risk.halt import Halt
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script, lua
from gateway.store.wire import Argument

KEEP_FINISHED_MS = 7 * 24 * 3600 * 1000
"""How long a finished order's record is kept: 7 days."""

_LUA = lua("gateway.orders", "now.lua", "claim.lua", "halted.lua", "begin_send.lua")
_CLAIM = Script.calling("claim", _LUA)
_BEGIN_SEND = Script.calling("begin_send", _LUA)
ADMITTING = "\n".join((_LUA, lua("gateway.orders", "admit.lua")))
"""Defines `admit(keys, args)` in Lua, over whatever defines `spend`."""
_ADMIT = Script.calling("admit", SPENDING, ADMITTING)
_SAME_TIME_MAX = 1_000
"""More orders than an account can be sent within one millisecond."""

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


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an order stands among those of its account: by when it was accepted, then by its id."""

    created_ms: int
    order_id: str


class Added(Enum):
    """What became of entering a trade."""

    ENTERED = 1
    KNOWN = 0
    """It was entered before."""
    OVERTAKEN = -1
    """Not entered: somebody has written the order since it was read."""


@dataclass(frozen=True, slots=True)
class SendLeave:
    """Answer of `begin_send`: `send_ms` in the venue's time, None if the order must not be sent."""

    send_ms: int | None
    version: int
    expired: bool
    halt: Halt | None = None
    """What forbids it."""

    def of(self, record: OrderRecord, window_ms: int) -> OrderRecord:
        """The record as `begin_send` has written it."""
        return replace(record, state=State.SENT, version=self.version, send_ms=self.send_ms, window_ms=window_ms)


@dataclass(frozen=True, slots=True)
class Counts:
    """Orders of one account that have not ended; `pending` includes the unknown ones."""

    pending: int
    unknown: int
    live: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Answer of `admit`: that of `claim`, then as far as it came."""

    claim: Claim
    order_id: str
    leave: SendLeave | None
    """None: not to be sent yet."""
    spent: Sequence[int] | None
    """What `spend` replied, if it was asked."""


class Records:
    """The orders of one venue."""

    def __init__(self, store: Store, venue: VenueName, *, journal_max: int = MAX_LENGTH):
        self._store = store
        self._venue = venue
        self.journal_max = journal_max
        """About how many entries whoever adds one leaves in a journal."""

    async def claim(
        self, candidates: Sequence[Intent], *, nonce: str, content: bytes, lease_ms: int
    ) -> tuple[Claim, str]:
        """Claim the id for the first candidate whose venue client id is free; answers with the order id.

        All candidates are the same order under different salts. Safe to repeat with the same nonce.
        """
        names, arguments = self._claiming(candidates, nonce, content, lease_ms)
        return _claim_of(await self._store.run(_CLAIM, names, arguments))

    async def admit(
        self,
        candidates: Sequence[Intent],
        passage: Passage,
        *,
        nonce: str,
        content: bytes,
        claim_lease_ms: int,
        clock_difference_ms: int,
        window_ms: int,
        lease_ms: int,
        halt_fields: Sequence[str] = (),
    ) -> Admission:
        """`claim`, what `passage` asks for, and `begin_send`, each if the one before allows it, as one script.

        Safe to repeat with the same nonce, except that the units then are lost until they come back by themselves.
        """
        names, arguments = self._claiming(candidates, nonce, content, claim_lease_ms)
        beginning: list[Argument] = [
            clock_difference_ms, window_ms, lease_ms, len(halt_fields), int(candidates[0].reduce_only), *halt_fields,
        ]  # fmt: skip
        claimed, begun, spent = await self._store.run(
            _ADMIT,
            [*passage.keys, keys.halts(self._venue), *names],
            [*passage.arguments, *arguments, *beginning, len(beginning), len(passage.keys)],
        )
        leave = None if begun is None else _leave_of(begun)
        return Admission(*_claim_of(claimed), leave, spent)

    def _claiming(
        self, candidates: Sequence[Intent], nonce: str, content: bytes, lease_ms: int
    ) -> tuple[list[str], list[Argument]]:
        first = candidates[0]
        names = [
            keys.client_order(self._venue, first.account, first.owner, first.client_order_id or ""),
            keys.pending_orders(self._venue, first.account),
            keys.recent_orders(self._venue, first.account),
        ]
        arguments: list[Argument] = [
            nonce, content, lease_ms, first.valid_until_ms, encode(Result()), KEEP_FINISHED_MS,
        ]  # fmt: skip
        for intent in candidates:
            names += [
                keys.venue_client_id(self._venue, intent.account, intent.venue_client_id),
                keys.order(self._venue, intent.order_id),
            ]
            arguments += [intent.order_id, encode(intent)]
        return names, arguments

    async def begin_send(
        self,
        intent: Intent,
        *,
        nonce: str,
        clock_difference_ms: int,
        window_ms: int,
        lease_ms: int,
        halt_fields: Sequence[str] = (),
    ) -> SendLeave:
        """Fix the send time, unless a halt under one of `halt_fields` forbids the order.

        Safe to repeat with the same nonce: it is the same time.
        """
        [leave] = await self.begin_send_many(
            [(intent, nonce, halt_fields)],
            clock_difference_ms=clock_difference_ms,
            window_ms=window_ms,
            lease_ms=lease_ms,
        )
        return leave

    async def begin_send_many(
        self,
        claims: Sequence[tuple[Intent, str, Sequence[str]]],
        *,
        clock_difference_ms: int,
        window_ms: int,
        lease_ms: int,
    ) -> list[SendLeave]:
        """Fix one send time for one client's orders on one account, each with its nonce and its fields of halts.

        Safe to repeat.
        """
        names = [keys.pending_orders(self._venue, claims[0][0].account), keys.halts(self._venue)]
        arguments: list[Argument] = [clock_difference_ms, window_ms, lease_ms, len(claims[0][2])]
        for intent, nonce, halt_fields in claims:
            names.append(keys.order(self._venue, intent.order_id))
            arguments += [nonce, intent.order_id, intent.valid_until_ms, int(intent.reduce_only), *halt_fields]
        return [_leave_of(answer) for answer in await self._store.run(_BEGIN_SEND, names, arguments)]

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
                encode(record.result, record.beyond),
                intent.order_id,
                look_again_ms,
                KEEP_FINISHED_MS,
                record.nonce,
                intent.owner,
                self.journal_max,
                encode_step(replace(record, version=record.version + 1)),
            ],
        )
        return bool(written)

    async def add_fill(self, order: OrderRecord, fill: Fill) -> Added:
        """Enter one of our trades into the account's journal, once, and with it the order as it stands then.

        `order` was made from the record at its version, by counting the trade. Safe to repeat.
        """
        intent = order.intent
        added = await self._store.run(
            _ADD_FILL,
            [
                keys.journal(self._venue, intent.account),
                keys.journal_fills(self._venue, intent.account),
                keys.order(self._venue, intent.order_id),
            ],
            [
                # Venues count the trades of each market by themselves, and both orders of a trade may be ours.
                f"{intent.venue_client_id}:{fill.trade_id}",
                self.journal_max,
                intent.owner,
                encode_fill(intent, fill),
                MAX_LENGTH,
                order.version,
                order.nonce,
                encode(order.result, order.beyond),
                encode_step(replace(order, version=order.version + 1)),
            ],
        )
        return Added(added)

    def holdings(self, account: AccountName) -> Holdings:
        """What enters the account's positions and balances into its journal."""
        return Holdings(self._store, self._venue, account, journal_max=self.journal_max)

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

    async def now_ms(self) -> int:
        """Redis' time, milliseconds since the epoch."""
        return int((await self._store.time_us()) // 1_000)

    async def recent(
        self, account: AccountName, *, count: int, before: Place | None = None, since_ms: int = 0
    ) -> list[Place]:
        """Where the account's orders stand in its list, newest first; fewer than `count` are all there are.

        Only those after `before` in that order, and accepted at or after `since_ms`.
        """
        newest: int | str = "+inf" if before is None else before.created_ms
        found = await self._store.command(
            "ZREVRANGEBYSCORE",
            keys.recent_orders(self._venue, account),
            newest,
            since_ms,
            "WITHSCORES",
            "LIMIT",
            0,
            count + (0 if before is None else _SAME_TIME_MAX),
        )
        places = [Place(int(at), name.decode()) for name, at in found]
        return [place for place in places if before is None or place < before][:count]

    async def unended(self, account: AccountName) -> list[str]:
        """Ids of orders that have not ended. None is missed that goes from on its way to resting meanwhile."""
        pending = self._store.command("ZRANGE", keys.pending_orders(self._venue, account), 0, -1)
        resting = self._store.command("ZRANGE", keys.live_orders(self._venue, account), 0, -1)
        return list(dict.fromkeys(order_id.decode() for order_id in [*await pending, *await resting]))

    async def live(self, account: AccountName, *, offset: int, count: int) -> list[str]:
        """Ids of orders that rest at the venue."""
        ids = await self._store.command("ZRANGE", keys.live_orders(self._venue, account), offset, offset + count - 1)
        return [order_id.decode() for order_id in ids]

    async def counts(self, account: AccountName) -> Counts:
        """How many orders have not ended, by how far they are; of the pending ones at most 1,000 are looked at."""
        pending, live = await asyncio.gather(
            self._store.command("ZRANGE", keys.pending_orders(self._venue, account), 0, 999),
            self._store.command("ZCARD", keys.live_orders(self._venue, account)),
        )
        names = [keys.order(self._venue, order_id.decode()) for order_id in pending]
        states = await asyncio.gather(*(self._store.command("HGET", name, "state") for name in names))
        return Counts(len(pending), states.count(b"unknown"), live)

    async def due(self, account: AccountName, now_ms: int, *, count: int = 1_000) -> list[str]:
        """Ids of orders whose lease has lapsed, or that are unknown and to be looked for again."""
        ids = await self._store.command(
            "ZRANGEBYSCORE", keys.pending_orders(self._venue, account), "-inf", now_ms, "LIMIT", 0, count
        )
        return [order_id.decode() for order_id in ids]


def _claim_of(answer: Sequence[bytes]) -> tuple[Claim, str]:
    claim, order_id = answer
    return Claim(claim.decode()), order_id.decode()


def _leave_of(answer: Sequence[Any]) -> SendLeave:
    said, what, version = answer
    return SendLeave(
        int(what) if said == b"send" else None,
        int(version),
        expired=said == b"expired",
        halt=halt.decode(what) if said == b"halted" else None,
    )
