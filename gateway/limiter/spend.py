"""The limiter's sums in plain Python: the same as the scripts, and a property test compares the two. No I/O, no clock.

A rule is a bucket of L units. A call takes units, which are *in flight* until it is answered and come back one period
after the answer; if no answer is heard of, after the hard timeout and a period. So of any L + 1 calls the last was
granted after one of the others had been answered for a whole period: no window of one period, wherever it starts and
however long requests travel, holds more than L arrivals. A bucket refilled at L per period would let nearly 2 L pass.

When units come back is kept in 128 slots per span, each rounded up to its end: early never, late by under 1 %.

All of a call's rules are debited or none. Lower classes leave a reserve in every rule; only cancels may use it.
If the state is lost, rules stay closed until everything that can have been in use has come back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

SLOTS = 128


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call takes of one rule."""

    limit: int
    leave: int
    """Units of the limit that this caller must leave."""
    period_us: int
    units: int


@dataclass(frozen=True, slots=True)
class Left:
    """One rule after a decision."""

    remaining: int
    back_in_us: int
    """Until every unit is back, if calls in flight were answered now."""
    slot: int
    """Where the units in flight are kept; 0 if nothing was granted."""


@dataclass(frozen=True, slots=True)
class Decision:
    granted: int
    binding: int | None
    """Index of the rule that makes the first refused call wait longest."""
    left: tuple[Left, ...]
    waits_us: tuple[int, ...]
    """For each call not granted: how long until it could be, if every call in flight were answered now."""

    @classmethod
    def from_reply(cls, reply: Sequence[int], rules: int) -> "Decision":
        """Read the reply of the script `spend.lua` for a call of `rules` rules."""
        waits_at = 2 + 3 * rules
        return cls(
            granted=reply[0],
            binding=reply[1] - 1 if reply[1] else None,
            left=tuple(Left(*reply[at : at + 3]) for at in range(2, waits_at, 3)),
            waits_us=tuple(reply[waits_at:]),
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """Equal grants that ended: `slots` and `units` are per rule."""

    answered: int
    unmade: int
    slots: tuple[int, ...]
    units: tuple[int, ...]


@dataclass(slots=True)
class Ring:
    """Units by when they come back."""

    span_us: int
    width_us: int = field(init=False)
    held: int = 0
    head: int = 0
    last: int = 0
    slots: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.width_us = _ceil(self.span_us, SLOTS)


@dataclass(slots=True)
class RuleState:
    period_us: int
    hard_timeout_us: int
    blocked_until_us: int
    clock_us: int
    offset_us: int = 0
    flight: Ring = field(init=False)
    back: Ring = field(init=False)

    def __post_init__(self) -> None:
        self.flight = Ring(self.period_us + self.hard_timeout_us)
        self.back = Ring(self.period_us)

    def at(self, clock_us: int) -> int:
        """Now, in this rule's own time, in which a clock that went back stood still."""
        if clock_us < self.clock_us:
            self.offset_us += self.clock_us - clock_us
            self.clock_us = clock_us
        return clock_us + self.offset_us

    def sweep(self, ring: Ring, clock_us: int) -> None:
        """Take out what is due. Visits each slot once in its life, however many calls come."""
        stop = min(self.at(clock_us) // ring.width_us, ring.last)
        if ring.head < stop:
            for slot in range(ring.head + 1, stop + 1):
                ring.held -= ring.slots.pop(slot, 0)
            ring.head, self.clock_us = stop, clock_us

    def put(self, ring: Ring, units: int, clock_us: int) -> int:
        """Put units where they come back one span from now; answers the slot."""
        now_us = self.at(clock_us)
        slot = _ceil(now_us + ring.span_us, ring.width_us)
        ring.held += units
        ring.head = max(ring.head, now_us // ring.width_us)
        ring.last = max(ring.last, slot)
        ring.slots[slot] = ring.slots.get(slot, 0) + units
        self.clock_us = clock_us
        return slot

    @property
    def held(self) -> int:
        return self.flight.held + self.back.held


@dataclass(slots=True)
class Ledger:
    """The states of some rules, by key, and since when they are complete (None: not known)."""

    hard_timeout_us: int
    epoch_us: int | None = None
    states: dict[str, RuleState] = field(default_factory=dict)

    def spend(
        self, keys: Sequence[str], asks: Sequence[Ask], wanted: int, clock_us: int, *, forced: bool = False
    ) -> Decision:
        """Take the units of up to `wanted` equal calls, on every rule or on none; `forced` takes them regardless."""
        rules = [(self._state(key, ask, clock_us), ask) for key, ask in zip(keys, asks, strict=True)]
        granted, can_ever = wanted, wanted
        for state, ask in rules:
            state.sweep(state.flight, clock_us)
            state.sweep(state.back, clock_us)
            fits = (
                0 if state.at(clock_us) < state.blocked_until_us else (ask.limit - ask.leave - state.held) // ask.units
            )
            granted = min(granted, fits)
            can_ever = min(can_ever, (ask.limit - ask.leave) // ask.units)
        granted = wanted if forced else max(0, granted)
        left = tuple(_take(state, ask, granted, clock_us) for state, ask in rules)
        calls = min(wanted, can_ever) - granted
        if calls <= 0:
            return Decision(granted, None, left, ())
        waits = [_waits(state, ask, calls, state.at(clock_us)) for state, ask in rules]
        first = [wait[0] for wait in waits]
        return Decision(granted, first.index(max(first)), left, tuple(max(wait) for wait in zip(*waits, strict=True)))

    def settle(self, keys: Sequence[str], ended: Sequence[Ended], clock_us: int) -> None:
        """End grants. Never to be repeated: a second time would free the units of another grant."""
        for index, key in enumerate(keys):
            state = self.states.get(key)
            if state is None:
                continue
            state.sweep(state.back, clock_us)
            for batch in ended:
                slot, units = batch.slots[index], batch.units[index]
                held = state.flight.slots.get(slot, 0)
                answered = min(held, batch.answered * units)
                unmade = min(held - answered, batch.unmade * units)
                if answered + unmade:
                    state.flight.slots[slot] = held - answered - unmade
                    state.flight.held -= answered + unmade
                    state.clock_us = clock_us
                if answered:
                    state.put(state.back, answered, clock_us)

    def block(self, keys: Sequence[str], span_us: int | None, clock_us: int) -> None:
        """Close rules for `span_us`; None: for one period."""
        for state in (self.states[key] for key in keys if key in self.states):
            until_us = state.at(clock_us) + (state.period_us if span_us is None else span_us)
            state.blocked_until_us = max(state.blocked_until_us, until_us)
            state.clock_us = clock_us

    def _state(self, key: str, ask: Ask, clock_us: int) -> RuleState:
        state, hard_us = self.states.get(key), self.hard_timeout_us
        if state is None:
            if self.epoch_us is None:
                self.epoch_us = clock_us
            closed_until_us = min(self.epoch_us, clock_us) + ask.period_us + hard_us
        elif (state.period_us, state.hard_timeout_us) != (ask.period_us, hard_us):
            over_us = max(state.period_us, ask.period_us) + max(state.hard_timeout_us, hard_us)
            closed_until_us = max(state.blocked_until_us, clock_us + over_us)
        else:
            return state
        self.states[key] = RuleState(ask.period_us, hard_us, closed_until_us, clock_us)
        return self.states[key]


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def _take(state: RuleState, ask: Ask, granted: int, clock_us: int) -> Left:
    now_us = state.at(clock_us)
    slot = state.put(state.flight, granted * ask.units, clock_us) if granted else 0
    back_in_us = 0
    if state.flight.held:
        back_in_us = state.period_us
    elif state.back.held:
        back_in_us = state.back.last * state.back.width_us - now_us
    return Left(max(0, ask.limit - state.held), max(back_in_us, state.blocked_until_us - now_us, 0), slot)


def _waits(state: RuleState, ask: Ask, calls: int, now_us: int) -> list[int]:
    """For each of `calls` more calls, the time until it fits this rule."""
    horizon_us = _ceil(now_us + state.period_us, state.back.width_us) * state.back.width_us - now_us
    rings = (state.flight, state.back)
    returns = sorted((slot * ring.width_us - now_us, units) for ring in rings for slot, units in ring.slots.items())
    coming = [(after_us, units) for after_us, units in returns if after_us < horizon_us]
    free, after_us, waits = ask.limit - ask.leave - state.held, 0, list[int]()
    for k in range(1, calls + 1):
        while free < k * ask.units and after_us < horizon_us:
            after_us, units = coming.pop(0) if coming else (horizon_us, 0)
            free += units
        waits.append(max(after_us, state.blocked_until_us - now_us, 0))
    return waits
