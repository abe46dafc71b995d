"""Three replicas with more to ask than there is: how much of the limit is used, who gets it, what it costs Redis."""

import socket
import time
from collections.abc import Sequence

import hiredis

from adapters.contract import CallKind
from bench.limiter.redis import HOST, BenchRedis
from bench.limiter.replica import KINDS, Spec
from bench.limiter.stage import Stage, staged
from bench.limiter.table import jain, use_of_limit

LIMIT = 1000
PERIOD_MS = 1000
LONG_PERIOD_MS = 4000
"""Where the time an answer takes must be small beside it, as it is beside the venues' minute."""
LOTS = 6
"""Whole limits that are watched, after the first two."""
LONG_PERIODS = 2
BACKLOG = 100
"""Calls of each kind, or of each equal client, that always wait."""
EQUAL_CLIENTS = 20
CLIENTS_OF = (12, 6, 2)
"""How the equal clients are spread over the replicas."""
WAITERS = 1000
_READ = KINDS.index(CallKind.MARKET_READ)


def use_under_backlog(kinds: Sequence[CallKind]) -> float:
    """The share of the limit that arrived while calls of these kinds always waited."""
    workers = [(0, KINDS.index(kind), BACKLOG) for kind in kinds]
    with staged(LIMIT, LONG_PERIOD_MS) as stage:
        stage.enter(_specs(stage, [workers] * 3, LONG_PERIOD_MS))
        stage.wait_for(1, 30)
        time.sleep((LONG_PERIODS + 1.5) * LONG_PERIOD_MS / 1000)
        times_us = stage.times_us()
    return use_of_limit(times_us, LIMIT, LONG_PERIOD_MS * 1000, periods=LONG_PERIODS)


def fairness() -> float:
    """Jain's index of what equal clients got, some of which share their replica with many and some with few."""
    clients = iter(range(EQUAL_CLIENTS))
    workers = [[(next(clients), _READ, BACKLOG) for _ in range(number)] for number in CLIENTS_OF]
    with staged(LIMIT, PERIOD_MS) as stage:
        stage.enter(_specs(stage, workers))
        before = stage.wait_for(2 * LIMIT, 60)
        after = stage.wait_for((2 + LOTS) * LIMIT, 60)
    got = [after["by_client"][str(client)] - before["by_client"].get(str(client), 0) for client in range(EQUAL_CLIENTS)]
    return jain(got)


def redis_calls_per_request() -> float:
    """Commands Redis was sent for each request that went, however many waited; heartbeats and settling included."""
    with staged(LIMIT, PERIOD_MS) as stage:
        stage.enter(_specs(stage, [[(0, _READ, WAITERS)]]))
        before, calls_before = stage.wait_for(2 * LIMIT, 60), _commands(stage.redis)
        after, calls_after = stage.wait_for((2 + LOTS) * LIMIT, 60), _commands(stage.redis)
    requests: int = after["arrivals"] - before["arrivals"]
    return (calls_after - calls_before) / requests


def _specs(stage: Stage, workers: Sequence[Sequence[tuple[int, int, int]]], period_ms: int = PERIOD_MS) -> list[Spec]:
    return [Spec("ours", stage.redis.url, stage.road, LIMIT, period_ms, of_replica) for of_replica in workers]


def _commands(redis: BenchRedis) -> int:
    """All that clients have sent so far; what scripts call themselves is not among it, nor is this question."""
    reader = hiredis.Reader()
    with socket.create_connection((HOST, redis.port)) as connection:
        connection.sendall(b"INFO commandstats\r\n")
        while (reply := reader.gets()) is False:
            reader.feed(connection.recv(1 << 16))
    return commands_of(reply.decode())


def commands_of(commandstats: str) -> int:
    """Calls from outside: scripts run, and commands that no script of ours calls."""
    calls = 0
    for line in commandstats.splitlines():
        name, _, numbers = line.partition(":calls=")
        if name in {"cmdstat_evalsha", "cmdstat_eval", "cmdstat_ping"}:
            calls += int(numbers.partition(",")[0])
    return calls
