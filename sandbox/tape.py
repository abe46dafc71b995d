"""What the public saw of a market: recent trades, and candles of what was traded, of its mark and of its index. Pure.

Candles are kept by the second for two hours, by the minute for a week, by the hour for a year; longer ones are put
together from the longest kept that fit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from sandbox.matching.events import Trade

ZERO = Decimal(0)
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_MINUTES = 24 * 60
KEPT_TRADES = 10_000
KEPT = {SECOND_US: 7_200, MINUTE_US: 7 * DAY_MINUTES, HOUR_US: 366 * 24}

# Where the interval starts that holds a moment.
StartOf = Callable[[int], int]


@dataclass(slots=True)
class Candle:
    """A stretch of time from `start_us` on; without trades (a mark's, an index's) it has no volume."""

    start_us: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    trades: int = 0

    @classmethod
    def of(cls, trade: Trade, start_us: int) -> "Candle":
        price = trade.price
        return cls(start_us, price, price, price, price, trade.quantity, trade.quote_quantity, 1)

    def absorb(self, later: "Candle") -> None:
        """Add what came after."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.trades += later.trades


class _Series:
    """Candles of one fixed length, oldest first, those without an entry left out."""

    def __init__(self, period_us: int) -> None:
        self._period_us = period_us
        self.candles: deque[Candle] = deque(maxlen=KEPT[period_us])

    def add(self, moment: Candle) -> None:
        """Take in a moment. Only after the clock was put back are there candles that start later: it goes before."""
        start_us = moment.start_us - moment.start_us % self._period_us
        place = len(self.candles)
        while place and self.candles[place - 1].start_us > start_us:
            place -= 1
        if place and self.candles[place - 1].start_us == start_us:
            self.candles[place - 1].absorb(moment)
        elif place == len(self.candles):
            self.candles.append(replace(moment, start_us=start_us))
        elif len(self.candles) < KEPT[self._period_us]:
            self.candles.insert(place, replace(moment, start_us=start_us))
        elif place:  # a full deque takes nothing into its middle
            self.candles.popleft()
            self.candles.insert(place - 1, replace(moment, start_us=start_us))

    def between(self, from_us: int, until_us: int) -> list[Candle]:
        """Those that start from `from_us` on and before `until_us`."""
        found = []
        for candle in reversed(self.candles):
            if candle.start_us < from_us:
                break
            if candle.start_us < until_us:
                found.append(candle)
        return found[::-1]


class Chart:
    """The course of one price, to be read in intervals of a second and longer."""

    def __init__(self) -> None:
        self._series = {period_us: _Series(period_us) for period_us in (HOUR_US, MINUTE_US, SECOND_US)}

    @property
    def minutes(self) -> deque[Candle]:
        return self._series[MINUTE_US].candles

    def add(self, moment: Candle) -> None:
        for series in self._series.values():
            series.add(moment)

    def observe(self, price: Decimal, now_us: int) -> None:
        """Take in what the price is now."""
        self.add(Candle(now_us, price, price, price, price))

    def summary(self, from_us: int) -> Candle | None:
        """All minutes that start later than `from_us` as one candle."""
        return _merged(self._series[MINUTE_US].between(from_us + 1, 2**63))

    def grouped(self, start_of: StartOf, *, shortest_us: int, from_us: int, until_us: int) -> Iterator[Candle]:
        """Candles of intervals that are multiples of `shortest_us`, ascending, those without an entry left out.

        The first starts at `from_us`, all of them before `until_us`.
        """
        series = next(series for period_us, series in self._series.items() if shortest_us % period_us == 0)
        group: list[Candle] = []
        for candle in series.between(from_us, 2**63):
            start_us = start_of(candle.start_us)
            if start_us >= until_us:
                break
            if group and start_of(group[0].start_us) < start_us:
                yield from _closed(group, start_of)
                group = []
            group.append(candle)
        yield from _closed(group, start_of)


class Tape:
    """One market's trades, newest last, and its charts."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self.last, self.mark, self.index = Chart(), Chart(), Chart()

    @property
    def candles(self) -> deque[Candle]:
        """Minutes with trades."""
        return self.last.minutes

    def record(self, trade: Trade) -> None:
        self.trades.append(trade)
        self.last.add(Candle.of(trade, trade.time_us))

    def observe(self, *, mark: Decimal, index: Decimal, now_us: int) -> None:
        """Take in what mark and index are now. Once a second."""
        self.mark.observe(mark, now_us)
        self.index.observe(index, now_us)

    def summary(self, now_us: int, minutes: int = DAY_MINUTES) -> Candle | None:
        """The last `minutes` as one candle; None without trades."""
        return self.last.summary(now_us - minutes * MINUTE_US)


def _closed(group: list[Candle], start_of: StartOf) -> Iterable[Candle]:
    merged = _merged(group)
    return () if merged is None else (replace(merged, start_us=start_of(merged.start_us)),)


def _merged(candles: list[Candle]) -> Candle | None:
    if not candles:
        return None
    total = replace(candles[0])
    for candle in candles[1:]:
        total.absorb(candle)
    return total
