"""Runs the machine on a stage: so many schedules from one seed, and of those that failed the shortest."""

from dataclasses import dataclass, field
from time import monotonic

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.machine import Chaos
from tests.chaos.stage import Stage
from tests.chaos.violations import Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is tried. After the first failure shorter schedules are sought for so long."""

    seed: int
    schedules: int
    steps: int
    shrink_s: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    tried: int = 0
    failed: list[tuple[tuple[str, ...], Verdict]] = field(default_factory=list)

    @property
    def shortest(self) -> tuple[tuple[str, ...], Verdict] | None:
        return min(self.failed, key=lambda failure: len(failure[0]), default=None)

    def __str__(self) -> str:
        if self.shortest is None:
            return f"seed {self.plan.seed}: {self.tried} schedules, every promise kept"
        schedule, verdict = self.shortest
        steps = "\n".join(f"        {number}. {step}" for number, step in enumerate(schedule, 1))
        return f"{verdict}\nSEED:   {self.plan.seed}\nSHORTEST FAILING SCHEDULE OF {self.tried} TRIED:\n{steps}"


def run(stage: Stage, plan: Plan) -> Outcome:
    """Try the plan's schedules, and stop at the first that breaks a promise."""
    outcome = Outcome(plan)
    first_failed_at: list[float] = []

    def is_enough() -> bool:
        return bool(first_failed_at) and monotonic() - first_failed_at[0] > plan.shrink_s

    def ended(schedule: tuple[str, ...], verdict: Verdict) -> None:
        outcome.tried += 1
        if verdict.found:
            first_failed_at.append(monotonic())
            outcome.failed.append((schedule, verdict))

    stage.is_enough, stage.ended = is_enough, ended
    machine = type("Seeded", (Chaos,), {"stage": stage})
    phases = [Phase.generate, *([Phase.shrink] if plan.shrink_s else [])]
    limits = settings(
        max_examples=plan.schedules,
        stateful_step_count=plan.steps,
        phases=phases,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        run_state_machine_as_test(seed(plan.seed)(machine), settings=limits)
    except BaseException as error:
        # A schedule in real time need not fail twice: whatever hypothesis makes of that, one that failed is a failure.
        if not outcome.failed or isinstance(error, KeyboardInterrupt):
            raise
    return outcome
