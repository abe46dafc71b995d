"""The sums of the limiter's bench, and its judge. The figures themselves are no test."""

import pytest

from bench.limiter.ceiling import script_call
from bench.limiter.judge import Venue
from bench.limiter.sharing import commands_of
from bench.limiter.table import Line, jain, percentile, use_of_limit

PERIOD_US = 1_000_000


def test_equal_amounts_are_wholly_fair_and_one_taker_is_not() -> None:
    assert jain([7, 7, 7, 7]) == 1
    assert jain([9, 0, 0, 0]) == 0.25
    assert jain([0, 0]) == 0


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([5.0], 0.99) == 5.0


def test_a_limit_that_is_used_up_each_time_it_is_there_is_used_but_for_the_time_between() -> None:
    bursts = [burst * 1_010_000 + place for burst in range(6) for place in range(100)]
    assert use_of_limit(bursts, 100, PERIOD_US, periods=3) == pytest.approx(1 / 1.01, rel=1e-4)


def test_a_limit_of_which_a_part_is_left_each_time_is_used_for_the_rest() -> None:
    bursts = [burst * PERIOD_US + place for burst in range(6) for place in range(95)]
    assert use_of_limit(bursts, 100, PERIOD_US, periods=3) == pytest.approx(0.95, rel=1e-4)


def test_even_arrivals_use_what_they_use() -> None:
    assert use_of_limit(range(0, 6 * PERIOD_US, 12_500), 100, PERIOD_US, periods=3) == pytest.approx(0.8, rel=0.01)


def test_the_judge_counts_what_is_above_the_limit_in_any_window() -> None:
    venue = Venue(limit=3, period_ms=1000)
    for at_us in (900_000, 950_000, 1_000_000, 1_800_000, 1_900_001):
        venue.arrived(0, 0, at_us)
    assert (venue.report()["arrivals"], venue.report()["breaches"]) == (5, 1)


@pytest.mark.parametrize(
    ("value", "is_most", "verdict"),
    [(0.2, False, "missed"), (0.3, False, "ok, below the aim"), (0.5, False, "ok"), (0.2, True, "ok")],
)
def test_a_line_says_whether_its_floor_is_kept(value: float, verdict: str, *, is_most: bool) -> None:
    floor, aim = (0.45, 0.25) if is_most else (0.25, 0.45)
    assert Line("what", "1", "2", value, floor, aim, is_most=is_most).verdict == verdict


def test_a_line_without_a_floor_cannot_miss_it() -> None:
    assert not Line("what", "", "", 0).is_missed


def test_only_what_clients_send_is_counted_as_their_calls() -> None:
    stats = ("cmdstat_evalsha:calls=7,usec=1", "cmdstat_hget:calls=90,usec=1", "cmdstat_ping:calls=2,usec=1")
    assert commands_of("\r\n".join(("# Commandstats", *stats))) == 9


def test_the_call_that_is_measured_asks_for_one_unit_of_one_rule() -> None:
    script, call = script_call()
    assert call[:3] == ["EVALSHA", script.sha, 2]
    assert call.count(1_000_000) == 1  # the period of the one rule
