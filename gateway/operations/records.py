"""The records of operations in Redis: two scripts, both safe to run twice. What a step means is `lifecycle`'s."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.models import AccountName, VenueName
from gateway.journal.entry import MAX_LENGTH
from gateway.operations.journaling import encode_step
from gateway.operations.record import Intent, OperationRecord, Result, decode, encode
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

KEEP_FINISHED_MS = 7 * 24 * 3600 * 1000
"""How long the record of an operation is kept that nobody works on any more: 7 days."""

_CLAIM = Script.load("gateway.operations", "memory.lua", "claim.lua")
_STEP = Script.load("gateway.operations", "step.lua")
_WATCH = Script.load("gateway.operations", "memory.lua", "watch.lua")


class Claim(StrEnum):
    CLAIMED = "claimed"
    EXISTS = "exists"
    """The same id with the same content was accepted before."""
    CONFLICT = "conflict"
    """The same id with other content was accepted before."""


class Step(StrEnum):
    WRITTEN = "written"
    FASTER = "faster"
    """Somebody else has written since it was read, or it is another's claim."""
    EXPIRED = "expired"
    """It has grown too old to be sent."""
    TAKEN = "taken"
    """What the venue shows belongs to another operation."""


@dataclass(frozen=True, slots=True)
class Claimed:
    claim: Claim
    created_ms: int
    remembered_ms: int
    """For how long the store has remembered every operation of the account that was let go."""


@dataclass(frozen=True, slots=True)
class SendWindow:
    """For the step to *sent*: the venue's clock minus Redis', and how long the venue may still accept it."""

    clock_difference_ms: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class Written:
    step: Step
    version: int
    send_ms: int | None
    updated_ms: int


class Records:
    """The operations of one venue."""

    def __init__(self, store: Store, venue: VenueName, *, journal_max: int = MAX_LENGTH):
        self._store = store
        self._venue = venue
        self._journal_max = journal_max
        self._sends_seen: dict[AccountName, int] = {}
        """By these a store is known that was put back to what it was earlier."""

    async def claim(self, intent: Intent, *, nonce: str, lease_ms: int) -> Claimed:
        """Claim the client's id. Safe to repeat with the same nonce."""
        account = intent.account
        answer, remembered_ms, sends, created_ms = await self._store.run(
            _CLAIM,
            [
                self._key(intent),
                keys.pending_operations(self._venue, account),
                keys.operation_memory(self._venue, account),
            ],
            [
                *(nonce, intent.content_hash(), lease_ms, encode(intent), encode(Result()), _name(intent)),
                self._sends_seen.get(account, 0),
            ],
        )
        self._learn(account, sends)
        return Claimed(Claim(answer.decode()), int(created_ms), int(remembered_ms))

    async def write(
        self,
        record: OperationRecord,
        *,
        look_in_ms: int | None = None,
        window: SendWindow | None = None,
        is_alone: bool = False,
    ) -> Written:
        """Write the record's next state over the claim and version it was read at. Safe to repeat.

        `look_in_ms`: when somebody must look at it; for *sent*, how long its sender has. `is_alone`: refuse to write
        if the venue's id in it belongs to another operation.
        """
        intent = record.intent
        sending = [intent.valid_until_ms, window.clock_difference_ms, window.window_ms] if window else []
        step, version, send_ms, sends, updated_ms = await self._store.run(
            _STEP,
            [
                self._key(intent),
                keys.pending_operations(self._venue, intent.account),
                keys.venue_operations(self._venue, intent.account),
                keys.journal(self._venue, intent.account),
                keys.operation_memory(self._venue, intent.account),
            ],
            [
                record.nonce,
                record.version,
                record.state,
                encode(record.result),
                _name(intent),
                intent.owner,
                -1 if look_in_ms is None else look_in_ms,
                KEEP_FINISHED_MS,
                self._journal_max,
                record.result.venue_operation_id or "",
                "alone" if is_alone else "",
                encode_step(replace(record, version=record.version + 1)),
                *sending,
            ],
        )
        self._learn(intent.account, sends)
        return Written(Step(step.decode()), int(version), int(send_ms) or None, int(updated_ms))

    async def get(self, account: AccountName, owner: str, client_operation_id: str) -> OperationRecord | None:
        fields = await self._store.command("HGETALL", keys.operation(self._venue, account, owner, client_operation_id))
        return decode(fields) if fields else None

    async def due(self, account: AccountName, now_ms: int, *, count: int = 50) -> list[OperationRecord]:
        """Those that somebody must look at by now."""
        return await self._pending(account, now_ms, count)

    async def pending(self, account: AccountName, *, count: int = 500) -> list[OperationRecord]:
        """All that are not settled."""
        return await self._pending(account, "+inf", count)

    async def look_again(self, record: OperationRecord, at_ms: int) -> None:
        """Put off looking at it until `at_ms` by Redis' clock, if it is still pending."""
        key = keys.pending_operations(self._venue, record.intent.account)
        await self._store.command("ZADD", key, "XX", at_ms, _name(record.intent))

    async def watch(self, account: AccountName) -> tuple[int, bool]:
        """Redis' time (ms), and whether any must be looked at by now; a store that has lost some learns of it here."""
        now_ms, sends, due = await self._store.run(
            _WATCH,
            [keys.operation_memory(self._venue, account), keys.pending_operations(self._venue, account)],
            [self._sends_seen.get(account, 0)],
        )
        self._learn(account, sends)
        return int(now_ms), bool(due)

    async def strangers(self, account: AccountName, venue_operation_ids: Sequence[str]) -> list[str]:
        """Those of the venue's ids that belong to no operation here."""
        if not venue_operation_ids:
            return []
        known = await self._store.command("ZMSCORE", keys.venue_operations(self._venue, account), *venue_operation_ids)
        return [one for one, at_ms in zip(venue_operation_ids, known, strict=True) if at_ms is None]

    def _learn(self, account: AccountName, sends: int) -> None:
        self._sends_seen[account] = max(self._sends_seen.get(account, 0), int(sends))

    async def _pending(self, account: AccountName, until: int | str, count: int) -> list[OperationRecord]:
        key = keys.pending_operations(self._venue, account)
        names = await self._store.command("ZRANGEBYSCORE", key, "-inf", until, "LIMIT", 0, count)
        found = []
        for name in names:
            owner, _, client_operation_id = name.decode().partition(":")
            if (record := await self.get(account, owner, client_operation_id)) is not None:
                found.append(record)
        return found

    def _key(self, intent: Intent) -> str:
        return keys.operation(self._venue, intent.account, intent.owner, intent.client_operation_id)


def _name(intent: Intent) -> str:
    return f"{intent.owner}:{intent.client_operation_id}"
