"""How much leverage restless markets take away: by the range of an hour, and for a while after it has calmed.

Source: docs.zanbarax.com/di-yi-ceng-yong-hu-ceng-feng-kong (dynamic leverage)
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from sandbox.tape import Candle

HOUR_US = 3_600_000_000


class Band(NamedTuple):
    """An hour's range above `above` cuts leverage by `cut`, until so long after it is no more."""

    above: Decimal
    cut: Decimal
    lasts_us: int


BANDS = (
    Band(Decimal("0.10"), Decimal("0.60"), 6 * HOUR_US),
    Band(Decimal("0.05"), Decimal("0.40"), 2 * HOUR_US),
    Band(Decimal("0.03"), Decimal("0.20"), HOUR_US),
)

# The last hour of a market's mark as one candle.
HourOf = Callable[[str, int], Candle | None]


class Volatility:
    """Remembers when each market was last in which band. It knows what it was shown: `observe` it often."""

    def __init__(self, hour_of: HourOf) -> None:
        self._hour_of = hour_of
        self._last_us: dict[tuple[str, Band], int] = {}

    def observe(self, symbols: Iterable[str], now_us: int) -> None:
        for symbol in symbols:
            hour = self._hour_of(symbol, now_us)
            if hour is None:
                continue
            moved = (hour.high - hour.low) / hour.low
            for band in BANDS:
                if moved > band.above:
                    self._last_us[symbol, band] = now_us

    def clock_stepped(self, by_us: int) -> None:
        """What lasts goes on for as long as it would have."""
        self._last_us = {key: last_us + by_us for key, last_us in self._last_us.items()}

    def cut(self, symbol: str, now_us: int) -> Decimal:
        """The share of leverage that is taken away at this moment."""
        self.observe((symbol,), now_us)
        for band in BANDS:
            last_us = self._last_us.get((symbol, band))
            if last_us is not None and now_us < last_us + band.lasts_us:
                return band.cut
        return Decimal(0)
