"""What is measured, and the table of it: the median of interleaved rounds against a floor."""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing to measure. `measure` runs one round and returns what was done per second."""

    name: str
    unit: str
    floor: int
    measure: Callable[[], float]


def report(figures: Sequence[Figure], *, rounds: int = ROUNDS) -> int:
    """Measure every figure once per round, print the table, and return the exit code: 1 if a floor is missed.

    Rounds are interleaved, so that what else the machine does for a while spoils no single figure.
    """
    results: dict[str, list[float]] = {figure.name: [] for figure in figures}
    for number in range(1, rounds + 1):
        for figure in figures:
            say(f"round {number} of {rounds}: {figure.name} …")
            results[figure.name].append(figure.measure())
    say("")
    width = max(len(figure.name) for figure in figures)
    print(f"{'':{width}}  {'median':>9}  {'lowest':>9}  {'highest':>9}  {'floor':>9}")
    missed = False
    for figure in figures:
        measured = results[figure.name]
        median = statistics.median(measured)
        is_missed = median < figure.floor
        missed = missed or is_missed
        numbers = "  ".join(f"{value:9,.0f}" for value in (median, min(measured), max(measured), figure.floor))
        print(f"{figure.name:{width}}  {numbers}  {'missed' if is_missed else 'ok':6}  {figure.unit}")
    return 1 if missed else 0


def say(text: str) -> None:
    """Show how far it has come, where somebody looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
