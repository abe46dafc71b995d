"""`python -m bench.limiter.speed WHO URL`: how many decisions one process gets out of a Redis per second, printed."""

import asyncio
import sys
import time

import uvloop

from adapters.contract import CallKind
from bench.limiter.ours import ACCOUNT, CALLS, NO_LIMIT, opened
from bench.limiter.peers import PEERS, AdmitAsync, Peer

_REFUSED = "refused below its limit"

CALLERS = 320
"""Of ours, at once: as many as the benchmark of the script itself keeps in flight."""
PEERS_CALLERS = 50
"""Of a peer, at once: each of theirs has a connection of its own, so that more make it slower."""
PERIOD_S = 1
WARM_UP_S = 0.3
MEASURED_S = 1.2


async def ours(url: str) -> float:
    """Whole calls: leave, start, answer."""
    async with opened(url, NO_LIMIT, PERIOD_S * 1000) as limiter:
        throttle = limiter.throttle(client="bench", account=ACCOUNT)

        async def call() -> bool:
            async with throttle.grant(CALLS[CallKind.ORDER]) as grant:
                grant.start()
                grant.answered({})
            return True

        return await _per_s(call, CALLERS)


async def peer_async(peer: Peer, url: str) -> float:
    return await _per_s(await peer.quickest_async(url, NO_LIMIT, PERIOD_S), PEERS_CALLERS)


def peer_sync(peer: Peer, url: str) -> float:
    """One after the other, which is all that a synchronous client can."""
    admit, per_s = peer.quickest(url, NO_LIMIT, PERIOD_S), 0.0
    for measured_s in (WARM_UP_S, MEASURED_S):
        made, began_s = 0, time.perf_counter()
        while time.perf_counter() < began_s + measured_s:
            if not admit():
                raise RuntimeError(_REFUSED)
            made += 1
        per_s = made / (time.perf_counter() - began_s)
    return per_s


async def _per_s(call: AdmitAsync, callers: int) -> float:
    made, is_over = 0, False

    async def call_on() -> None:
        nonlocal made
        while not is_over:
            if not await call():
                raise RuntimeError(_REFUSED)
            made += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(call_on())
        await asyncio.sleep(WARM_UP_S)
        before, began_s = made, time.perf_counter()
        await asyncio.sleep(MEASURED_S)
        per_s = (made - before) / (time.perf_counter() - began_s)
        is_over = True
    return per_s


def main(who: str, url: str) -> None:
    uvloop.install()
    if who == "ours":
        print(asyncio.run(ours(url)))
    else:
        # Which of its clients is the quicker one depends on the machine, so it gets to show both.
        print(max(peer_sync(PEERS[who], url), asyncio.run(peer_async(PEERS[who], url))))


if __name__ == "__main__":
    main(*sys.argv[1:])
