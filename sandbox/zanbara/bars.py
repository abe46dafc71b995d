"""Bars of any interval out of a market's candles. An interval without trades repeats the last close with no volume."""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.tape import HOUR_US, MINUTE_US, Candle, Chart
from sandbox.zanbara.wire import fixed

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
FIRST_MONDAY_MS = 4 * DAY_MS  # 1970-01-05; weeks start on Mondays, epoch time on a Thursday
INTERVALS_MS = {
    **{f"{number}m": number * MINUTE_MS for number in (1, 3, 5, 15, 30)},
    **{f"{number}h": number * HOUR_MS for number in (1, 2, 4, 6, 12)},
    "1d": DAY_MS,
    "1w": WEEK_MS,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval's trades."""

    open_ms: int
    length_ms: int
    candle: Candle

    def as_json(self) -> dict[str, Any]:
        candle = self.candle
        return {
            "open_time": self.open_ms,
            "close_time": self.open_ms + self.length_ms - 1,
            "open": fixed(candle.open),
            "high": fixed(candle.high),
            "low": fixed(candle.low),
            "close": fixed(candle.close),
            "volume": fixed(candle.volume),
            "amount": fixed(candle.quote_volume),
            "trades": candle.trades,
        }


class Bars:
    """A market's bars of one interval. Where nothing was traded yet, `close` stands for the last close."""

    def __init__(self, chart: Chart, interval: str, close: Decimal, *, from_ms: int = 0) -> None:
        self._length_ms = length_ms = INTERVALS_MS[interval]
        self._close = close
        self._candles = list(
            chart.grouped(
                lambda time_us: opening_ms(time_us // 1000, length_ms) * 1000,
                shortest_us=HOUR_US if length_ms >= HOUR_MS else MINUTE_US,
                from_us=from_ms * 1000,
                until_us=2**63,
            )
        )

    def opens_ms(self, *, start_ms: int, end_ms: int, now_us: int) -> range:
        """When the bars of a range open, the newest first, from the first trade to the bar that is running."""
        if not self._candles:
            return range(0)
        length_ms = self._length_ms
        last_ms = opening_ms(min(end_ms, now_us // 1000), length_ms)
        first_ms = max(opening_ms(start_ms + length_ms - 1, length_ms), self._candles[0].start_us // 1000)
        return range(last_ms, first_ms - 1, -length_ms)

    def running(self, now_us: int) -> Bar:
        return self.opening_at(opening_ms(now_us // 1000, self._length_ms))

    def opening_at(self, open_ms: int) -> Bar:
        """The bar that opens then, which must be when one does."""
        place = bisect_right(self._candles, open_ms * 1000, key=lambda candle: candle.start_us)
        last = self._candles[place - 1] if place else None
        if last is not None and last.start_us == open_ms * 1000:
            return Bar(open_ms, self._length_ms, last)
        close = last.close if last is not None else self._close
        return Bar(open_ms, self._length_ms, Candle(open_ms * 1000, close, close, close, close))


def opening_ms(time_ms: int, length_ms: int) -> int:
    offset = FIRST_MONDAY_MS if length_ms == WEEK_MS else 0
    return time_ms - (time_ms - offset) % length_ms
