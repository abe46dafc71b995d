"""Bars of any interval out of minute candles. An interval without trades repeats the last close with no volume."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.tape import Candle, Tape
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


def bars(tape: Tape, interval: str, *, start_ms: int, end_ms: int, now_us: int) -> list[Bar]:
    """The bars that open in the range, oldest first, up to the one that is running."""
    length_ms = INTERVALS_MS[interval]
    found: list[Bar] = []
    for candle in tape.candles:
        open_ms = opening_ms(candle.start_us // 1000, length_ms)
        if found and found[-1].open_ms == open_ms:
            found[-1].candle.absorb(candle)
            continue
        _fill_gap(found, open_ms, length_ms)
        found.append(Bar(open_ms, length_ms, _copy(candle)))
    _fill_gap(found, opening_ms(now_us // 1000, length_ms) + length_ms, length_ms)
    return [bar for bar in found if start_ms <= bar.open_ms <= end_ms]


def opening_ms(time_ms: int, length_ms: int) -> int:
    offset = FIRST_MONDAY_MS if length_ms == WEEK_MS else 0
    return time_ms - (time_ms - offset) % length_ms


def _fill_gap(found: list[Bar], until_ms: int, length_ms: int) -> None:
    while found and found[-1].open_ms + length_ms < until_ms:
        open_ms, close, zero = found[-1].open_ms + length_ms, found[-1].candle.close, Decimal(0)
        found.append(Bar(open_ms, length_ms, Candle(open_ms * 1000, close, close, close, close, zero, zero, 0)))


def _copy(candle: Candle) -> Candle:
    return Candle(
        candle.start_us,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.quote_volume,
        candle.trades,
    )
