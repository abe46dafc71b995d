"""The venue's own count of requests, for each kind of counting."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandbox.backpack.face import LIMITS as BACKPACK_LIMITS
from sandbox.config import Counting, LimitConfig
from sandbox.limits import Limits, Standing

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


def test_a_bucket_gives_back_evenly() -> None:
    # Full at first; from then on one request fits in each third of the period.
    assert admitted(limits(Counting.BUCKET), 0, 0, 0, 0, 333, 334, 600, 667, 1000, 3000, 3000, 3000, 3000) == [
        True, True, True, False, False, True, False, True, True, True, True, True, False,
    ]  # fmt: skip


def test_a_bucket_says_when_the_next_request_fits() -> None:
    judge = limits(Counting.BUCKET)
    admitted(judge, 0, 0, 0)
    standing = judge.standing("desk", "standard", 10_100_000)
    assert standing == Standing(limit=3, remaining=0, resets_us=10_333_334)
    assert judge.standing("desk", "standard", 10_333_334) == Standing(limit=3, remaining=1, resets_us=10_666_667)


@pytest.mark.parametrize("counting", list(Counting))
def test_what_is_given_back_can_be_used_again(counting: Counting) -> None:
    judge = limits(counting)
    assert admitted(judge, 0, 1, 2) == [True] * 3
    judge.give_back("desk", "standard")
    assert admitted(judge, 2, 3) == [True, False]


def opened_windows(passed_ms: list[int]) -> list[list[int]]:
    """Those that passed, by the windows that open with a first request."""
    windows: list[list[int]] = []
    for time_ms in passed_ms:
        if windows and time_ms < windows[-1][0] + PERIOD_MS:
            windows[-1].append(time_ms)
        else:
            windows.append([time_ms])
    return windows


def bucket_levels(passed_ms: list[int], limit: int) -> list[Fraction]:
    """What each request that passed left in the bucket, which was full at first."""
    levels, seen_ms = [Fraction(limit)], 0
    for time_ms in passed_ms:
        refilled = min(Fraction(limit), levels[-1] + Fraction((time_ms - seen_ms) * limit, PERIOD_MS))
        levels.append(refilled - 1)
        seen_ms = time_ms
    return levels


def has_room(kind: Counting, passed_ms: list[int], now_ms: int, limit: int) -> bool:
    """Whether one kind of counting lets a request in after those that passed: worked out anew from all of them."""
    match kind:
        case Counting.ROLLING:
            return sum(now_ms - PERIOD_MS < time_ms for time_ms in passed_ms) < limit
        case Counting.CLOCK:
            return sum(time_ms // PERIOD_MS == now_ms // PERIOD_MS for time_ms in passed_ms) < limit
        case Counting.FIRST_REQUEST:
            windows = opened_windows(passed_ms)
            return not windows or now_ms >= windows[-1][0] + PERIOD_MS or len(windows[-1]) < limit
        case Counting.BUCKET:
            seen_ms = passed_ms[-1] if passed_ms else 0
            return bucket_levels(passed_ms, limit)[-1] + Fraction((now_ms - seen_ms) * limit, PERIOD_MS) >= 1


@given(
    st.lists(st.integers(0, 4000), max_size=60).map(sorted),
    st.integers(1, 7),
    st.sampled_from([*((kind,) for kind in Counting), tuple(Counting)]),
)
def test_every_kind_counts_as_its_definition_says(times_ms: list[int], limit: int, kinds: tuple[Counting, ...]) -> None:
    judge = limits(*kinds, limit=limit)
    passed_ms: list[int] = []
    for time_ms in times_ms:
        expected = all(has_room(kind, passed_ms, time_ms, limit) for kind in kinds)
        assert admitted(judge, time_ms) == [expected]
        if expected:
            passed_ms.append(time_ms)


@given(
    st.lists(st.integers(0, 9000), max_size=60).map(sorted),
    st.integers(1, 7),
    st.sets(st.sampled_from(list(Counting)), min_size=1).map(sorted),
)
def test_every_kind_counts_whatever_is_judged(times_ms: list[int], limit: int, judged: list[Counting]) -> None:
    judge = limits(*judged, limit=limit)
    passed_ms: list[int] = []
    breaches: Counter[Counting] = Counter()
    for time_ms in times_ms:
        over = [kind for kind in Counting if not has_room(kind, passed_ms, time_ms, limit)]
        breaches.update(over)
        if admitted(judge, time_ms) == [True]:
            passed_ms.append(time_ms)
    assume(times_ms)
    report = judge.report()["callers"]["desk"]["standard"]
    assert report["arrivals"] == len(times_ms)
    assert report["breaches"] == len(times_ms) - len(passed_ms)
    assert report["breaches_by"] == {kind: breaches[kind] for kind in Counting}
    clock = Counter(10_000 + time_ms // PERIOD_MS * PERIOD_MS for time_ms in passed_ms)
    opened = [[10_000 + window[0], len(window)] for window in opened_windows(passed_ms)]
    assert report["windows"] == {"clock": [list(window) for window in clock.items()], "first_request": opened}
    most = max((sum(end - PERIOD_MS < time_ms <= end for time_ms in passed_ms) for end in passed_ms), default=0)
    assert report["most_in_any_window"] == most
    assert report["lowest_bucket_level"] == round(float(min(bucket_levels(passed_ms, limit))), 6)


def test_what_is_given_back_leaves_no_trace() -> None:
    judge = limits(Counting.CLOCK)
    admitted(judge, 0, 400)
    judge.give_back("desk", "standard")
    admitted(judge, 800)
    report = judge.report()["callers"]["desk"]["standard"]
    assert (report["most_in_any_window"], report["lowest_bucket_level"]) == (2, 2.0)
    assert report["windows"] == {"first_request": [[10_000, 2]], "clock": [[10_000, 2]]}


def test_a_changed_limit_holds_at_once_and_is_counted_anew() -> None:
    judge = Limits(LimitConfig(period_ms=PERIOD_MS, limits={"standard": 2, "historical": 1}))
    assert admitted(judge, 0, 1, 2) == [True, True, False]
    judge.arrived("desk", "historical", 0)
    assert judge.change({"standard": 1, "historical": 1}) == ["standard"]
    assert admitted(judge, 3, 4) == [True, False]
    report = judge.report()
    assert (report["arrivals"], report["breaches"]) == (3, 1)
    assert report["callers"]["desk"]["historical"]["arrivals"] == 1
    assert judge.change({"standard": None}) == ["standard"]
    assert all(admitted(judge, *range(5, 20)))
    assert judge.change({}, period_ms=500) == ["historical", "standard"]


def test_a_venue_s_own_limits_stay_for_the_next_one() -> None:
    Limits(LimitConfig(), BACKPACK_LIMITS).change({"standard": 1})
    assert Limits(LimitConfig(), BACKPACK_LIMITS).report()["limits"]["standard"] == 2000


@pytest.mark.parametrize("counting", list(Counting))
@pytest.mark.parametrize("by_ms", [-5_000_000, 5_000_000])
def test_a_clock_put_forward_or_back_neither_gives_room_nor_takes_it(counting: Counting, by_ms: int) -> None:
    judge = limits(counting)
    assert admitted(judge, 0, 1) == [True] * 2
    judge.clock_stepped(by_ms * 1000)
    assert admitted(judge, by_ms + 2, by_ms + 3) == [True, False]
    standing = judge.standing("desk", "standard", 10_000_000 + (by_ms + 3) * 1000)
    assert standing is not None
    assert 0 < standing.resets_us - 10_000_000 - by_ms * 1000 <= 1_003_000
    assert admitted(judge, by_ms + 1003) == [True]


@pytest.mark.parametrize(("request_class", "limit"), [("standard", 2000), ("historical", 30)])
def test_backpack_grants_each_account_its_own_requests_a_minute(request_class: str, limit: int) -> None:
    judge = Limits(LimitConfig(), BACKPACK_LIMITS)
    for caller in ("desk-a", "desk-b"):
        answers = [judge.arrived(caller, request_class, 60_000_000) for _ in range(limit + 1)]
        assert answers == [True] * limit + [False]
        assert judge.arrived(caller, request_class, 120_000_000)


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
    assert report["callers"]["desk"]["standard"]["windows"]["clock"] == [[0, 1]]


@pytest.mark.parametrize("counting", list(Counting))
def test_the_full_limit_is_usable_every_period(counting: Counting) -> None:
    judge = limits(counting)
    assert all(admitted(judge, *(period * 1000 + offset for period in range(5) for offset in (0, 1, 2))))
