"""How long to wait before the next attempt: growing, capped, and random, so that many do not return in step."""

import random
from collections.abc import Callable, Iterator


def delays(
    first_s: float, cap_s: float, *, factor: float = 2.0, uniform: Callable[[float, float], float] = random.uniform
) -> Iterator[float]:
    """Yield waits in seconds without end: each anywhere between half of a ceiling and the ceiling.

    The ceiling starts at `first_s` and grows by `factor` up to `cap_s`. The very first wait may be anything from zero,
    since those who lose a connection together should not come back together.
    """
    ceiling_s = min(first_s, cap_s)
    yield uniform(0.0, ceiling_s)
    while True:
        ceiling_s = min(ceiling_s * factor, cap_s)
        yield uniform(ceiling_s / 2, ceiling_s)
