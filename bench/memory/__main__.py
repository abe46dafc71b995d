"""Prints bytes per order, and what a busy day comes to."""

import asyncio
import sys

from bench.memory.measure import measure
from gateway.store.embedded import EmbeddedServer

PER_MINUTE, WHOLE_MINUTES, FLOOR_GIB = 3_000, 15, 4


def main(count: int) -> int:
    with EmbeddedServer(None) as server:
        taken = asyncio.run(measure(server.url, count))
    day_gib = taken.of_a_day(PER_MINUTE, WHOLE_MINUTES) / 2**30
    print(f"{count} orders: {taken.whole:.0f} B each whole (at most 4096), {taken.shrunk:.0f} B shrunk (at most 400)")
    print(f"a day of {PER_MINUTE} a minute: {day_gib:.2f} GiB (at most {FLOOR_GIB})")
    return 0 if taken.whole < 4_096 and taken.shrunk <= 400 and day_gib < FLOOR_GIB else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
