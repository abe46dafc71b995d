"""Who runs where: what is measured has one core to itself, whatever drives it has another."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def measured_core() -> int:
    return min(os.sched_getaffinity(0))


def driving_core() -> int:
    """The other one; the same where there is only one."""
    return max(os.sched_getaffinity(0))


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run the block on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
