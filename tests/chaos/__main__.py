"""`make soak`: chaos for as long as you like, one seed after the other; ends with 1 at the first broken promise."""

import argparse
import itertools
import random
import sys
import time

from tests.chaos.company import company
from tests.chaos.run import Plan, run
from tests.chaos.stage import EVERYTHING, Stage
from tests.harness.fleet import fleet

SCHEDULES, SHRINK_S = 20, 120.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak ARGS='…'", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default 30)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the first schedules")
    parser.add_argument("--steps", type=int, default=20, help="at most so many disturbances a schedule (default 20)")
    parser.add_argument(
        "--climate", nargs="*", choices=sorted(EVERYTHING), default=sorted(EVERYTHING), help="what is disturbed"
    )
    asked = parser.parse_args()
    give_up = time.monotonic() + asked.minutes * 60
    with fleet(company()) as ours, Stage(ours, frozenset(asked.climate)) as stage:
        for seed in itertools.count(asked.seed):
            outcome = run(stage, Plan(seed, SCHEDULES, asked.steps, shrink_s=SHRINK_S))
            sys.stdout.write(f"{outcome}\n")
            sys.stdout.flush()
            if outcome.shortest is not None:
                return 1
            if time.monotonic() > give_up:
                return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
