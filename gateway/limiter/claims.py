"""Whose turn it is among all who wait for one rule, in whatever process: the sums. No I/O, no clock.

Who asks for units and does not get them all leaves a claim: how urgent, how many units, with what weight (that of the
clients it asks for). A more urgent claim comes first. Claims that are equally urgent share by weight: each has been
*served* some units per unit of weight, and whoever was served least is next (start-time fair queueing). Nobody takes
units whose turn is another's; the answer says when one's own turn comes. So replicas divide a limit as their clients
wait for it, whichever asks first.

A claim lapses shortly after its owner should have asked again, so that one that died or sleeps holds nothing up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

RANKS = 4
"""Kinds of calls by urgency."""

CLAIMS_MAX = 64
"""Claims kept per rule; past that the one that would lapse first is forgotten."""

GRACE_US = 250_000
"""How much later than it was told an owner may ask again before its claim lapses."""

MEMORY_US = 1_000_000
"""How long what a claim was served is remembered after it lapsed."""

AGAIN_PARTS = 4
"""Who waits for others' turns looks again after this part of a period at the latest: they may have given up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Equal calls somebody asks for, by urgency: index 0 is the most urgent, and only that may use the reserve."""

    calls: tuple[int, ...]
    waiting: tuple[int, ...]
    """Those calls, and the others that would be asked for if one asked for more at once."""
    weights: tuple[int, ...]
    asker: int = 0
    """Who asks: one queue of one process."""

    def rank(self, call: int) -> int:
        """How urgent the `call`-th call is, counted from 1."""
        for rank, calls in enumerate(self.calls):
            if call <= calls:
                return rank
            call -= calls
        raise IndexError(call)

    def of_rank(self, rank: int, first: int) -> int:
        """How many of the `first` calls are of this urgency."""
        return max(0, min(self.calls[rank], first - sum(self.calls[:rank])))

    def refused_ranks(self, granted: int) -> frozenset[int]:
        """Which kinds of calls are not all among the first `granted`."""
        return frozenset(rank for rank, calls in enumerate(self.calls) if self.of_rank(rank, granted) < calls)


@dataclass(slots=True)
class Claim:
    asker: int
    rank: int
    units: int
    """Still wanted, and usable at once if they were there."""
    weight: int
    served: float
    """Units per unit of weight."""
    until_us: int

    def counts(self, now_us: int) -> bool:
        return self.units > 0 and now_us <= self.until_us


@dataclass(frozen=True, slots=True)
class SeenClaims:
    """The claims as one asker sees them: those of others that count, and how far it was served itself, by rank."""

    now_us: int
    others: tuple[Claim, ...]
    served: tuple[float, ...]

    def before(self, wanted: Wanted, call: int, units: int) -> int:
        """Units of others whose turn is before that of the `call`-th call."""
        if not self.others:
            return 0
        rank = wanted.rank(call)
        mine = self.served[rank] + wanted.of_rank(rank, call) * units / wanted.weights[rank]
        total = 0
        for claim in self.others:
            if claim.rank < rank:
                total += claim.units
            elif claim.rank == rank:
                turns = (mine - claim.served) * claim.weight
                # Of two with the same turn the smaller number goes first.
                turns = math.floor(turns) if claim.asker < wanted.asker else math.ceil(turns) - 1
                total += max(0, min(claim.units, turns))
        return total


@dataclass(frozen=True, slots=True)
class Usable:
    """What an asker can claim of one rule: who waits for room in another rule leaves this one to others."""

    units: int
    """Per call."""
    calls: tuple[int, ...]
    """By rank: calls for which the other rules have room now."""


@dataclass(slots=True)
class Claims:
    """The claims on one rule, in the order in which they were first made."""

    rows: list[Claim] = field(default_factory=list)

    def seen_by(self, asker: int, now_us: int) -> SeenClaims:
        """Forget what is over, and look."""
        self.rows = [row for row in self.rows if now_us <= row.until_us + MEMORY_US]
        others = tuple(row for row in self.rows if row.asker != asker and row.counts(now_us))
        served = tuple(self._served(asker, rank, others, now_us) for rank in range(RANKS))
        return SeenClaims(now_us, others, served)

    def _served(self, asker: int, rank: int, others: Sequence[Claim], now_us: int) -> float:
        """How far the asker was served. Who did not wait all the time has no turns saved up."""
        own = next((row for row in self.rows if (row.asker, row.rank) == (asker, rank)), None)
        if own is not None and own.counts(now_us):
            return own.served
        least = min((row.served for row in others if row.rank == rank), default=0.0)
        return max(least, own.served if own else 0.0)

    def enter(self, wanted: Wanted, granted: int, seen: SeenClaims, again_us: int, usable: "Usable") -> None:
        """Keep what the asker was served and could still use, unless nobody waits at all.

        `again_us` is 0 if it need not ask again.
        """
        is_waiting = granted < sum(wanted.waiting) and (again_us > 0 or granted == sum(wanted.calls))
        if not self.rows and not is_waiting:
            return
        for rank in range(RANKS):
            own = next((row for row in self.rows if (row.asker, row.rank) == (wanted.asker, rank)), None)
            calls, got = wanted.calls[rank], wanted.of_rank(rank, granted)
            if own is None and calls == 0:
                continue
            if own is None:
                if len(self.rows) == CLAIMS_MAX:
                    self.rows.remove(min(self.rows, key=lambda row: row.until_us))
                own = Claim(wanted.asker, rank, 0, 0, 0.0, 0)
                self.rows.append(own)
            own.units = min(wanted.waiting[rank] - got, usable.calls[rank]) * usable.units if is_waiting else 0
            if calls:
                own.weight = wanted.weights[rank]
                own.served = seen.served[rank] + got * usable.units / own.weight
                own.until_us = seen.now_us + again_us + GRACE_US
