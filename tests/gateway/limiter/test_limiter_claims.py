"""Turns among replicas: each gets what its waiting clients weigh, whichever asks first, and none waits for the dead."""

import random
from dataclasses import dataclass, field

import pytest

from gateway.limiter.claims import CLAIMS_MAX, GRACE_US, Wanted
from gateway.limiter.spend import Ask, Decision, Ended, Ledger

PERIOD_US = 1_000_000
ORDERS, READS = 1, 3


def wanting(calls: int, *, more: int = 0, rank: int = READS, asker: int, weight: int = 1) -> Wanted:
    def of_rank(number: int, other: int) -> tuple[int, ...]:
        return tuple(number if at == rank else other for at in range(4))

    return Wanted(of_rank(calls, 0), of_rank(calls + more, 0), of_rank(weight, 1), asker)


@dataclass
class Crowd:
    """Askers with an endless backlog at one rule, in simulated time; answers come at once."""

    limit: int
    weights: dict[int, int]
    ledger: Ledger = field(default_factory=lambda: Ledger(10_000_000, epoch_us=0))
    asked: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(3))

    def run(self, periods: int, *, first: int | None = None) -> dict[int, int]:
        """Units each got after the first period, of which all goes to whoever came first; `first` always asks first."""
        start_us = now_us = 1_790_000_000_000_000
        due_us = dict.fromkeys(self.weights, now_us)
        got = dict.fromkeys(self.weights, 0)
        while now_us < start_us + (periods + 1) * PERIOD_US:
            now_us = min(due_us.values())
            due = [asker for asker, at_us in due_us.items() if at_us == now_us]
            self.rng.shuffle(due)
            for asker in sorted(due, key=lambda one: one != first):
                decision = self.ask(asker, now_us)
                if now_us >= start_us + PERIOD_US:
                    got[asker] += decision.granted
                due_us[asker] = now_us + max(1, decision.again_us)
        return got

    def ask(self, asker: int, now_us: int) -> Decision:
        self.asked += 1
        wanted = wanting(50, more=1000, asker=asker, weight=self.weights[asker])
        decision = self.ledger.spend(["k"], [Ask(self.limit, 0, PERIOD_US, 1)], wanted, now_us)
        if decision.granted:
            self.ledger.settle(["k"], [Ended(decision.granted, 0, (decision.left[0].slot,), (1,))], now_us)
        return decision


@pytest.mark.parametrize("weights", [{1: 7, 2: 7, 3: 6}, {1: 18, 2: 1, 3: 1}, {1: 1, 2: 1, 3: 4}])
@pytest.mark.parametrize("limit", [7, 60, 400])
def test_units_are_shared_by_weight_even_if_one_always_asks_first(weights: dict[int, int], limit: int) -> None:
    crowd = Crowd(limit, weights)
    periods = 4 + 200 // limit
    got = crowd.run(periods, first=1)
    shares = [got[asker] / weight for asker, weight in weights.items()]
    jain = sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
    assert sum(got.values()) >= 0.98 * limit * periods
    assert jain >= 0.98
    assert crowd.asked <= 1.2 * sum(got.values())


def test_the_more_urgent_go_first_whoever_waits_longer() -> None:
    ledger, ask, now_us = Ledger(10_000_000, epoch_us=0), Ask(2, 0, PERIOD_US, 1), 1_790_000_000_000_000
    slot = ledger.spend(["k"], [ask], wanting(2, asker=1), now_us).left[0].slot
    assert ledger.spend(["k"], [ask], wanting(5, asker=1), now_us).granted == 0
    assert ledger.spend(["k"], [ask], wanting(1, rank=ORDERS, asker=2), now_us).granted == 0
    ledger.settle(["k"], [Ended(2, 0, (slot,), (1,))], now_us)
    assert ledger.spend(["k"], [ask], wanting(5, asker=1), now_us + 2 * PERIOD_US).granted == 2  # lapsed by then
    ledger.settle(["k"], [Ended(2, 0, (slot,), (1,))], now_us)


def test_one_waiting_order_is_left_its_unit_by_reads_elsewhere() -> None:
    ledger, ask, now_us = Ledger(10_000_000, epoch_us=0), Ask(2, 0, PERIOD_US, 1), 1_790_000_000_000_000
    slot = ledger.spend(["k"], [ask], wanting(2, asker=1), now_us).left[0].slot
    ledger.settle(["k"], [Ended(2, 0, (slot,), (1,))], now_us)
    order = ledger.spend(["k"], [ask], wanting(1, rank=ORDERS, asker=2), now_us + 1)
    back_us = now_us + 1 + order.again_us
    assert ledger.spend(["k"], [ask], wanting(5, asker=1), back_us).granted == 1
    assert ledger.spend(["k"], [ask], wanting(1, rank=ORDERS, asker=2), back_us).granted == 1


def test_who_does_not_come_back_loses_its_turn_soon() -> None:
    crowd = Crowd(10, {1: 1, 2: 9})
    now_us = 1_790_000_000_000_000
    crowd.ask(1, now_us)
    told_us = now_us + crowd.ask(2, now_us).again_us
    assert crowd.ask(1, told_us).granted < 10
    assert crowd.ask(1, told_us + GRACE_US + 1).granted > 0
    assert crowd.ledger.states["k"].held == 10


def test_claims_are_bounded() -> None:
    crowd = Crowd(1, dict.fromkeys(range(1, 3 * CLAIMS_MAX), 1))
    for asker in crowd.weights:
        crowd.ask(asker, 1_790_000_000_000_000)
    assert len(crowd.ledger.states["k"].claims.rows) == CLAIMS_MAX
