"""The limiter's sums in plain Python: the same as the scripts, and a property test compares the two. No I/O, no clock.

A rule is a bucket of L units. A call takes units, which are *in flight* until it is answered and come back one period
after the answer; if no answer is heard of, after the hard timeout and a period. So of any L + 1 calls the last was
granted after one of the others had been answered for a whole period: no window of one period, wherever it starts and
however long requests travel, holds more than L arrivals. A bucket refilled at L per period would let nearly 2 L pass.

All of a call's rules are debited or none. Lower classes leave a reserve in every rule; only cancels may use it.
If the state is lost, or is an older one than an asker has seen (a copy that lagged behind was made the primary), rules
stay closed until everything that can have been in use has come back.

Who asks and does not get all of it leaves a *claim* (`claims`), and others leave it its share. A venue that says how
much is left is believed where it says less (`venue_view`). After a refusal one call goes first, alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.limiter.claims import AGAIN_PARTS, RANKS, Usable, Wanted
from gateway.limiter.state import RuleState, round_up
from gateway.limiter.venue_view import SLACK_US, Seen, VenueView

PROBE_POLL_US = 50_000
"""How soon those who wait ask again while one call probes whether a rule is open."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call takes of one rule."""

    limit: int
    reserve: int
    """Units of the limit that only cancels may use."""
    period_us: int
    units: int
    known: int = 0
    """How many times units were taken, as far as the asker knows: a state that knows of fewer is an old copy."""

    def usable(self, rank: int) -> int:
        """Units that calls of this urgency may have in use."""
        return self.limit - (self.reserve if rank else 0)


@dataclass(frozen=True, slots=True)
class Left:
    """One rule after a decision."""

    remaining: int
    back_in_us: int
    """Until every unit is back, if calls in flight were answered now."""
    slot: int
    """Where the units in flight are kept; 0 if nothing was granted."""
    foreign: int
    """Units of the venue's present window that somebody else spent."""
    takings: int
    """How many times units were taken."""


@dataclass(frozen=True, slots=True)
class Decision:
    granted: int
    """Of the calls wanted, most urgent first."""
    binding: int | None
    """Index of the rule that makes the first refused call wait longest."""
    again_us: int
    """When to ask again, if calls were refused: it may be before the first wait is over, since others may give up."""
    left: tuple[Left, ...]
    waits_us: tuple[int, ...]
    """For each call not granted: how long until it could be, if every call in flight were answered now."""

    @classmethod
    def from_reply(cls, reply: Sequence[int], rules: int) -> "Decision":
        """Read the reply of the script `spend.lua` for a call of `rules` rules."""
        waits_at = 3 + 5 * rules
        return cls(
            granted=reply[0],
            binding=reply[1] - 1 if reply[1] else None,
            again_us=reply[2],
            left=tuple(Left(*reply[at : at + 5]) for at in range(3, waits_at, 5)),
            waits_us=tuple(reply[waits_at:]),
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """Equal grants that ended: `slots` and `units` are per rule."""

    answered: int
    unmade: int
    slots: tuple[int, ...]
    units: tuple[int, ...]


class _View:
    """One rule as one asker sees it, at one moment."""

    def __init__(self, state: RuleState, ask: Ask, wanted: Wanted, clock_us: int):
        self.state, self.ask, self.wanted = state, ask, wanted
        self.now_us = state.at(clock_us)
        self.claims = state.claims.seen_by(wanted.asker, self.now_us)
        self.held = state.held
        """As it was before anything was granted."""
        self.venue_left = state.venue.left(state.flight.held, self.now_us) if state.venue else None
        self.closed_us, self.calls_max = self._closed()

    def _closed(self) -> tuple[int, int | None]:
        """How long calls beyond the number that may go (None: any) have to wait at least."""
        state = self.state
        if self.now_us < state.blocked_until_us:
            return state.blocked_until_us - self.now_us, 0
        if state.probe_us == 0:
            return 0, None
        return PROBE_POLL_US, 0 if state.probe_us > self.now_us else 1

    def fits(self, call: int) -> bool:
        """Whether the first `call` calls can be granted now."""
        if self.calls_max is not None and call > self.calls_max:
            return False
        rank = self.wanted.rank(call)
        need = self.need(call)
        return need <= self.ask.usable(rank) - self.held and not self._is_above_venue(rank, need)

    def need(self, call: int) -> int:
        """Units to be free before this call's turn, those of others who come before it included."""
        return call * self.ask.units + self.claims.before(self.wanted, call, self.ask.units)

    def room(self, rank: int, granted: int) -> int:
        """Further calls of this urgency that would fit if nobody else waited."""
        if self.calls_max is not None:
            return max(0, self.calls_max - granted)
        return max(0, (self.ask.usable(rank) - self.held) // self.ask.units - granted)

    def can_ever(self, call: int) -> bool:
        return call * self.ask.units <= self.ask.usable(self.wanted.rank(call))

    def waits(self, calls: Sequence[tuple[int, int]]) -> list[int]:
        """For each call with the units it needs, rising, the time until they are free."""
        state, now_us = self.state, self.now_us
        horizon_us = round_up(now_us + state.period_us, state.back.width_us) * state.back.width_us - now_us
        rings = (state.flight, state.back)
        returns = sorted((slot * ring.width_us - now_us, units) for ring in rings for slot, units in ring.slots.items())
        coming = [(after_us, units) for after_us, units in returns if after_us < horizon_us]
        back, after_us, waits = 0, 0, list[int]()
        for call, need in calls:
            rank = self.wanted.rank(call)
            free = self.ask.usable(rank) - self.held
            while free + back < need and after_us < horizon_us:
                after_us, units = coming.pop(0) if coming else (horizon_us, 0)
                back += units
            by_venue_us = state.venue.until_us - now_us if state.venue and self._is_above_venue(rank, need) else 0
            waits.append(max(after_us, self.closed_us, by_venue_us))
        return waits

    def _is_above_venue(self, rank: int, need: int) -> bool:
        return self.venue_left is not None and need > self.venue_left - (self.ask.reserve if rank else 0)


@dataclass(slots=True)
class Ledger:
    """The states of some rules, by key, and since when they are complete (None: not known)."""

    hard_timeout_us: int
    epoch_us: int | None = None
    states: dict[str, RuleState] = field(default_factory=dict)

    def spend(
        self, keys: Sequence[str], asks: Sequence[Ask], wanted: Wanted, clock_us: int, *, forced: bool = False
    ) -> Decision:
        """Take the units of some of the calls `wanted`, on every rule or on none; `forced` takes them regardless."""
        states = [self._state(key, ask, clock_us) for key, ask in zip(keys, asks, strict=True)]
        for state in states:
            state.sweep(state.flight, clock_us)
            state.sweep(state.back, clock_us)
        views = [_View(state, ask, wanted, clock_us) for state, ask in zip(states, asks, strict=True)]
        total = sum(wanted.calls)
        granted = 0
        while granted < total and (forced or all(view.fits(granted + 1) for view in views)):
            granted += 1
        left = tuple(_take(view, granted, clock_us) for view in views)
        binding, again_us, waits_us = (None, 0, []) if forced else _foresee(views, granted, total)
        if total and not forced:
            rooms = [[view.room(rank, granted) for rank in range(RANKS)] for view in views]
            for index, view in enumerate(views):
                of_others = [wanted.waiting, *rooms[:index], *rooms[index + 1 :]]
                usable = Usable(view.ask.units, tuple(map(min, zip(*of_others, strict=True))))
                view.state.claims.enter(wanted, granted, view.claims, again_us, usable)
        return Decision(granted, binding, again_us, left, tuple(waits_us))

    def settle(
        self, keys: Sequence[str], ended: Sequence[Ended], clock_us: int, seen: Sequence[Seen | None] | None = None
    ) -> None:
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
                    if state.probe_us > 0:
                        state.probe_us = 0 if answered else -1
                if answered:
                    state.put(state.back, answered, clock_us)
            answered = sum(batch.answered * batch.units[index] for batch in ended)
            sight = seen[index] if seen else None
            now_us = state.at(clock_us)
            if sight is not None and (state.venue is None or sight.window > state.venue.window):
                state.venue = state.venue or VenueView()
                ours = state.back.held_from((now_us + sight.ends_in_us - SLACK_US) // state.back.width_us)
                state.venue.opens(sight, now_us, ours)
            if state.venue is not None:
                state.venue.settled(sight, answered, state.flight.held, now_us, state.period_us)

    def block(self, keys: Sequence[str], span_us: int | None, clock_us: int) -> None:
        """Close rules for `span_us`; None: for one period. Then one call goes alone, and its answer opens them."""
        for state in (self.states[key] for key in keys if key in self.states):
            until_us = state.at(clock_us) + (state.period_us if span_us is None else span_us)
            state.blocked_until_us = max(state.blocked_until_us, until_us)
            state.probe_us = -1
            state.clock_us = clock_us

    def _state(self, key: str, ask: Ask, clock_us: int) -> RuleState:
        state, hard_us = self.states.get(key), self.hard_timeout_us
        if ask.known > (state.takings if state else 0):
            closed_until_us = max(state.blocked_until_us if state else 0, clock_us + ask.period_us + hard_us)
        elif state is None:
            if self.epoch_us is None:
                self.epoch_us = clock_us
            closed_until_us = min(self.epoch_us, clock_us) + ask.period_us + hard_us
        elif (state.period_us, state.hard_timeout_us) != (ask.period_us, hard_us):
            over_us = max(state.period_us, ask.period_us) + max(state.hard_timeout_us, hard_us)
            closed_until_us = max(state.blocked_until_us, clock_us + over_us)
        else:
            return state
        takings = max(ask.known, state.takings if state else 0)
        self.states[key] = RuleState(ask.period_us, hard_us, closed_until_us, clock_us, takings=takings)
        return self.states[key]


def _take(view: _View, granted: int, clock_us: int) -> Left:
    state, ask, now_us = view.state, view.ask, view.now_us
    slot = state.put(state.flight, granted * ask.units, clock_us) if granted else 0
    state.takings += granted > 0
    if granted and state.probe_us:
        state.probe_us = now_us + state.period_us + state.hard_timeout_us
    back_in_us = 0
    if state.flight.held:
        back_in_us = state.period_us
    elif state.back.held:
        back_in_us = state.back.last * state.back.width_us - now_us
    left = ask.limit - state.held
    if view.venue_left is not None:
        left = min(left, view.venue_left - granted * ask.units)
    foreign = state.venue.foreign if state.venue is not None and now_us < state.venue.until_us else 0
    return Left(max(0, left), max(back_in_us, state.blocked_until_us - now_us, 0), slot, foreign, state.takings)


def _foresee(views: list[_View], granted: int, total: int) -> tuple[int | None, int, list[int]]:
    """Which rule binds, when to ask again, and the waits of the calls that were not granted and ever can be."""
    last = granted
    while last < total and all(view.can_ever(last + 1) for view in views):
        last += 1
    if last == granted:
        return None, 0, []
    of_rules = [view.waits([(call, view.need(call)) for call in range(granted + 1, last + 1)]) for view in views]
    alone = [view.waits([(granted + 1, (granted + 1) * view.ask.units)])[0] for view in views]
    first = [waits[0] for waits in of_rules]
    binding = first.index(max(first))
    again_us = min(max(first), max(*alone, views[binding].state.period_us // AGAIN_PARTS))
    return binding, again_us, [max(waits) for waits in zip(*of_rules, strict=True)]
