"""`python -m bench.limiter.replica SPEC`: one replica that makes requests without end, by leave of a limiter.

Its wall clock is wrong by `skew_s`, for everything that reads it in Python.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import cast

import uvloop

from adapters.contract import CallKind
from adapters.errors import GrantExpired
from bench.limiter.judge import ANSWER, REQUEST

KINDS = tuple(CallKind)
AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Spec:
    """What one replica is to do. `workers` are so many of one kind of a client, each with one call at a time."""

    who: str
    url: str
    road: str
    limit: int
    period_ms: int
    workers: Sequence[tuple[int, int, int]]
    """Client, kind as its place in `CallKind`, how many."""
    there_max_ms: int = 1
    back_max_ms: int = 1
    skew_s: float = 0.0
    hard_timeout_s: float = 10.0

    def text(self) -> str:
        return json.dumps(asdict(self))


class Road(asyncio.Protocol):
    """Requests to the judge, each awaited for its answer."""

    def __init__(self, spec: Spec):
        self._spec = spec
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, client: int, kind: int) -> asyncio.Future[None]:
        """Most are quick and a few take all the time there is."""
        number = next(self._numbers)
        there_ms = round(self._spec.there_max_ms * random.random() ** 3)
        back_ms = round(self._spec.back_max_ms * random.random() ** 3)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._transport.write(REQUEST.pack(number, there_ms, back_ms, client, kind))
        return answer

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % ANSWER.size
        self._rest = data[whole:]
        for (number,) in ANSWER.iter_unpack(data[:whole]):
            answer = self._answers.pop(number)
            if not answer.done():
                answer.set_result(None)


async def _ours(spec: Spec, road: Road) -> None:
    from bench.limiter.ours import ACCOUNT, CALLS, opened  # noqa: PLC0415  # after the clock was set wrong
    from gateway.errors import Refusal  # noqa: PLC0415

    async def work(client: int, kind: int) -> None:
        throttle = limiter.throttle(client=f"client {client}", account=ACCOUNT, max_wait_s=60.0)
        while True:
            try:
                async with throttle.grant(CALLS[KINDS[kind]]) as grant:
                    grant.start()
                    await road.send(client, kind)
                    grant.answered({})
            except (Refusal, GrantExpired):
                await asyncio.sleep(AGAIN_S)

    opening = opened(spec.url, spec.limit, spec.period_ms, hard_timeout_s=spec.hard_timeout_s)
    async with opening as limiter, asyncio.TaskGroup() as group:
        for client, kind, number in spec.workers:
            for _ in range(number):
                group.create_task(work(client, kind))


async def _peer(spec: Spec, road: Road) -> None:
    from bench.limiter.peers import PEERS  # noqa: PLC0415  # after the clock was set wrong

    client, kind, _ = spec.workers[0]
    peer, admit = PEERS[spec.who], None
    while True:
        try:
            admit = admit or peer.strictest(spec.url, spec.limit, spec.period_ms // 1000)
            is_admitted = admit()
        except Exception:  # Redis is away; each library has its own words for that
            admit = None
            await asyncio.sleep(AGAIN_S)
            continue
        if is_admitted:
            road.send(client, kind)
        await asyncio.sleep(0 if is_admitted else AGAIN_S / 10)


async def run(spec: Spec) -> None:
    _, road = await asyncio.get_running_loop().create_unix_connection(lambda: Road(spec), spec.road)
    await (_ours if spec.who == "ours" else _peer)(spec, road)


def set_clock_wrong(skew_s: float) -> None:
    """Before anything that reads the wall clock by another name is imported."""
    wall_s, wall_ns = time.time, time.time_ns
    time.time = lambda: wall_s() + skew_s
    time.time_ns = lambda: wall_ns() + round(skew_s * 1e9)


if __name__ == "__main__":
    spec = Spec(**json.loads(sys.argv[1]))
    set_clock_wrong(spec.skew_s)
    uvloop.install()
    asyncio.run(run(spec))
