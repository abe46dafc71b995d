"""Requests from three replicas while things break: how many arrive at the venue above its limit."""

import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.limiter.replica import KINDS, Spec
from bench.limiter.stage import Stage, staged

LIMIT = 1500
PERIOD_MS = 1000
SKEWS_S = (-2.0, 0.0, 2.0)
WORKERS = 600
THERE_MAX_MS = 2000
BACK_MAX_MS = 300
HARD_TIMEOUT_S = 6.0
"""A grant's life, the longest pause and the longest way there."""
PAUSE_MAX_S = 2.5
CALM_S = (1.0, 3.0)
"""From one disturbance to the next."""
SLOWEST_PER_S = 100
"""Less than that, all disturbances included, is a failure of the test."""
TOLD_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the judge saw, and what was done meanwhile."""

    arrivals: int
    breaches: int
    seconds: float
    disturbances: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.breaches:,} of {self.arrivals:,}"


def breaches(who: str, requests: int, *, seed: int) -> Outcome:
    """Let so many requests arrive. Raises `TimeoutError` if that takes too long.

    Orders and reads only: without Redis a cancel is let go even beyond the limit, on purpose.
    """
    chance, done = random.Random(seed), Counter[str]()
    with staged(LIMIT, PERIOD_MS, is_durable=True) as stage:
        stage.enter([_spec(who, stage, index) for index in range(len(SKEWS_S))])
        stage.wait_for(1, 30)
        began_s = told_s = time.monotonic()
        while (report := stage.report())["arrivals"] < requests:
            done[_disturb(stage, chance)] += 1
            time.sleep(chance.uniform(*CALM_S))
            now_s = time.monotonic()
            if now_s - began_s > longest_s(requests):
                raise TimeoutError(f"{who}: only {report['arrivals']} requests arrived")
            if now_s - told_s > TOLD_EVERY_S:
                told_s = now_s
                told = f"{report['arrivals']:,} of {requests:,} requests, {report['breaches']} breaches"
                print(f"{who}: {told}, {now_s - began_s:.0f} s", file=sys.stderr, flush=True)
        return Outcome(report["arrivals"], report["breaches"], time.monotonic() - began_s, done)


def longest_s(requests: int) -> float:
    """How long so many requests may take."""
    return 60 + requests / SLOWEST_PER_S


def _spec(who: str, stage: Stage, index: int) -> Spec:
    third = WORKERS // 3
    return Spec(
        who=who,
        url=stage.redis.url,
        road=stage.road,
        limit=LIMIT,
        period_ms=PERIOD_MS,
        workers=[(index, kind, third) for kind in range(1, len(KINDS))],
        there_max_ms=THERE_MAX_MS,
        back_max_ms=BACK_MAX_MS,
        skew_s=SKEWS_S[index],
        hard_timeout_s=HARD_TIMEOUT_S,
    )


def _disturb(stage: Stage, chance: random.Random) -> str:
    """Break one thing and mend it; answers what was done."""
    index = chance.randrange(len(stage.replicas))
    what = chance.choice(("kill -9", "SIGSTOP", "Redis restart"))
    if what == "kill -9":
        stage.kill(index)
    elif what == "SIGSTOP":
        stage.replicas[index].send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, PAUSE_MAX_S))
        stage.replicas[index].send_signal(signal.SIGCONT)
    else:
        stage.redis.kill()
        time.sleep(chance.uniform(0, 1))
        stage.redis.start()
    return what
