"""Carries disturbances out on a fleet, takes them back, and writes down when what was away. Main thread only."""

import heapq
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count

from tests.chaos.stage import LINKS
from tests.harness.fault_proxy import FaultProxy
from tests.harness.faults import Pass
from tests.harness.fleet import Fleet
from tests.harness.gateways import Replica
from tests.soak_orders.disturbances import Disturbance

STEP_S = 0.02


class Stagehand:
    """`away` is when a replica or Redis was down or stopped, in epoch milliseconds."""

    def __init__(self, fleet: Fleet, planned: Iterator[Disturbance]) -> None:
        self.done: Counter[str] = Counter()
        self.away: list[tuple[int, int]] = []
        self._fleet = fleet
        self._planned = planned
        self._next = next(planned)
        self._started_s = time.monotonic()
        self._to_undo: list[tuple[float, int, Disturbance, int]] = []
        self._numbers = count()
        self._waiting = ThreadPoolExecutor(1)
        self._starting: dict[int, tuple[Future[None], int]] = {}
        """Replicas that are not up again yet, and since when they were away."""

    def work(self) -> None:
        """Do what is due, and wait a moment."""
        now_s = time.monotonic() - self._started_s
        self._note_started()
        while self._to_undo and self._to_undo[0][0] <= now_s:
            _, _, disturbance, began_ms = heapq.heappop(self._to_undo)
            self._undo(disturbance, began_ms)
        if self._next.at_s <= now_s:
            disturbance, self._next = self._next, next(self._planned)
            began_ms = _now_ms()
            if self._do(disturbance):
                self.done[disturbance.name] += 1
                heapq.heappush(self._to_undo, (now_s + disturbance.for_s, next(self._numbers), disturbance, began_ms))
        time.sleep(STEP_S)

    def finish(self) -> None:
        """Take everything back, and wait until each replica says that all is well. Raises `TimeoutError`."""
        for _, _, disturbance, began_ms in sorted(self._to_undo):
            self._undo(disturbance, began_ms)
        self._to_undo.clear()
        while self._starting:
            self._note_started()
            time.sleep(STEP_S)
        self._fleet.heal()

    def _do(self, disturbance: Disturbance) -> bool:
        """Whether there was anything to disturb."""
        replica = self._fleet.replicas[disturbance.replica]
        if disturbance.replica in self._starting or (self._starting and disturbance.kind == "redis restart"):
            return False  # it is not up before it has reached all
        if disturbance.kind == "redis restart":
            began_ms = _now_ms()
            self._fleet.redis.kill()
            time.sleep(disturbance.for_s)
            self._fleet.redis.start()
            self.away.append((began_ms, _now_ms()))
        elif disturbance.kind == "clock":
            replica.skew_ms = disturbance.skew_ms
        elif disturbance.kind.endswith("link"):
            proxy = _proxy(replica, disturbance.kind.partition("'")[0])
            if disturbance.how == "cut":
                proxy.cut()
            else:
                up, down = LINKS[disturbance.how]
                proxy.set(to_server=up, to_client=down)
        elif self._starting or any(other.kind in {"kill -9", "SIGSTOP"} for _, _, other, _ in self._to_undo):
            return False  # two of three stay, as where pods have a budget for disruptions
        elif disturbance.kind == "kill -9":
            replica.kill()
        else:
            replica.pause()
        return True

    def _undo(self, disturbance: Disturbance, began_ms: int) -> None:
        replica = self._fleet.replicas[disturbance.replica]
        if disturbance.kind == "clock":
            replica.skew_ms = 0
        elif disturbance.kind.endswith("link"):
            _proxy(replica, disturbance.kind.partition("'")[0]).set(to_server=Pass(), to_client=Pass())
        elif disturbance.kind == "kill -9":
            for proxy in (replica.to_redis, *replica.to_venue.values()):
                proxy.heal()
            replica.skew_ms = 0
            replica.begin()
            self._starting[disturbance.replica] = self._waiting.submit(replica.wait_until_up), began_ms
        elif disturbance.kind == "SIGSTOP":
            replica.resume()
            self.away.append((began_ms, _now_ms()))

    def _note_started(self) -> None:
        """Raises what kept a replica from starting."""
        for number, (up, began_ms) in list(self._starting.items()):
            if up.done():
                up.result()
                del self._starting[number]
                self.away.append((began_ms, _now_ms()))


def _proxy(replica: Replica, peer: str) -> FaultProxy:
    if peer == "bots":
        return replica.front
    return replica.to_redis if peer == "redis" else replica.to_venue[peer]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
