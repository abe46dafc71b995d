"""A random schedule of disturbances, after which every promise must hold.

hypothesis chooses the steps; real processes live through them while bots trade without pause. At the end everything is
brought back to well, every order is asked for until its fate is known, and the venues' own ledgers judge.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.chaos.stage import Stage

VENUES = st.sampled_from(("backpack", "zanbara"))
REPLICAS = st.integers(0, 1)

ORDER_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "500": {"status": 500},
    "503 of a proxy": {"status": 503, "body": "<html>busy</html>"},
    "close": {"close": True},
    "reset": {"reset": True},
    "hang": {"hang_ms": 1_500},
    "late": {"late_ms": 300},
    "closed and late": {"late_ms": 300, "close": True},
    "truncated": {"truncate": 20},
    "garbage": {"garble": True},
    "redirect": {"status": 307, "headers": {"location": "http://127.0.0.1:9/"}},
}
BOOK_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "duplicate": {"duplicate": True},
    "reorder": {"reorder": True},
    "delay": {"delay_ms": 120},
    "garble": {"garble": True},
    "close": {"close": 1011},
}
PLACE_PATHS = {"backpack": "/api/v1/order", "zanbara": "/v1/order/place"}
BOOK_TOPICS = {"backpack": "depth.*", "zanbara": "orderbook.*"}

STEP_MS = 120
"""How long trading meets what a step has done before the next one comes."""

Step = TypeVar("Step", bound=Callable[..., None])


def told(step: Step) -> Step:
    """Write the step down as it is taken."""

    @wraps(step)
    def taken(self: "Chaos", **arguments: Any) -> None:
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        self.stage.schedule.append(f"{step.__name__}({shown})")
        step(self, **arguments)
        self.stage.wait(STEP_MS)

    return taken  # type: ignore[return-value]


def may(kind: str) -> Callable[[Step], Step]:
    """A disturbance that only some climates have."""
    return precondition(lambda self: kind in self.stage.climate)


class Chaos(RuleBasedStateMachine):
    """`stage` is where it all happens; one per run, and the machine is begun and ended on it many times."""

    stage: ClassVar[Stage]

    @initialize()
    def begin(self) -> None:
        self.stage.begin()

    @rule(ms=st.integers(50, 400))
    @told
    def wait(self, ms: int) -> None:
        self.stage.wait(ms)

    # -- venues --------------------------------------------------------------------------------------------------------

    @may("orders")
    @rule(
        venue=VENUES,
        fault=st.sampled_from(sorted(ORDER_FAULTS)),
        when=st.sampled_from(("before", "after_execute")),
        count=st.integers(1, 3),
    )
    @told
    def spoil_orders(self, venue: str, fault: str, when: str, count: int) -> None:
        do = ORDER_FAULTS[fault]
        moment = {} if do.keys() & {"late_ms", "truncate", "garble"} else {"when": when}
        match = {"method": "POST", "path": PLACE_PATHS[venue]}
        self.stage.spoil(venue, {"match": match, "count": count, "do": do, **moment})

    @may("books")
    @rule(venue=VENUES, fault=st.sampled_from(sorted(BOOK_FAULTS)), count=st.integers(1, 2))
    @told
    def spoil_books(self, venue: str, fault: str, count: int) -> None:
        self.stage.spoil(venue, {"match": {"topic": BOOK_TOPICS[venue]}, "count": count, "do": BOOK_FAULTS[fault]})

    @may("gaps")
    @rule(venue=VENUES, count=st.integers(1, 2))
    @told
    def lose_deltas(self, venue: str, count: int) -> None:
        self.stage.spoil(venue, {"match": {"topic": BOOK_TOPICS[venue]}, "count": count, "do": {"withhold": True}})

    @may("gaps")
    @rule(venue=VENUES, skipped=st.integers(1, 3))
    @told
    def skip_ids(self, venue: str, skipped: int) -> None:
        self.stage.skip_ids(venue, skipped)

    @may("sockets")
    @rule(venue=VENUES, how=st.sampled_from(("close", "reset", "half_open")))
    @told
    def cut_sockets(self, venue: str, how: str) -> None:
        self.stage.cut_sockets(venue, how)

    @may("venue clocks")
    @rule(venue=VENUES, ahead_ms=st.sampled_from((-10_000, -700, 700, 10_000)))
    @told
    def put_clock(self, venue: str, ahead_ms: int) -> None:
        self.stage.put_clock(venue, ahead_ms)

    # -- networks ------------------------------------------------------------------------------------------------------

    @may("links")
    @rule(
        replica=REPLICAS,
        peer=st.sampled_from(("redis", "backpack", "zanbara")),
        how=st.sampled_from(("slow", "slower", "hole up", "hole down", "slices", "cut", "pass")),
    )
    @told
    def disturb(self, replica: int, peer: str, how: str) -> None:
        self.stage.disturb(replica, peer, how)

    @may("slow redis")
    @rule(replica=REPLICAS)
    @told
    def slow_redis(self, replica: int) -> None:
        self.stage.disturb(replica, "redis", "slower")

    # -- processes -----------------------------------------------------------------------------------------------------

    @may("processes")
    @rule(replica=REPLICAS)
    @told
    def kill(self, replica: int) -> None:
        self.stage.kill(replica)

    @may("processes")
    @rule(replica=REPLICAS)
    @told
    def pause(self, replica: int) -> None:
        self.stage.pause(replica)

    @may("processes")
    @rule(replica=REPLICAS)
    @told
    def resume(self, replica: int) -> None:
        self.stage.resume(replica)

    @may("replica clocks")
    @rule(replica=REPLICAS, skew_ms=st.sampled_from((-10_000, -1_500, 1_500, 10_000)))
    @told
    def skew(self, replica: int, skew_ms: int) -> None:
        self.stage.skew(replica, skew_ms)

    @may("redis")
    @rule(what=st.sampled_from(("restart", "pause", "fill", "read_only", "forget_scripts", "drop_listeners")))
    @told
    def disturb_redis(self, what: str) -> None:
        self.stage.disturb_redis(what)

    @rule()
    @told
    def heal(self) -> None:
        self.stage.heal()

    def teardown(self) -> None:
        self.stage.judge()
