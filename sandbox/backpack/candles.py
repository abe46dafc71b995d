"""Candles of every interval the venue names, as REST lists them. Those in which nothing traded are left out.

Weeks start on Mondays, months on their first day, three-day candles count from epoch. The one still forming is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.backpack.market_data import SOURCES
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import plain
from sandbox.simulation import Simulation
from sandbox.tape import HOUR_US, MINUTE_US, SECOND_US, Candle, Chart, Tape

DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US
FIRST_MONDAY_US = 4 * DAY_US  # 1970-01-05
PRICE_TYPES = ("Last", "Index", "Mark")


@dataclass(frozen=True, slots=True)
class Interval:
    """A candle's length; `offset_us` is where the first one after epoch starts."""

    length_us: int
    offset_us: int = 0

    def start_of(self, time_us: int) -> int:
        return time_us - (time_us - self.offset_us) % self.length_us

    def end_of(self, start_us: int) -> int:
        return start_us + self.length_us


class Month(Interval):
    """A calendar month; `length_us` is what all of them are multiples of."""

    def start_of(self, time_us: int) -> int:
        moment = datetime.fromtimestamp(time_us // SECOND_US, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * SECOND_US

    def end_of(self, start_us: int) -> int:
        return self.start_of(start_us + 31 * DAY_US)


INTERVALS: dict[str, Interval] = {
    "1s": Interval(SECOND_US),
    **{f"{number}m": Interval(number * MINUTE_US) for number in (1, 3, 5, 15, 30)},
    **{f"{number}h": Interval(number * HOUR_US) for number in (1, 2, 4, 6, 8, 12)},
    "1d": Interval(DAY_US),
    "3d": Interval(3 * DAY_US),
    "1w": Interval(WEEK_US, FIRST_MONDAY_US),
    "1month": Month(DAY_US),
}


def candles(chart: Chart, interval: Interval, *, from_us: int, until_us: int) -> Iterator[Candle]:
    """Candles that start before `until_us`, ascending, beginning with the one that holds `from_us`."""
    return chart.grouped(
        interval.start_of,
        shortest_us=interval.length_us,
        from_us=interval.start_of(from_us),
        until_us=until_us,
    )


class Klines:
    """Answers for candles."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def klines(self, query: Parameters, now_us: int) -> Any:
        market = query.market(self._simulation.engine.markets)
        interval = INTERVALS[query.required_choice("interval", "KlineInterval", tuple(INTERVALS))]
        start_s = query.integer("startTime")
        if start_s is None:
            raise query.missing("startTime", "integer(int64)")
        end_s = query.integer("endTime", default=now_us // SECOND_US + 1)
        query.choice("source", "Source", SOURCES)
        price_type = query.choice("priceType", "KlinePriceType", PRICE_TYPES, "Last")
        chart = _chart(self._simulation.tapes[market.symbol], price_type)
        if start_s * SECOND_US > now_us:
            return []
        found = candles(chart, interval, from_us=start_s * SECOND_US, until_us=(end_s or 0) * SECOND_US)
        return [_kline(candle, interval) for candle in found]


def _chart(tape: Tape, price_type: str | None) -> Chart:
    match price_type:
        case "Mark":
            return tape.mark
        case "Index":
            return tape.index
        case _:
            return tape.last


def _kline(candle: Candle, interval: Interval) -> dict[str, Any]:
    return {
        "close": plain(candle.close),
        "end": _written(interval.end_of(candle.start_us)),
        "high": plain(candle.high),
        "low": plain(candle.low),
        "open": plain(candle.open),
        "quoteVolume": plain(candle.quote_volume),
        "start": _written(candle.start_us),
        "trades": str(candle.trades),
        "volume": plain(candle.volume),
    }


def _written(time_us: int) -> str:
    return f"{datetime.fromtimestamp(time_us // SECOND_US, UTC):%Y-%m-%d %H:%M:%S}"
