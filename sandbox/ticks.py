"""The moments at which a market acts by itself: every tick, at the tick's own time, whenever somebody looks. Pure."""

from collections.abc import Iterator

# After a stall (a suspended laptop, a debugger) or a leap the missed ticks are skipped rather than run in a burst.
MAX_CATCH_UP_TICKS = 50


class Ticks:
    """Ticks every `tick_us`, at multiples of it: two venues tick at the same moments."""

    def __init__(self, *, tick_us: int, start_us: int) -> None:
        self._tick_us = tick_us
        self._next_us = start_us - start_us % tick_us

    def due(self, now_us: int) -> Iterator[int]:
        """The times of the ticks due by now, each told once."""
        overdue = (now_us - self._next_us) // self._tick_us
        if overdue > MAX_CATCH_UP_TICKS:
            self._next_us += (overdue - MAX_CATCH_UP_TICKS) * self._tick_us
        while self._next_us <= now_us:
            self._next_us += self._tick_us
            yield self._next_us - self._tick_us

    def clock_stepped(self, by_us: int) -> None:
        """The clock was put forward or back: the next tick is as far away as it was, or a little further."""
        moved_us = self._next_us + by_us
        self._next_us = moved_us + -moved_us % self._tick_us
