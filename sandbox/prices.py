"""Where prices go: a path that follows from the seed, the base asset and the time alone.

Two venues with one seed therefore quote around the same fair price at any moment, whenever each was started. The path
is a sum of waves of seeded random heights, each wave slower and higher than the one before. Integers only.
"""

import hashlib
from functools import lru_cache

SECOND_US = 1_000_000
UNIT = 10**8  # deviations are counted in hundred-millionths of the start price
# (period in microseconds, height in units): from the flicker at the touch to the drift of a day.
WAVES = (
    (SECOND_US // 5, 15_000),
    (2 * SECOND_US, 40_000),
    (10 * SECOND_US, 40_000),
    (60 * SECOND_US, 120_000),
    (600 * SECOND_US, 400_000),
    (21_600 * SECOND_US, 1_000_000),
)


class PricePath:
    """The relative deviation of one asset's fair price from where it started."""

    def __init__(self, seed: int, asset: str) -> None:
        self._name = f"{seed}/{asset}"
        self._height = lru_cache(maxsize=4 * len(WAVES))(self._drawn)

    def deviation(self, time_us: int) -> int:
        """In units of `UNIT`: 1_000_000 is one per cent up."""
        return sum(self._wave(number, time_us) for number in range(len(WAVES)))

    def _wave(self, number: int, time_us: int) -> int:
        period_us, height = WAVES[number]
        index, within = divmod(time_us, period_us)
        left, right = self._height(number, index), self._height(number, index + 1)
        return (left * (period_us - within) + right * within) * height // (period_us * UNIT)

    def _drawn(self, number: int, index: int) -> int:
        """The wave's height at one of its knots, from -UNIT to UNIT."""
        digest = hashlib.blake2b(f"{self._name}/{number}/{index}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % (2 * UNIT + 1) - UNIT
