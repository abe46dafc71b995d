"""What a test changes about the venue while it runs: its clock, its limits, how late histories are.

Part of the control plane.
"""

from typing import Any

from sandbox.questions import BadQuestion, Question
from sandbox.world import World

MOST_PPM = 500_000
CLOCK_CALLS = ("advance_ms", "step_ms", "drift_ppm")


def show_clock(world: World, question: Question) -> Any:
    """What time it is, and what was done to the clock."""
    clock, config = world.clock, world.config
    return {
        "time": clock.now_us() // 1000,
        "kind": config.clock.value,
        "rate": config.clock_rate,
        "drift_ppm": clock.drift_ppm,
        "stepped_ms": clock.stepped_ms,
    }


def change_clock(world: World, question: Question) -> Any:
    """Let time pass, put the clock forward or back, or let it run too fast or too slow."""
    question.only(*CLOCK_CALLS)
    forward_ms, by_ms, ppm = (question.integer(name) for name in CLOCK_CALLS)
    if forward_ms is by_ms is ppm is None or (forward_ms is not None and forward_ms < 0):
        raise BadQuestion("`advance_ms` is how many milliseconds to go forward; or say `step_ms`, or `drift_ppm`")
    if by_ms is not None and world.clock.now_us() // 1000 + (forward_ms or 0) + by_ms < 0:
        raise BadQuestion("`step_ms` goes back behind 1970")
    if ppm is not None:
        if abs(ppm) > MOST_PPM:
            raise BadQuestion(f"`drift_ppm` is from -{MOST_PPM} to {MOST_PPM}")
        try:
            world.clock.drift(ppm)
        except ValueError as exc:
            raise BadQuestion(str(exc)) from exc
    if forward_ms is not None:
        world.clock.leap(forward_ms)
    if by_ms is not None:
        world.step_clock(by_ms)
    world.advance()
    return show_clock(world, question)


def change_limits(world: World, question: Question) -> Any:
    """Set limits from now on, null for none; what changed is counted anew."""
    question.only("limits", "period_ms")
    if world.config.venue == "zanbara" and world.config.zanbara.environment == "testnet":
        raise BadQuestion("the testnet has no limits")
    limits, period_ms = question.members().get("limits", {}), question.integer("period_ms")
    if not isinstance(limits, dict) or not all(_is_limit(limit) for limit in limits.values()):
        raise BadQuestion("`limits` says of each class how many requests, 1 or more, or null for no limit")
    if unknown := limits.keys() - set(world.limits.classes):
        raise BadQuestion(f"no class {', '.join(sorted(unknown))}; there are {', '.join(world.limits.classes)}")
    if period_ms is not None and period_ms < 1:
        raise BadQuestion("`period_ms` is 1 or more")
    restarted = world.limits.change(limits, period_ms)
    return {"restarted": restarted, **world.limits.report(question.account)}


def change_history(world: World, question: Question) -> Any:
    """How late histories show what happened: all of it by as much, or with a seed each row by its own part of that."""
    question.only("lag_ms", "jitter_seed")
    lag_ms, seed = question.integer("lag_ms"), question.integer("jitter_seed")
    if lag_ms is None or lag_ms < 0:
        raise BadQuestion("`lag_ms` is how many milliseconds late, 0 or more")
    lateness = world.simulation.records.lateness
    lateness.lag_us, lateness.seed = lag_ms * 1000, seed
    return {"lag_ms": lag_ms, "jitter_seed": seed}


def _is_limit(limit: Any) -> bool:
    return limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1)
