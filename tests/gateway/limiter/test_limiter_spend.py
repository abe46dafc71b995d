"""The sums: the script's and the Python ones are the same, never exceed a limit, and waste little of it."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from gateway.limiter.claims import Wanted
from gateway.limiter.redis_spend import _BLOCK, _SETTLE, _SPEND
from gateway.limiter.spend import Ask, Decision, Ended, Ledger
from gateway.limiter.venue_view import Seen
from gateway.store.scripts import Script
from tests.gateway.limiter.judge import (
    most_in_aligned_windows,
    most_in_any_window,
    most_in_first_request_windows,
)
from tests.redis_process import RedisProcess

START_US = 1_790_000_000_123_457
PERIODS_US = (1_000, 200_000, 777_777)
KEYS = ("a", "b", "c")


def with_our_clock(script: Script) -> Script:
    """The script, reading the time from a key of ours."""
    source = script.source.replace("redis.call('TIME')", "redis.call('HMGET', 'clock', 's', 'us')")
    assert source != script.source
    return Script(script.name, source)


SPEND, SETTLE, BLOCK = map(with_our_clock, (_SPEND, _SETTLE, _BLOCK))


@dataclass
class Both:
    """The ledger and the scripts, told the same things at the same times."""

    redis: Redis
    ledger: Ledger
    clock_us: int = START_US

    def known(self, rng: random.Random, key: str) -> int:
        """Rarely more than there were, as after a failover to an old copy."""
        state = self.ledger.states.get(key)
        return (state.takings if state else 0) + (rng.random() < 0.05)

    def step(self, by_us: int) -> None:
        self.clock_us += by_us
        seconds, micros = divmod(self.clock_us, 1_000_000)
        self.redis.hset("clock", mapping={"s": seconds, "us": micros})

    def spend(self, keys: list[str], asks: list[Ask], wanted: Wanted, *, forced: bool) -> Decision:
        ours = self.ledger.spend(keys, asks, wanted, self.clock_us, forced=forced)
        ranks = [x for rank in zip(wanted.calls, wanted.waiting, wanted.weights, strict=True) for x in rank]
        args = [x for ask in asks for x in (ask.limit, ask.reserve, ask.period_us, ask.units, 10**9, ask.known)]
        reply = self.redis.evalsha(
            SPEND.sha,
            1 + len(keys),
            "epoch",
            *keys,
            int(forced),
            self.ledger.hard_timeout_us,
            wanted.asker,
            *ranks,
            *args,
        )
        assert Decision.from_reply(reply, len(keys)) == ours
        return ours

    def settle(self, keys: list[str], ended: Ended, seen: list[Seen | None]) -> None:
        self.ledger.settle(keys, [ended], self.clock_us, seen)
        pairs = [x for pair in zip(ended.slots, ended.units, strict=True) for x in pair]
        told = [x for one in seen for x in (astuple(one) if one else (0, 0, 0, 0, 0))]
        self.redis.evalsha(SETTLE.sha, len(keys), *keys, *told, ended.answered, ended.unmade, *pairs)

    def block(self, keys: list[str], span_us: int | None) -> None:
        self.ledger.block(keys, span_us, self.clock_us)
        self.redis.evalsha(BLOCK.sha, len(keys), *keys, span_us or 0)


@pytest.fixture(scope="module")
def redis(shared_redis: RedisProcess) -> Iterator[Redis]:
    with Redis.from_url(shared_redis.url) as client:
        for script in (SPEND, SETTLE, BLOCK):
            client.script_load(script.source)
        yield client


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_the_script_and_the_python_sums_are_the_same(redis: Redis, seed: int) -> None:
    redis.flushall()
    rng = random.Random(seed)
    both = Both(redis, Ledger(rng.choice([1_000, 100_000, 10_000_000])))
    both.step(0)
    if rng.random() < 0.5:
        both.ledger.epoch_us = 0
        redis.set("epoch", 0)
    periods = {key: rng.choice(PERIODS_US) for key in KEYS}
    given_out: list[tuple[list[str], int, tuple[int, ...], tuple[int, ...]]] = []
    for _ in range(rng.randint(1, 40)):
        both.step(rng.choice([0, 1, 10, 1_000, 5_000, 100_000, 1_000_000, 20_000_000, -5_000]))
        keys = sorted(rng.sample(KEYS, rng.randint(1, len(KEYS))))
        match rng.choice(["spend", "spend", "spend", "settle", "settle", "block", "reconfigure"]):
            case "spend":
                asks = [
                    Ask(rng.randint(3, 20), rng.randint(0, 2), periods[key], rng.randint(1, 3), both.known(rng, key))
                    for key in keys
                ]
                decision = both.spend(keys, asks, any_calls(rng), forced=rng.random() < 0.1)
                if decision.granted:
                    slots, units = tuple(left.slot for left in decision.left), tuple(ask.units for ask in asks)
                    given_out.append((keys, decision.granted, slots, units))
            case "settle" if given_out:
                keys, calls, slots, units = given_out.pop(rng.randrange(len(given_out)))
                answered = rng.randint(0, calls)
                seen = [any_sight(rng, answered) if rng.random() < 0.5 else None for _ in units]
                both.settle(keys, Ended(answered, rng.randint(0, calls - answered), slots, units), seen)
            case "block" if rng.random() < 0.3:
                both.block(keys, rng.choice([None, 100, 100_000]))
            case "reconfigure" if rng.random() < 0.1:
                periods[keys[0]] = rng.choice(PERIODS_US)


def any_calls(rng: random.Random) -> Wanted:
    calls = tuple(rng.randint(0, 3) if rng.random() < 0.7 else 0 for _ in range(4))
    waiting = tuple(of_rank and of_rank + rng.choice([0, 0, 5]) for of_rank in calls)
    return Wanted(calls, waiting, tuple(rng.randint(1, 3) for _ in range(4)), rng.randint(1, 3))


def any_sight(rng: random.Random, answered: int) -> Seen:
    ends_in_us = rng.choice([0, 1_000, 300_000])
    return Seen(rng.randint(3, 20), rng.randint(0, 25), rng.randint(1, 3), ends_in_us, rng.randint(0, answered))


def reads(calls: int, asker: int = 1, weight: int = 1) -> Wanted:
    return Wanted((0, 0, 0, calls), (0, 0, 0, calls), (1, 1, 1, weight), asker)


class Venue:
    """Callers who always have more to send, a network, and a venue: in simulated time, on the Python sums."""

    def __init__(self, seed: int, *, limit: int, period_us: int, hard_us: int, units: int = 1):
        self.random = random.Random(seed)
        self.ledger = Ledger(hard_us, epoch_us=0)
        self.ask = Ask(limit, 0, period_us, units)
        self.hard_us = hard_us
        self.arrivals_us: list[int] = []
        self._events: list[tuple[int, int, str, tuple[int, ...]]] = []
        self._ids = count()

    def run(self, until_us: int, *, rtt_us: int, faults: bool) -> None:
        self._at(START_US, "ask", ())
        while self._events and (event := heapq.heappop(self._events))[0] < START_US + until_us:
            now_us, _, what, slots = event
            match what:
                case "ask":
                    decision = self.ledger.spend(["k"], [self.ask], reads(self.random.randint(1, 64)), now_us)
                    slots = tuple(left.slot for left in decision.left)
                    for _ in range(decision.granted):
                        self._send(now_us, slots, rtt_us, faults=faults)
                    self._at(now_us + (decision.waits_us[0] if decision.waits_us else 0) + faults, "ask", ())
                case "arrive":
                    self.arrivals_us += [now_us] * self.ask.units
                case "answered":
                    self.ledger.settle(["k"], [Ended(1, 0, slots, (self.ask.units,))], now_us)
                case "unmade":
                    self.ledger.settle(["k"], [Ended(0, 1, slots, (self.ask.units,))], now_us)

    def _send(self, now_us: int, slots: tuple[int, ...], rtt_us: int, *, faults: bool) -> None:
        chance = self.random.random() if faults else 1.0
        if chance < 0.1:  # never made
            self._at(now_us + self.random.randint(0, self.hard_us // 10), "unmade", slots)
            return
        lag_us = self.random.randint(0, self.hard_us // 10) if faults else 0  # from the grant to the first byte
        there_us = self.random.randint(0, rtt_us if not faults else self.hard_us - lag_us - 1)
        if not faults:
            there_us = min(there_us, rtt_us)
        arrived_us = now_us + lag_us + there_us
        self._at(arrived_us, "arrive", ())
        if chance < 0.2:  # the answer, or our word of it, is lost
            return
        back_us = self.random.randint(0, self.hard_us * 2) if faults else rtt_us - there_us
        self._at(arrived_us + back_us, "answered", slots)

    def _at(self, at_us: int, what: str, slots: tuple[int, ...]) -> None:
        heapq.heappush(self._events, (at_us, next(self._ids), what, slots))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    limit=st.integers(1, 30),
    period_us=st.sampled_from([10_000, 200_000, 1_234_567]),
    hard_us=st.sampled_from([1_000, 50_000, 2_000_000]),
    data=st.data(),
)
def test_no_window_of_a_period_ever_holds_more_than_the_limit(
    seed: int, limit: int, period_us: int, hard_us: int, data: st.DataObject
) -> None:
    """Whatever answers are lost or late, calls never made, first bytes delayed."""
    units = data.draw(st.integers(1, limit))
    venue = Venue(seed, limit=limit, period_us=period_us, hard_us=hard_us, units=units)
    venue.run(8 * (period_us + hard_us), rtt_us=0, faults=True)
    assert venue.arrivals_us
    phase_us = data.draw(st.integers(0, period_us))
    assert most_in_any_window(venue.arrivals_us, period_us) <= limit
    assert most_in_aligned_windows(venue.arrivals_us, period_us, phase_us) <= limit
    assert most_in_first_request_windows(venue.arrivals_us, period_us) <= limit


@pytest.mark.parametrize("limit", [1, 7, 100, 2000])
@pytest.mark.parametrize("periods_per_rtt", [100, 1000])
def test_a_backlog_uses_98_percent_of_the_limit(limit: int, periods_per_rtt: int) -> None:
    period_us, periods = 1_000_000, 12
    venue = Venue(1, limit=limit, period_us=period_us, hard_us=10_000_000)
    venue.run(periods * period_us, rtt_us=period_us // periods_per_rtt, faults=False)
    assert len(venue.arrivals_us) >= 0.98 * limit * periods


def test_an_unanswered_call_counts_until_hard_timeout_and_a_period_have_passed() -> None:
    ledger, ask = Ledger(1_000_000, epoch_us=0), Ask(1, 0, 500_000, 1)
    assert ledger.spend(["k"], [ask], reads(1), START_US).granted == 1
    decision = ledger.spend(["k"], [ask], reads(1), START_US + 1_499_999)
    assert decision.granted == 0
    assert ledger.spend(["k"], [ask], reads(1), START_US + 1_499_999 + decision.waits_us[0]).granted == 1


def test_a_reserve_is_left_to_those_who_may_use_it() -> None:
    ledger = Ledger(1_000_000, epoch_us=0)
    assert ledger.spend(["k"], [Ask(10, 2, 500_000, 1)], reads(20), START_US).granted == 8
    assert (
        ledger.spend(
            ["k"], [Ask(10, 2, 500_000, 1)], Wanted((20, 0, 0, 0), (20, 0, 0, 0), (1, 1, 1, 1)), START_US
        ).granted
        == 2
    )


def test_all_rules_are_debited_or_none() -> None:
    ledger = Ledger(1_000_000, epoch_us=0)
    wide, narrow = Ask(10, 0, 500_000, 1), Ask(3, 0, 500_000, 2)
    decision = ledger.spend(["w", "n"], [wide, narrow], reads(5), START_US)
    assert (decision.granted, decision.binding) == (1, None)
    decision = ledger.spend(["w", "n"], [wide, narrow], reads(1), START_US)
    assert (decision.granted, decision.binding) == (0, 1)
    assert [left.remaining for left in decision.left] == [9, 1]


def test_lost_state_closes_for_a_period_and_the_hard_timeout() -> None:
    ledger, ask = Ledger(1_000_000), Ask(10, 0, 500_000, 1)
    assert ledger.spend(["k"], [ask], reads(1), START_US).waits_us == (1_500_000,)
    assert ledger.spend(["k"], [ask], reads(1), START_US + 1_499_999).granted == 0
    assert ledger.spend(["k"], [ask], reads(1), START_US + 1_500_000).granted == 1


def test_a_clock_set_back_stands_still_and_then_goes_on() -> None:
    ledger, ask = Ledger(1_000_000, epoch_us=0), Ask(1, 0, 500_000, 1)
    slot = ledger.spend(["k"], [ask], reads(1), START_US).left[0].slot
    ledger.settle(["k"], [Ended(1, 0, (slot,), (1,))], START_US)
    back_us = START_US - 3_600_000_000
    assert 500_000 <= ledger.spend(["k"], [ask], reads(1), back_us).waits_us[0] <= 510_000
    assert ledger.spend(["k"], [ask], reads(1), back_us + 510_000).granted == 1
