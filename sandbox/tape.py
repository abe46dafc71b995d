"""What the public saw: recent trades per market, and minute candles for tickers and klines. Pure."""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from sandbox.matching.events import Trade

MINUTE_US = 60_000_000
DAY_MINUTES = 24 * 60
KEPT_TRADES = 10_000


@dataclass(slots=True)
class Candle:
    """One minute of trades; `start_us` is the full minute it covers."""

    start_us: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int

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


class Tape:
    """One market's trades, newest last."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self.candles: deque[Candle] = deque(maxlen=7 * DAY_MINUTES)

    def record(self, trade: Trade) -> None:
        self.trades.append(trade)
        candle = Candle.of(trade, trade.time_us - trade.time_us % MINUTE_US)
        if self.candles and self.candles[-1].start_us >= candle.start_us:
            self.candles[-1].absorb(candle)
        else:
            self.candles.append(candle)

    def summary(self, now_us: int, minutes: int = DAY_MINUTES) -> Candle | None:
        """The last `minutes` as one candle; None without trades."""
        return _merged([candle for candle in self.candles if candle.start_us > now_us - minutes * MINUTE_US])

    def grouped(self, *, interval_us: int, from_us: int, until_us: int) -> list[Candle]:
        """Candles of a longer interval, ascending, those without trades left out."""
        groups: dict[int, list[Candle]] = {}
        for candle in self.candles:
            start_us = candle.start_us - candle.start_us % interval_us
            if from_us <= start_us < until_us:
                groups.setdefault(start_us, []).append(candle)
        return [merged for start_us, group in groups.items() if (merged := _merged(group, start_us))]


def _merged(candles: list[Candle], start_us: int | None = None) -> Candle | None:
    if not candles:
        return None
    first = candles[0]
    total = Candle(
        first.start_us if start_us is None else start_us,
        first.open,
        first.high,
        first.low,
        first.close,
        first.volume,
        first.quote_volume,
        first.trades,
    )
    for candle in candles[1:]:
        total.absorb(candle)
    return total
