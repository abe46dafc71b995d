"""`python -m bench.limiter.speed WHO URL`: how many decisions one process gets out of a Redis per second, printed."""

import asyncio
import sys
import time

import uvloop

from adapters.contract import CallKind
from bench.limiter.ours import ACCOUNT, CALLS, NO_LIMIT, opened
from bench.limiter.peers import PEERS, Admit

CALLERS = 320
"""Of ours, at once: as many as the benchmark of the script itself keeps in flight."""
PERIOD_S = 1
WARM_UP_S = 0.5
MEASURED_S = 1.5


async def ours(url: str) -> float:
    """Whole calls: leave, start, answer."""
    made = 0

    async def call_on() -> None:
        nonlocal made
        throttle = limiter.throttle(client="bench", account=ACCOUNT)
        while True:
            async with throttle.grant(CALLS[CallKind.ORDER]) as grant:
                grant.start()
                grant.answered({})
            made += 1

    async with opened(url, NO_LIMIT, PERIOD_S * 1000) as limiter:
        callers = [asyncio.create_task(call_on()) for _ in range(CALLERS)]
        await asyncio.sleep(WARM_UP_S)
        before, began_s = made, time.perf_counter()
        await asyncio.sleep(MEASURED_S)
        per_s = (made - before) / (time.perf_counter() - began_s)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    return per_s


def peers(admit: Admit) -> float:
    """One after the other, which is all a synchronous client can."""
    for measured_s in (WARM_UP_S, MEASURED_S):
        made, began_s = 0, time.perf_counter()
        while time.perf_counter() < began_s + measured_s:
            for _ in range(50):
                if not admit():
                    raise RuntimeError("refused below its limit")
            made += 50
        per_s = made / (time.perf_counter() - began_s)
    return per_s


def main(who: str, url: str) -> None:
    if who == "ours":
        uvloop.install()
        print(asyncio.run(ours(url)))
    else:
        print(peers(PEERS[who].quickest(url, NO_LIMIT, PERIOD_S)))


if __name__ == "__main__":
    main(*sys.argv[1:])
