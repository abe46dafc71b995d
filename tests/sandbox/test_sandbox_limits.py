"""The venue's own count of requests, for each kind of counting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config import Counting, LimitConfig
from sandbox.limits import Limits

PERIOD_MS = 1000


def limits(*counting: Counting, limit: int = 3) -> Limits:
    return Limits(LimitConfig(period_ms=PERIOD_MS, limits={"standard": limit}, counting=counting))


def admitted(judge: Limits, *times_ms: int) -> list[bool]:
    return [judge.arrived("desk", "standard", 10_000_000 + time_ms * 1000) for time_ms in times_ms]


def test_clock_windows_start_anew_at_each_full_period() -> None:
    assert admitted(limits(Counting.CLOCK), 900, 950, 990, 999, 1000, 1001, 1002, 1003) == [
        True, True, True, False, True, True, True, False,
    ]  # fmt: skip


def test_a_window_opened_by_the_first_request_lasts_one_period() -> None:
    assert admitted(limits(Counting.FIRST_REQUEST), 900, 1100, 1500, 1899, 1900, 2700) == [
        True, True, True, False, True, True,
    ]  # fmt: skip


def test_rolling_counts_any_window_exactly() -> None:
    assert admitted(limits(Counting.ROLLING), 900, 950, 990, 1899, 1900, 1949, 1950) == [
        True, True, True, False, True, False, True,
    ]  # fmt: skip


def test_strict_refuses_what_any_kind_refuses() -> None:
    judge = limits(*Counting)
    # At 1000 the clock starts a new window; the rolling count still remembers the old one.
    assert admitted(judge, 900, 950, 990, 1000, 1900) == [True, True, True, False, True]
    assert judge.report()["callers"]["desk"]["standard"]["breaches"] == 1


@given(st.lists(st.integers(0, 5000), max_size=80).map(sorted), st.sampled_from(list(Counting)))
def test_strict_never_admits_more_than_any_single_kind_would_allow(times_ms: list[int], kind: Counting) -> None:
    passed = [time for time, ok in zip(times_ms, admitted(limits(*Counting), *times_ms), strict=True) if ok]
    assert all(admitted(limits(kind), *passed))


def test_breaches_are_recorded_even_where_they_are_served() -> None:
    judge = Limits(LimitConfig(period_ms=PERIOD_MS, limits={"standard": 1}, enforced=False))
    assert admitted(judge, 0, 1) == [True, True]
    assert judge.report()["breaches"] == 1


def test_callers_and_classes_are_counted_apart() -> None:
    judge = limits(Counting.CLOCK, limit=1)
    assert judge.arrived("desk", "standard", 0)
    assert judge.arrived("other", "standard", 0)
    assert judge.arrived("desk", "unlimited", 0)
    assert not judge.arrived("desk", "standard", 1)
    report = judge.report("desk")
    assert list(report["callers"]) == ["desk"]
    assert report["callers"]["desk"]["standard"]["windows"] == [[0, 1]]


@pytest.mark.parametrize("counting", list(Counting))
def test_the_full_limit_is_usable_every_period(counting: Counting) -> None:
    judge = limits(counting)
    assert all(admitted(judge, *(period * 1000 + offset for period in range(5) for offset in (0, 1, 2))))
