"""The records of orders in Redis: one script for each step, every one safe to run twice.

What a step means is `lifecycle`'s business; here is only how it is written down.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any

from adapters.models import AccountName, Fill, VenueClientId, VenueName, VenueOrder
from gateway.journal.entry import MAX_LENGTH
from gateway.journal.holdings import Holdings
from gateway.limiter import Passage
from gateway.limiter.redis_spend import SPENDING
from gateway.orders.identity import Identities
from gateway.orders.journaling import encode_fill, encode_step
from gateway.orders.past_orders import PastOrders
from gateway.orders.readiness import AccountsReadiness
from gateway.orders.record import (
    Intent,
    OrderRecord,
    Place,
    Result,
    State,
    decode,
    decode_venue_order,
    encode,
    encode_venue_order,
)
from gateway.orders.reservation import ADOPTED, is_seen, is_tombstone
from gateway.risk import halt
from gateway.risk.halt import Halt
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script, lua
from gateway.store.wire import Argument

_LUA = lua("gateway.orders", "now.lua", "readiness.lua", "claim.lua", "halted.lua", "begin_send.lua")
_CLAIM = Script.calling("claim", _LUA)
_BEGIN_SEND = Script.calling("begin_send", _LUA)
ADMITTING = "\n".join((_LUA, lua("gateway.orders", "admit.lua")))
"""Defines `admit(keys, args)` in Lua, over whatever defines `spend`."""
_ADMIT = Script.calling("admit", SPENDING, ADMITTING)
_SAME_TIME_MAX = 1_000
"""More orders than an account can be sent within one millisecond."""

_ADD_FILL = Script.load("gateway.orders", "add_fill.lua")
_UPDATE = Script.load("gateway.orders", "update.lua")
_NOTE_SEEN = Script.load("gateway.orders", "note_seen.lua")
_NOTE_ORPHANS = Script.load("gateway.orders", "note_orphans.lua")
_ADOPT = Script.load("gateway.orders", "adopt.lua")

_NOTES_AT_ONCE = 200
_ORPHANS_MAX = 1_000
_ORPHANS_TTL_MS = 600_000


class Claim(StrEnum):
    CLAIMED = "claimed"
    EXISTS = "exists"
    """The same id with the same content was accepted before."""
    CONFLICT = "conflict"
    """The same id with other content was accepted before."""
    EXPIRED = "expired"
    FULL = "full"
    """Every candidate of the venue's client id is taken."""
    TAKEN = "taken"
    """A candidate stands for an order without a record here: one that has ended, or was only seen at the venue."""
    NOT_READY = "not_ready"
    LOST = "lost"
    """Not ready, and the store has lost what it knew: an order of this id may have been sent before."""
    HELD = "held"
    """The market is held by a stuck order, whose id is the answer's."""


_HINDRANCES = {b"not_ready", b"lost", b"held"}


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """Answer of `claim`."""

    claim: Claim
    order_id: str
    kept: bytes = b""
    """What stands for the candidate that is taken."""
    candidate: int = 0
    """Which one is taken."""


class Added(Enum):
    """What became of entering a trade."""

    ENTERED = 1
    KNOWN = 0
    """It was entered before."""
    OVERTAKEN = -1
    """Not entered: somebody has written the order since it was read."""


@dataclass(frozen=True, slots=True)
class SendLeave:
    """Answer of `begin_send`: `send_ms` in the venue's time, None if the order must not be sent, and then why."""

    send_ms: int | None
    version: int
    expired: bool
    halt: Halt | None = None
    """What forbids it."""

    def of(self, record: OrderRecord, window_ms: int) -> OrderRecord:
        """The record as `begin_send` has written it."""
        return replace(record, state=State.SENT, version=self.version, send_ms=self.send_ms, window_ms=window_ms)

    hindrance: Claim | None = None
    """NOT_READY, LOST or HELD, if that is why."""
    held_by: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Orders of one account that have not ended; `pending` includes the unknown ones."""

    pending: int
    unknown: int
    live: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Answer of `admit`: that of `claim`, then as far as it came."""

    claimed: ClaimAnswer
    leave: SendLeave | None
    """None: not to be sent yet."""
    spent: Sequence[int] | None
    """What `spend` replied, if it was asked."""


class Records:
    """The orders of one venue."""

    def __init__(
        self,
        store: Store,
        venue: VenueName,
        identities: Identities,
        settings: OrderSettings,
        *,
        journal_max: int = MAX_LENGTH,
    ):
        self._store = store
        self._venue = venue
        self._identities = identities
        self._settings = settings
        self.journal_max = journal_max
        """About how many entries whoever adds one leaves in a journal."""
        self.readiness = AccountsReadiness(
            store, venue, journal_max=journal_max, assume_none_sent=settings.assume_none_sent
        )
        self.past = PastOrders(store, venue, identities, keep_ms=settings.keep_finished_ms)

    async def claim(
        self,
        candidates: Sequence[Intent],
        *,
        nonce: str,
        content: bytes,
        lease_ms: int,
        spelled_out: int | None = None,
    ) -> ClaimAnswer:
        """Claim the id for the first candidate whose venue client id is free; answers with the order id.

        All candidates are the same order under different salts; only the first `spelled_out` can be claimed. Safe to
        repeat with the same nonce.
        """
        names, arguments = self._claiming(candidates, nonce, content, lease_ms, spelled_out)
        return self._claim_of(candidates[0].account, await self._store.run(_CLAIM, names, arguments))

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
        spelled_out: int | None = None,
    ) -> Admission:
        """`claim`, what `passage` asks for, and `begin_send`, each if the one before allows it, as one script.

        Safe to repeat with the same nonce, except that the units then are lost until they come back by themselves.
        """
        names, arguments = self._claiming(candidates, nonce, content, claim_lease_ms, spelled_out)
        beginning: list[Argument] = [
            clock_difference_ms, window_ms, lease_ms, len(halt_fields), int(candidates[0].reduce_only), *halt_fields,
        ]  # fmt: skip
        claimed, begun, spent = await self._store.run(
            _ADMIT,
            [*passage.keys, keys.halts(self._venue), *names],
            [*passage.arguments, *arguments, *beginning, len(beginning), len(passage.keys)],
        )
        account = candidates[0].account
        leave = None if begun is None else self._leave_of(account, begun)
        return Admission(self._claim_of(account, claimed), leave, spent)

    def _claiming(
        self, candidates: Sequence[Intent], nonce: str, content: bytes, lease_ms: int, spelled_out: int | None
    ) -> tuple[list[str], list[Argument]]:
        first = candidates[0]
        names = [
            keys.client_order(self._venue, first.account, first.owner, first.client_order_id or ""),
            keys.pending_orders(self._venue, first.account),
            keys.recent_orders(self._venue, first.account),
            keys.readiness(self._venue, first.account),
            keys.held_orders(self._venue, first.account),
        ]
        arguments: list[Argument] = [
            nonce, content, lease_ms, first.valid_until_ms, encode(Result()), self._settings.keep_finished_ms,
            *self.readiness.progress(first.account), first.symbol,
        ]  # fmt: skip
        for number, intent in enumerate(candidates):
            names += [
                keys.venue_client_id(self._venue, intent.account, intent.venue_client_id),
                keys.order(self._venue, intent.order_id),
            ]
            is_left_out = spelled_out is not None and number >= spelled_out
            arguments += [intent.order_id, b"" if is_left_out else encode(intent)]
        return names, arguments

    def _claim_of(self, account: AccountName, answer: Sequence[Any]) -> ClaimAnswer:
        claim, what = Claim(answer[0].decode()), answer[1]
        if claim is Claim.TAKEN:
            return ClaimAnswer(claim, "", kept=what, candidate=int(answer[2]))
        if claim is Claim.CLAIMED:
            self.readiness.learn(account, *answer[2:])
        return ClaimAnswer(claim, what.decode())

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
        account = claims[0][0].account
        names = [
            keys.pending_orders(self._venue, account),
            keys.halts(self._venue),
            keys.readiness(self._venue, account),
            keys.held_orders(self._venue, account),
        ]
        arguments: list[Argument] = [
            clock_difference_ms, window_ms, lease_ms, *self.readiness.progress(account), len(claims[0][2]),
        ]  # fmt: skip
        for intent, nonce, halt_fields in claims:
            names.append(keys.order(self._venue, intent.order_id))
            arguments += [
                nonce, intent.order_id, intent.valid_until_ms, int(intent.reduce_only), intent.symbol, *halt_fields,
            ]  # fmt: skip
        return [self._leave_of(account, answer) for answer in await self._store.run(_BEGIN_SEND, names, arguments)]

    def _leave_of(self, account: AccountName, answer: Sequence[Any]) -> SendLeave:
        said, what, version, *progress = answer
        if said == b"send":
            self.readiness.learn(account, *progress)
            return SendLeave(int(what), int(version), expired=False)
        why = Claim(said.decode()) if said in _HINDRANCES else None
        return SendLeave(
            None,
            int(version),
            expired=said == b"expired",
            halt=halt.decode(what) if said == b"halted" else None,
            hindrance=why,
            held_by=what.decode() if why is Claim.HELD else "",
        )

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
                keys.held_orders(self._venue, intent.account),
                keys.ended_orders(self._venue, intent.account),
            ],
            [
                record.version,
                record.state,
                encode(record.result, record.beyond),
                intent.order_id,
                look_again_ms,
                self._settings.keep_finished_ms,
                record.nonce,
                intent.owner,
                self.journal_max,
                encode_step(replace(record, version=record.version + 1)),
                intent.symbol if record.result.is_stuck else "",
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
        kept = await self._store.command("GET", keys.venue_client_id(self._venue, account, client_id))
        if kept is None or is_seen(kept):
            return None
        if is_tombstone(kept):
            return self.past.read(account, client_id, kept).record
        return await self._whole(kept.removeprefix(ADOPTED).decode())

    async def kept_for(self, account: AccountName, client_ids: Sequence[VenueClientId]) -> list[bytes | None]:
        """What the reservation of each holds; None where it is free."""
        names = [keys.venue_client_id(self._venue, account, one) for one in client_ids]
        kept: list[bytes | None] = await self._store.command("MGET", *names) if names else []
        return kept

    async def note_seen(self, account: AccountName, orders: Sequence[VenueOrder], *, is_news: bool = True) -> int:
        """Note orders that the venue shows and no record knows; not `is_news`: only those that were noted before.

        They stand for their client ids as long as a finished order would. Safe to repeat.
        """
        named = {
            keys.venue_client_id(self._venue, account, order.venue_client_id): encode_venue_order(order)
            for order in orders
            if order.venue_client_id is not None
        }
        noted = 0
        for start in range(0, len(named), _NOTES_AT_ONCE):
            part = dict(list(named.items())[start : start + _NOTES_AT_ONCE])
            noted += await self._store.run(
                _NOTE_SEEN, list(part), [self._settings.keep_finished_ms, int(not is_news), *part.values()]
            )
        return noted

    async def note_orphans(self, account: AccountName, orphans: Sequence[VenueOrder]) -> frozenset[str]:
        """Note the venue's orders that no record knows, in the journal too; answers which are new. Safe to repeat."""
        named = [part for order in orphans[:_ORPHANS_MAX] for part in (order.venue_order_id, encode_venue_order(order))]
        new = await self._store.run(
            _NOTE_ORPHANS,
            [keys.orphan_orders(self._venue, account), keys.journal(self._venue, account)],
            [_ORPHANS_TTL_MS, self.journal_max, *named],
        )
        return frozenset(order_id.decode() for order_id in new)

    async def orphans(self, account: AccountName) -> list[VenueOrder]:
        """The orders of the venue that no record knew when it was last compared."""
        kept = await self._store.command("HVALS", keys.orphan_orders(self._venue, account))
        return [decode_venue_order(order) for order in kept]

    async def seen(self, account: AccountName, client_id: VenueClientId) -> VenueOrder | None:
        """The order as the venue showed it, if no record knows it and it was noted."""
        [kept] = await self.kept_for(account, [client_id])
        return decode_venue_order(kept) if kept is not None and is_seen(kept) else None

    async def adopt(
        self, intent: Intent, *, kept: bytes, content: bytes, nonce: str, created_ms: int, now_ms: int
    ) -> bool:
        """Make a record, unknown yet, of an order that was only seen or adopted; False if somebody was faster.

        `kept` is what its reservation holds. Safe to repeat.
        """
        replaced = kept.removeprefix(ADOPTED).decode() if kept.startswith(ADOPTED) else ""
        # One that nobody has named keeps room for its client to come.
        holds = intent.order_id.encode() if intent.client_order_id else ADOPTED + intent.order_id.encode()
        result = Result(unknown_since_ms=now_ms, unknown_cause="the store had lost its record")
        adopted = await self._store.run(
            _ADOPT,
            [
                keys.venue_client_id(self._venue, intent.account, intent.venue_client_id),
                keys.client_order(self._venue, intent.account, intent.owner, intent.client_order_id or ""),
                keys.order(self._venue, intent.order_id),
                keys.pending_orders(self._venue, intent.account),
                keys.recent_orders(self._venue, intent.account),
                keys.order(self._venue, replaced or intent.order_id),
                keys.live_orders(self._venue, intent.account),
            ],
            [kept, intent.order_id, content, nonce, encode(intent), encode(result), created_ms, replaced, holds],
        )
        return bool(adopted)

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

    async def now_ms(self) -> int:
        """Redis' time."""
        return await self._store.time_us() // 1_000

    async def set_checkpoint(self, account: AccountName) -> None:
        """The account's stream is being followed now."""
        await self._store.command("SET", keys.journal_checkpoint(self._venue, account), await self.now_ms())

    async def look_again(self, account: AccountName, order_id: str, at_ms: int) -> None:
        """Put off looking for an order that is still pending until `at_ms` by Redis' clock."""
        await self._store.command("ZADD", keys.pending_orders(self._venue, account), "XX", at_ms, order_id)

    async def get(self, order_id: str) -> OrderRecord | None:
        """The order, whole or what is left of it."""
        record = await self._whole(order_id)
        if record is not None or (identity := self._identities.read(order_id)) is None:
            return record
        record = await self.reserved(identity.account, identity.venue_client_id)
        return record if record is not None and record.intent.order_id == order_id else None

    async def _whole(self, order_id: str) -> OrderRecord | None:
        fields = await self._store.command("HGETALL", keys.order(self._venue, order_id))
        return decode(fields) if fields else None

    async def by_client_order_id(
        self, account: AccountName, owner: str, client_order_id: str, candidates: Sequence[VenueClientId] = ()
    ) -> OrderRecord | None:
        """The order a client's own id stands for; `candidates` are the venue's client ids it may have."""
        known = await self.accepted(account, owner, client_order_id)
        if known is not None:
            return await self.get(known[0])
        for found in await self.past.of(account, candidates):
            if found.is_of(owner, client_order_id):
                return found.record
        return None

    async def accepted(self, account: AccountName, owner: str, client_order_id: str) -> tuple[str, bytes] | None:
        """The order with a record that a client's own id was accepted for, and the hash of its content."""
        name = keys.client_order(self._venue, account, owner, client_order_id)
        order_id, content = await self._store.command("HMGET", name, "order_id", "content")
        return None if order_id is None else (order_id.decode(), content)

    async def shrink(self, account: AccountName, now_ms: int, *, count: int = 200) -> int:
        """Shrink finished orders that have been whole for long enough, `count` at most; answers how many it looked at.

        Safe to repeat.
        """
        due_ms = now_ms - self._settings.full_record_ms
        ended = keys.ended_orders(self._venue, account)
        ids = await self._store.command("ZRANGEBYSCORE", ended, "-inf", due_ms, "LIMIT", 0, count)
        await asyncio.gather(*(self._shrink_one(account, order_id.decode(), now_ms) for order_id in ids))
        return len(ids)

    async def _shrink_one(self, account: AccountName, order_id: str, now_ms: int) -> None:
        record = await self._whole(order_id)
        if record is None or record.state is not State.DONE:
            await self._store.command("ZREM", keys.ended_orders(self._venue, account), order_id)
            return
        intent = record.intent
        known = await self.accepted(account, intent.owner, intent.client_order_id or "")
        await self.past.shrink(record, known[1] if known is not None else b"", now_ms)

    async def recent(
        self, account: AccountName, *, count: int, before: Place | None = None, since_ms: int = 0
    ) -> list[Place]:
        """Where the account's orders stand in its list, newest first; fewer than `count` are all there are.

        Only those after `before` in that order, and accepted at or after `since_ms`.
        """
        # In this order: one that is shrunk meanwhile is among the past ones, or among both.
        whole = await self._whole_ones(account, count=count, before=before, since_ms=since_ms)
        past = await self.past.newest(account, count=count, before=before, since_ms=since_ms)
        return sorted({*whole, *past}, reverse=True)[:count]

    async def _whole_ones(
        self, account: AccountName, *, count: int, before: Place | None, since_ms: int
    ) -> list[Place]:
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
