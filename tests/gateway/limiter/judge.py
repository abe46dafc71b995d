"""An independent judge of limits: counts arrivals in windows by brute force, not knowing how they were granted."""

from collections import Counter
from collections.abc import Sequence


def most_in_any_window(arrivals_us: Sequence[int], period_us: int) -> int:
    """Every rolling window worth looking at starts at an arrival; it is half open, [start, start + period)."""
    return max(
        (sum(1 for other in arrivals_us if start <= other < start + period_us) for start in arrivals_us), default=0
    )


def most_in_aligned_windows(arrivals_us: Sequence[int], period_us: int, phase_us: int) -> int:
    return max(Counter((at + phase_us) // period_us for at in arrivals_us).values(), default=0)


def most_in_first_request_windows(arrivals_us: Sequence[int], period_us: int) -> int:
    """A window opens with the first request after the last one closed."""
    most, opened, inside = 0, None, 0
    for at in sorted(arrivals_us):
        if opened is None or at >= opened + period_us:
            opened, inside = at, 0
        inside += 1
        most = max(most, inside)
    return most
