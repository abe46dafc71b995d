"""The state of one rule: units in flight and on their way back, by when they return. No I/O, no clock.

When units come back is kept in 128 slots per span, each rounded up to its end: early never, late by under 1 %.
`state.lua` is the same in Redis.
"""

from dataclasses import dataclass, field

from gateway.limiter.claims import Claims
from gateway.limiter.venue_view import VenueView

SLOTS = 128


def round_up(number: int, divisor: int) -> int:
    """How many whole divisors cover the number."""
    return -(-number // divisor)


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
        self.width_us = round_up(self.span_us, SLOTS)

    def held_from(self, first: int) -> int:
        """Units that come back in slot `first` or later."""
        return sum(units for slot, units in self.slots.items() if slot >= first)


@dataclass(slots=True)
class RuleState:
    period_us: int
    hard_timeout_us: int
    blocked_until_us: int
    clock_us: int
    offset_us: int = 0
    takings: int = 0
    probe_us: int = 0
    """0: open. -1: the next call goes alone. Above: one call is on its way, and counts as lost at that time."""
    flight: Ring = field(init=False)
    back: Ring = field(init=False)
    claims: Claims = field(default_factory=Claims)
    venue: VenueView | None = None

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
        slot = round_up(now_us + ring.span_us, ring.width_us)
        ring.held += units
        ring.head = max(ring.head, now_us // ring.width_us)
        ring.last = max(ring.last, slot)
        ring.slots[slot] = ring.slots.get(slot, 0) + units
        self.clock_us = clock_us
        return slot

    @property
    def held(self) -> int:
        return self.flight.held + self.back.held
