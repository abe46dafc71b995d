"""The sums of `spend`, done in Redis for all replicas: the scripts, their arguments, and what is sent in batches.

What ended is told once and the answer not awaited: losing that is safe, since units come back by themselves; repeating
it is not. Debts are the other way round: units spent without Redis are entered until that is known to have worked.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from functools import partial

from gateway.limiter.claims import RANKS, Wanted
from gateway.limiter.headers import Sight, latest
from gateway.limiter.plan import Outlook
from gateway.limiter.rules import OwnedRule
from gateway.limiter.spend import Ask, Left
from gateway.store.client import Store
from gateway.store.scripts import Script, lua
from gateway.store.wire import Argument

SPENDING = lua("gateway.limiter", "state.lua", "claims.lua", "spend.lua")
"""Defines `spend(keys, args)` in Lua, for whatever spends as a part of something larger."""

_SPEND = Script.calling("spend", SPENDING)
_SETTLE = Script.load("gateway.limiter", "state.lua", "settle.lua")
_LOOK = Script.load("gateway.limiter", "state.lua", "look.lua")
_BLOCK = Script.load("gateway.limiter", "state.lua", "block.lua")

Units = tuple[int, ...]
"""Of each rule, what one call takes."""
Slots = tuple[int, ...]
"""Of each rule, where the units of a grant are kept."""

LOOK = Wanted((0,) * RANKS, (0,) * RANKS, (1,) * RANKS)
"""Nothing wanted, only to know how things stand."""
_SAYS_NOTHING = (0, 0, 0, 0, 0)


class SharedBudget:
    """The units of one set of rules."""

    def __init__(self, store: Store, epoch_key: str, rules: tuple[OwnedRule, ...], hard_timeout_s: float):
        self._store = store
        self._keys = [rule.key for rule in rules]
        self._spend_keys = [epoch_key, *self._keys]
        self._hard_us = round(hard_timeout_s * 1e6)
        self._answered: Counter[tuple[Slots, Units]] = Counter()
        self._unmade: Counter[tuple[Slots, Units]] = Counter()
        self._sight: Sight | None = None
        self._debts: Counter[Units] = Counter()
        self._known, self._known_s = [0] * len(rules), 0.0
        self.rules = rules

    def asks(self, units: Units) -> tuple[Ask, ...]:
        """What a call takes, per rule."""
        now_s = time.monotonic()
        is_recent = [now_s - self._known_s < rule.memory_s for rule in self.rules]
        known = [takings if recent else 0 for takings, recent in zip(self._known, is_recent, strict=True)]
        return tuple(rule.ask(*pair) for rule, *pair in zip(self.rules, units, known, strict=True))

    def learn(self, left: Iterable[Left]) -> None:
        """Units were just taken: remember how far the rules' states have come, to know an old copy of one."""
        self._known, self._known_s = [of_rule.takings for of_rule in left], time.monotonic()

    def spend(self, asks: tuple[Ask, ...], wanted: Wanted, *, forced: bool = False) -> asyncio.Future[list[int]]:
        """Spend for some of the calls `wanted`; await the result for the reply, which `Decision.from_reply` reads.

        Never to be repeated blindly: units taken by a call whose reply was lost come back by themselves.
        """
        return self._store.run(_SPEND, self._spend_keys, self._arguments(asks, wanted, forced=forced))

    def spending(self, asks: tuple[Ask, ...], wanted: Wanted) -> tuple[Sequence[Argument], Sequence[Argument]]:
        """The keys and arguments of the same, for a script that spends as a part of what it does."""
        return self._spend_keys, self._arguments(asks, wanted, forced=False)

    def _arguments(self, asks: tuple[Ask, ...], wanted: Wanted, *, forced: bool) -> list[Argument]:
        args: list[Argument] = [int(forced), self._hard_us, wanted.asker]
        for rank in zip(wanted.calls, wanted.waiting, wanted.weights, strict=True):
            args += rank
        for rule, ask in zip(self.rules, asks, strict=True):
            args += (ask.limit, ask.reserve, ask.period_us, ask.units, rule.ttl_ms, ask.known)
        return args

    async def look(self) -> Mapping[OwnedRule, Outlook]:
        """How the rules stand; changes nothing. Raises `StoreUnavailable`."""
        reply: list[int] = await self._store.run(_LOOK, self._spend_keys)
        found, at = {}, 0
        for rule in self.rules:
            held, closed_us, length = reply[at : at + 3]
            numbers = reply[at + 3 : at + 3 + 2 * length]
            lost_us = self._hard_us + rule.period_us
            returns = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            found[rule] = Outlook(held, lost_us if closed_us < 0 else closed_us, returns)
            at += 3 + 2 * length
        return found

    def answered(self, slots: Slots, units: Units, sight: Sight | None = None) -> None:
        """A call was answered, and its headers said something perhaps: its units return one period from now."""
        self._end(self._answered, slots, units, 1)
        self._sight = latest(self._sight, sight)

    def unmade(self, slots: Slots, units: Units, calls: int = 1) -> None:
        """Calls were not made: their units return at once."""
        self._end(self._unmade, slots, units, calls)

    def block(self, rules: Iterable[OwnedRule], span_s: float | None) -> None:
        """Close some of the rules for `span_s`; None: for one period."""
        span_us = 0 if span_s is None else max(1, round(span_s * 1e6))
        self._store.send(_BLOCK, [rule.key for rule in rules], [span_us])

    def settle(self) -> None:
        """Tell Redis what ended since the last time. It happens by itself once per turn of the loop."""
        batches = self._answered.keys() | self._unmade.keys()
        if not batches:
            return
        args: list[Argument] = []
        for seen in self._sight or (None,) * len(self.rules):
            args += _SAYS_NOTHING if seen is None else astuple(seen)
        self._sight = None
        for slots, units in batches:
            args += (self._answered[slots, units], self._unmade[slots, units])
            for slot, of_rule in zip(slots, units, strict=True):
                args += (slot, of_rule)
        self._answered.clear()
        self._unmade.clear()
        self._store.send(_SETTLE, self._keys, args)

    def owe(self, units: Units) -> None:
        """A call was made without Redis."""
        self._debts[units] += 1

    def has_debts(self) -> bool:
        return bool(self._debts)

    def pay(self) -> None:
        """Enter the debts, whether they fit or not."""
        debts, self._debts = self._debts, Counter()
        for units, calls in debts.items():
            wanted = replace(LOOK, calls=(calls, *LOOK.calls[1:]))
            reply = self.spend(self.asks(units), wanted, forced=True)
            reply.add_done_callback(partial(self._check_paid, units, calls))

    def _check_paid(self, units: Units, calls: int, reply: asyncio.Future[list[int]]) -> None:
        if reply.cancelled() or reply.exception() is not None:
            self._debts[units] += calls  # perhaps twice, which is safe

    def _end(self, into: Counter[tuple[Slots, Units]], slots: Slots, units: Units, calls: int) -> None:
        if not self._answered and not self._unmade:
            asyncio.get_running_loop().call_soon(self.settle)
        into[slots, units] += calls
