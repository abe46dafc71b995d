"""`python -m bench.memory [ORDERS]`: bytes per order in each state, and what a busy day takes; 1 if one is missed."""

import asyncio
import sys

from bench.figures import say
from bench.memory.day import ACCOUNTS, Day, Taken
from gateway.store.client import Store
from gateway.store.embedded import EmbeddedServer

PER_MINUTE, WHOLE_MINUTES, DAY_MAX = 3_000, 15, 4 * 2**30
DAY = PER_MINUTE * 60 * 24
_PART = DAY // 100


def main(count: int) -> int:
    with EmbeddedServer(None) as server:
        taken = asyncio.run(_measure(server.url, count))
    say("")
    day, week = (taken.of(days * DAY, whole=PER_MINUTE * WHOLE_MINUTES) for days in (1, 7))
    lines = (
        ("open order", taken.open, 4_096),
        ("ended order, whole for 15 minutes", taken.ended, 4_096),
        ("ended order, shrunk", taken.shrunk, 400),
        ("entry of a journal", taken.entry, 400),
    )
    print(f"{count} orders on {len(ACCOUNTS)} accounts, bytes each:")
    for name, measured, most in lines:
        print(f"  {name:36}{measured:8,.0f}  at most {most:5,}  {_verdict(is_met=measured <= most)}")
    print(f"journals of all accounts, at their longest: {_gib(taken.journals)}")
    is_met = day <= DAY_MAX
    print(f"a day of {PER_MINUTE:,} orders a minute: {_gib(day)}, at most {_gib(DAY_MAX)}  {_verdict(is_met=is_met)}")
    print(f"seven such days without a pause, if orders.keep_finished_ms is as by default: {_gib(week)}")
    return 0 if day <= DAY_MAX and all(measured <= most for _, measured, most in lines) else 1


async def _measure(redis_url: str, count: int) -> Taken:
    async with Store.open(redis_url, timeout_s=5.0) as store:
        return await Day(store, say).take(count)


def _verdict(*, is_met: bool) -> str:
    return "PASS" if is_met else "MISSED"


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else _PART))
