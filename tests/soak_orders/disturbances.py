"""What goes wrong in a run, when, and for how long: the same seed gives the same. Pure."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.machine import PLACE_PATHS
from tests.chaos.stage import LINKS

HOW = [*sorted(LINKS.keys() - {"pass"}), "cut"]
SKEWS_MS = (-10_000, 10_000)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Begins `at_s` after the start."""

    at_s: float
    for_s: float
    kind: str
    replica: int = 0
    how: str = ""
    skew_ms: int = 0

    @property
    def name(self) -> str:
        """What it is counted as."""
        return f"{self.kind} {self.how}".strip()


@dataclass(frozen=True, slots=True)
class Weather:
    """How rough it is: seconds between disturbances, and the longest of each kind."""

    every_s: tuple[float, float] = (1.0, 3.0)
    link_s: float = 2.5
    kill_s: float = 1.5
    pause_s: float = 7.0
    skew_s: float = 8.0
    redis_s: float = 1.0


def disturbances(seed: int, replicas: int, weather: Weather) -> Iterator[Disturbance]:
    """Without end. Kinds come in shuffled rounds, so that even a short run has some of each."""
    chance = random.Random(seed)
    longest = {
        "bots' link": weather.link_s,
        "redis' link": weather.link_s,
        "backpack's link": weather.link_s,
        "zanbara's link": weather.link_s,
        "kill -9": weather.kill_s,
        "SIGSTOP": weather.pause_s,
        "clock": weather.skew_s,
        "redis restart": weather.redis_s,
    }
    at_s = 0.0
    while True:
        for kind in chance.sample(sorted(longest), len(longest)):
            at_s += chance.uniform(*weather.every_s)
            for_s = longest[kind] * chance.uniform(0.2, 1.0)
            replica = chance.randrange(replicas)
            if kind.endswith("link"):
                yield Disturbance(at_s, for_s, kind, replica, how=chance.choice(HOW))
            elif kind == "clock":
                yield Disturbance(at_s, for_s, kind, replica, skew_ms=chance.choice(SKEWS_MS))
            else:
                yield Disturbance(at_s, for_s, kind, replica)


def venue_rules(seed: int, venue: str, windows_ms: Mapping[str, int], times: int = 1) -> Sequence[Mapping[str, Any]]:
    """How the venue deals with orders in place of answering truthfully; each strikes about 1 in 100, times `times`.

    What is late is executed inside the time that a signature is good for, or after it.
    """
    within_ms, beyond_ms = windows_ms[venue] // 3, windows_ms[venue] * 3 // 2
    after: Mapping[str, Any] = {"when": "after_execute"}
    deeds: Sequence[tuple[float, Mapping[str, Any], Mapping[str, Any]]] = (
        (0.015, {"close": True}, after),
        (0.015, {"status": 503, "body": "<html>busy</html>"}, after),
        (0.015, {"reset": True}, after),
        (0.01, {"hang_ms": 2_500}, after),
        (0.015, {"reset": True}, {}),
        (0.01, {"status": 500}, {}),
        (0.01, {"late_ms": within_ms, "close": True}, {}),
        (0.01, {"late_ms": beyond_ms, "close": True}, {}),
    )
    match = {"method": "POST", "path": PLACE_PATHS[venue]}
    return [
        {"match": match, "count": None, "probability": share * times, "seed": seed + number, "do": do, **moment}
        for number, (share, do, moment) in enumerate(deeds)
    ]
