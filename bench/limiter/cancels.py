"""`python -m bench.limiter.cancels URL`: how long cancels wait, idle and while reads saturate; seconds, as JSON.

One process, in turns of both, so that what else the machine does touches both alike.
"""

import asyncio
import json
import sys
import time

import uvloop

from adapters.contract import CallKind
from bench.limiter.ours import ACCOUNT, CALLS, opened
from gateway.errors import Refusal
from gateway.limiter import Limiter

LIMIT = 1000
PERIOD_MS = 1000
READERS = 1000
EVERY_S = 0.04
"""Cancels come half as often as the reserve alone would bear."""
TURN_S = 2.0
TURNS = 4
ANSWER_S = 0.001


async def call_once(limiter: Limiter, kind: CallKind) -> float:
    """Make one call; answers how long it waited for leave."""
    throttle = limiter.throttle(client=kind.value, account=ACCOUNT, max_wait_s=60.0)
    asked_s = time.perf_counter()
    async with throttle.grant(CALLS[kind]) as grant:
        waited_s = time.perf_counter() - asked_s
        grant.start()
        await asyncio.sleep(ANSWER_S)
        grant.answered({})
    return waited_s


async def _read_on(limiter: Limiter) -> None:
    while True:
        try:
            await call_once(limiter, CallKind.MARKET_READ)
        except Refusal:
            await asyncio.sleep(EVERY_S)


async def _cancel_for(limiter: Limiter, seconds: float) -> list[float]:
    async with asyncio.TaskGroup() as group:
        until_s, tasks = time.perf_counter() + seconds, []
        while time.perf_counter() < until_s:
            tasks.append(group.create_task(call_once(limiter, CallKind.CANCEL)))
            await asyncio.sleep(EVERY_S)
    return [task.result() for task in tasks]


async def measure(url: str) -> dict[str, list[float]]:
    idle, saturated = list[float](), list[float]()
    async with opened(url, LIMIT, PERIOD_MS) as limiter:
        await _cancel_for(limiter, 0.5)
        for _ in range(TURNS):
            idle += await _cancel_for(limiter, TURN_S)
            readers = [asyncio.create_task(_read_on(limiter)) for _ in range(READERS)]
            await asyncio.sleep(0.5)
            saturated += await _cancel_for(limiter, TURN_S)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
    return {"idle": idle, "saturated": saturated}


if __name__ == "__main__":
    uvloop.install()
    print(json.dumps(asyncio.run(measure(sys.argv[1]))))
