"""Halts: kept in Redis beside the orders of each venue, and by every replica as a copy that is never old.

The last gate is the script that lets an order go: it reads the halts themselves, so that a halt holds from the moment
it is written, on every replica. The copy answers earlier and costs nothing.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from adapters.models import AccountName, Symbol, VenueName
from gateway.errors import StoreUnavailable
from gateway.journal.entry import MAX_LENGTH
from gateway.risk.halt import Halt, Mode, decode, encode, fields
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_WRITE = Script.load("gateway.risk", "write_halt.lua")
_WATCH = Script.load("gateway.risk", "watch_halts.lua")

_EVERY_S = 0.1
_ACKNOWLEDGED_WITHIN_S = 1.0
_ASK_EVERY_S = 0.02

Concerned = Mapping[VenueName, Sequence[AccountName]]
"""The venues where a halt is kept, and the accounts there whose journals tell of it."""


@dataclass(slots=True)
class _Copy:
    """The halts of one venue, as this replica goes by them."""

    generation: str = ""
    by_field: dict[str, Halt] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Which replicas go by a change of the halts, and which of those that live do not yet."""

    replicas: Sequence[str]
    missing: Sequence[str]


class Halts:
    """The halts of all venues. `redis_time_ms` is what their ends are judged by; `desk_of` a client's desk."""

    def __init__(
        self,
        store: Store,
        venues: Collection[VenueName],
        *,
        replica: str,
        desk_of: Callable[[str], str | None],
        redis_time_ms: Mapping[VenueName, Callable[[], int]],
    ):
        self._store = store
        self._copies = {venue: _Copy() for venue in venues}
        self._replica = replica
        self._desk_of = desk_of
        self._redis_time_ms = redis_time_ms

    def fields_of(self, venue: VenueName, account: AccountName, client: str, symbol: Symbol | None) -> tuple[str, ...]:
        """Under which the halts are kept that would concern a write."""
        return fields(venue, account, client, self._desk_of(client), symbol)

    def concerning(self, venue: VenueName, account: AccountName, client: str, symbol: Symbol | None) -> list[Halt]:
        """The halts in force that concern a write, as this replica knows them."""
        by_field = self._copies[venue].by_field
        if not by_field:
            return []
        now_ms = self._redis_time_ms[venue]()
        found = [by_field.get(one) for one in self.fields_of(venue, account, client, symbol)]
        return [halt for halt in found if halt is not None and not halt.is_over(now_ms)]

    def check_order(
        self, venue: VenueName, account: AccountName, client: str, symbol: Symbol, *, is_reduce_only: bool
    ) -> None:
        """Refuse an order that a halt is known to stop: raises `Refusal`, `not_sent`."""
        for halt in self.concerning(venue, account, client, symbol):
            if halt.stops_order(is_reduce_only=is_reduce_only):
                raise halt.refusal(venue)

    def check_write(self, venue: VenueName, account: AccountName, client: str, symbol: Symbol | None = None) -> None:
        """Refuse a write other than a new order or a cancel where all is frozen: raises `Refusal`, `not_sent`."""
        for halt in self.concerning(venue, account, client, symbol):
            if halt.mode is Mode.FREEZE:
                raise halt.refusal(venue)

    def in_force(self) -> list[Halt]:
        """All halts in force anywhere, as this replica knows them, each once."""
        found: dict[str, Halt] = {}
        for venue, copy in self._copies.items():
            now_ms = self._redis_time_ms[venue]()
            found.update({halt.id: halt for halt in copy.by_field.values() if not halt.is_over(now_ms)})
        return sorted(found.values(), key=lambda halt: halt.set_ms)

    def at(self, venue: VenueName) -> list[Halt]:
        """Those in force at one venue."""
        now_ms = self._redis_time_ms[venue]()
        return [halt for halt in self._copies[venue].by_field.values() if not halt.is_over(now_ms)]

    async def set(self, halt: Halt, concerned: Concerned) -> Acknowledged:
        """Set a halt, in place of the one for the same scope and name; safe to repeat with the same halt.

        It holds at each venue from the moment it is written there. Raises `StoreUnavailable`.
        """
        return await self._write(halt, encode(halt), concerned, by=halt.set_by)

    async def lift(self, halt: Halt, concerned: Concerned, *, by: str) -> Acknowledged:
        """Lift a halt; safe to repeat. Raises `StoreUnavailable`."""
        return await self._write(halt, b"", concerned, by=by)

    async def find(self, field_name: str) -> Halt | None:
        """The halt that is kept for a scope and name, in force or not. Raises `StoreUnavailable`."""
        for venue in self._copies:
            kept = await self._store.command("HGET", keys.halts(venue), field_name)
            if kept is not None:
                return decode(kept)
        return None

    async def count(self, venue: VenueName, account: AccountName, halt: Halt, *, cancelled: int, resting: int) -> None:
        """Note how far a halt's cancels have got on an account. Raises `StoreUnavailable`."""
        name = keys.halt_progress(venue, halt.field)
        if cancelled:
            await self._store.command("HINCRBY", name, "cancelled", cancelled)
        await self._store.command("HSET", name, f"resting {account}", resting)

    async def progress(self, halt: Halt) -> tuple[int, int]:
        """How many orders it has cancelled, and how many were last seen resting. Raises `StoreUnavailable`."""
        cancelled = resting = 0
        for venue in self._copies:
            kept = await self._store.command("HGETALL", keys.halt_progress(venue, halt.field))
            for name, value in kept.items():
                if name == b"cancelled":
                    cancelled += int(value)
                else:
                    resting += int(value)
        return cancelled, resting

    async def run(self) -> None:
        """Keep the copies as new as Redis; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for venue in self._copies:
                tasks.create_task(self._keep(venue))

    async def _keep(self, venue: VenueName) -> None:
        while True:
            try:
                has_changed = await self.look(venue)
            except StoreUnavailable:  # no order goes out meanwhile
                has_changed = False
            if not has_changed:  # a change is acknowledged at once
                await asyncio.sleep(_EVERY_S)

    async def look(self, venue: VenueName) -> bool:
        """Take up the halts of a venue if they are others; answers whether they were. Raises `StoreUnavailable`."""
        copy = self._copies[venue]
        generation, kept = await self._store.run(
            _WATCH,
            [keys.halts(venue), keys.halt_generation(venue), keys.halt_replicas(venue), keys.halt_seen(venue)],
            [self._replica, copy.generation, keys.HALT_REPLICA_TTL_MS],
        )
        told = generation.decode()
        if told == copy.generation:
            return False
        if not told:
            # Redis has lost its data, but not the reason for the halts.
            for halt in copy.by_field.values():
                _log.error("halt_restored", venue=venue, halt=halt.field)
                await self._write_at(venue, halt.field, encode(halt), (), by=halt.set_by)
            copy.generation = ""
            return bool(copy.by_field)
        copy.by_field = {name.decode(): decode(one) for name, one in zip(kept[::2], kept[1::2], strict=True)}
        copy.generation = told
        _log.warning("halts_changed", venue=venue, halts=sorted(copy.by_field))
        return True

    async def _write(self, halt: Halt, value: bytes, concerned: Concerned, *, by: str) -> Acknowledged:
        generations = {
            venue: await self._write_at(venue, halt.field, value, accounts, by=by)
            for venue, accounts in concerned.items()
        }
        give_up = time.monotonic() + _ACKNOWLEDGED_WITHIN_S
        while True:
            states = [await self._seen(venue, generation) for venue, generation in generations.items()]
            missing = frozenset().union(*(not_yet for _, not_yet in states))
            living = frozenset().union(*(has | not_yet for has, not_yet in states))
            if not missing or time.monotonic() > give_up:
                return Acknowledged(sorted(living - missing), sorted(missing))
            await asyncio.sleep(_ASK_EVERY_S)

    async def _write_at(
        self, venue: VenueName, field_name: str, value: bytes, accounts: Sequence[AccountName], *, by: str
    ) -> int:
        journals = [keys.journal(venue, account) for account in accounts]
        names = [keys.halts(venue), keys.halt_generation(venue), keys.halt_progress(venue, field_name), *journals]
        return int(await self._store.run(_WRITE, names, [field_name, value, MAX_LENGTH, by]))

    async def _seen(self, venue: VenueName, generation: int) -> tuple[frozenset[str], frozenset[str]]:
        """The living replicas that go by this generation, and those that do not yet."""
        living, seen = await asyncio.gather(
            self._store.command("ZRANGE", keys.halt_replicas(venue), 0, -1),
            self._store.command("HGETALL", keys.halt_seen(venue)),
        )
        has = frozenset(one.decode() for one in living if int(seen.get(one) or 0) >= generation)
        return has, frozenset(one.decode() for one in living) - has
