"""What a venue says of one rule in its headers, and when that counts: the sums. No I/O, no clock.

A venue that counts in windows tells with every answer how many units of the window are used. Our own grants explain
them as long as nobody else spends. Once they do not, the venue's word counts: until the window ends, no more is granted
than it says is left, less what is on its way. It never allows more than we would ourselves.
"""

from dataclasses import dataclass

SLACK_US = 1_500_000
"""How much earlier than it seems a window may end, and so may have begun: its end is told in seconds, rounded up, and
the venue's clock is known with an error."""

WARY_PERIODS = 3
"""For how many periods after foreign spending the venue's word counts from the start of a window."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The latest of some answers' headers about one rule."""

    limit: int
    used: int
    window: int
    """Which window: the venue's own name for its end."""
    ends_in_us: int
    units: int
    """Units of the answers that came with a header of this window."""


@dataclass(slots=True)
class VenueView:
    limit: int = 0
    used: int = 0
    """Units of the window that the venue counted, and answered ones since then that came without a header."""
    ours: int = 0
    """Of them those we were answered."""
    foreign: int = 0
    """Units of the window that nobody here has spent, at least."""
    window: int = 0
    until_us: int = 0
    wary_until_us: int = 0

    def opens(self, seen: Seen, now_us: int, ours: int) -> None:
        """A window begins of which nothing was seen yet; `ours` of its units were answered already."""
        self.used, self.ours, self.foreign = 0, ours - seen.units, 0
        self.window, self.until_us = seen.window, now_us + seen.ends_in_us

    def settled(self, seen: Seen | None, answered: int, in_flight: int, now_us: int, period_us: int) -> None:
        """Calls were answered, of `answered` units in all; `in_flight` are not yet."""
        if seen is not None and seen.window == self.window:
            self.limit = seen.limit
            self.ours += seen.units
            self.used = max(self.used, seen.used)  # answers overtake each other
        answered -= seen.units if seen is not None else 0
        if now_us < self.until_us:
            self.ours += answered
            self.used += answered
            foreign = self.used - self.ours - in_flight
            if foreign > 0:
                self.foreign = max(self.foreign, foreign)
                self.wary_until_us = now_us + WARY_PERIODS * period_us

    def left(self, in_flight: int, now_us: int) -> int | None:
        """Units the venue would still take in this window; None while our own sums suffice."""
        if now_us < self.until_us and now_us < self.wary_until_us:
            return self.limit - self.used - in_flight
        return None
