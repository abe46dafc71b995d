"""The promises under schedules of disturbances from one seed. From others, and for longer: `make soak`."""

import pytest

from tests.chaos.company import company
from tests.chaos.run import Plan, run
from tests.chaos.stage import Stage
from tests.harness.fleet import fleet

PLAN = Plan(seed=7, schedules=5, steps=8, shrink_s=60.0)


@pytest.mark.timeout(240)
def test_every_promise_is_kept_whatever_happens() -> None:
    with fleet(company()) as ours, Stage(ours) as stage:
        outcome = run(stage, PLAN)
    assert outcome.shortest is None, f"\n{outcome}"
    assert outcome.tried >= PLAN.schedules
