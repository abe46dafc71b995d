"""The suite proves itself: bugs of the kind that others have made are planted in the replicas, and each is found."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.chaos.company import company
from tests.chaos.desk import Pace
from tests.chaos.run import Plan, run
from tests.chaos.stage import Stage
from tests.chaos.violations import Promise
from tests.harness.fleet import Fleet, fleet
from tests.harness.plants import PLANTS

SEED = 1


@dataclass(frozen=True, slots=True)
class Hunt:
    """Where a bug is looked for: the disturbances, what bots do meanwhile, and the promise it has to break."""

    climate: frozenset[str]
    pace: Pace
    promise: Promise


QUIET, GREEDY = Pace(reads=0), Pace(reads=8)
HUNTS = {
    "limiter_refills_by_time": Hunt(frozenset(), GREEDY, Promise.LIMIT),
    "order_is_sent_again": Hunt(frozenset({"orders"}), QUIET, Promise.ONCE),
    "book_ignores_gaps": Hunt(frozenset({"gaps"}), QUIET, Promise.STREAM),
    "fanout_accepts_lower_epochs": Hunt(frozenset({"slow redis"}), QUIET, Promise.STREAM),
}


@pytest.fixture(scope="module")
def ours() -> Iterator[Fleet]:
    with fleet(company()) as started:
        yield started


def test_every_plant_is_hunted() -> None:
    assert HUNTS.keys() == PLANTS.keys()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("plant", HUNTS)
def test_a_planted_bug_is_found(ours: Fleet, plant: str) -> None:
    hunt = HUNTS[plant]
    for replica in ours.replicas:
        replica.plants = (plant,)
        replica.restart()
    with Stage(ours, hunt.climate, hunt.pace) as stage:
        outcome = run(stage, Plan(SEED, schedules=40, steps=6))
    assert outcome.shortest is not None, f"{plant} was not found in {outcome.tried} schedules"
    schedule, verdict = outcome.shortest
    assert hunt.promise in verdict.promises()
    assert str(SEED) in str(outcome)
    assert all(step in str(outcome) for step in schedule)
