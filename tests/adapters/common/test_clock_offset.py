import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.clock_offset import ClockOffset


def test_nothing_is_known_at_first_and_after_everything_grew_old() -> None:
    clock = ClockOffset(max_age_s=10)
    assert clock.estimate(0) is None
    clock.add(sent_us=0, received_us=1000, server_time_us=5000)
    assert clock.estimate(10_001_001) is None


def test_the_shortest_round_trip_wins() -> None:
    clock = ClockOffset(resolution_us=1)
    clock.add(sent_us=0, received_us=100_000, server_time_us=540_000)
    clock.add(sent_us=200_000, received_us=202_000, server_time_us=701_000)
    clock.add(sent_us=300_000, received_us=390_000, server_time_us=815_000)
    estimate = clock.estimate(400_000)
    assert estimate is not None
    assert (estimate.offset_us, estimate.error_us) == (500_000, 1000)


@pytest.mark.parametrize("step_us", [10_000_000, -10_000_000, 200_000])
def test_a_step_of_the_venues_clock_is_believed_at_once(step_us: int) -> None:
    clock = ClockOffset()
    clock.add(sent_us=0, received_us=1_000, server_time_us=0)
    clock.add(sent_us=30_000_000, received_us=30_100_000, server_time_us=30_050_000 + step_us)
    estimate = clock.estimate(31_000_000)
    assert estimate is not None
    assert abs(estimate.offset_us - step_us) <= estimate.error_us


def test_a_drift_between_two_samples_is_no_step() -> None:
    clock = ClockOffset()
    clock.add(sent_us=0, received_us=1_000, server_time_us=0)
    clock.add(sent_us=300_000_000, received_us=300_100_000, server_time_us=300_200_000)
    estimate = clock.estimate(300_200_000)
    assert estimate is not None
    assert estimate.offset_us == 0, "the shorter round trip"


def test_a_sample_across_a_clock_that_was_set_back_is_left_out() -> None:
    clock = ClockOffset()
    clock.add(sent_us=1000, received_us=0, server_time_us=0)
    assert clock.estimate(0) is None


@given(
    offset=st.integers(-(10**9), 10**9),
    trips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=20),
)
def test_the_true_offset_lies_within_the_stated_error(offset: int, trips: list[tuple[int, int]]) -> None:
    clock, now = ClockOffset(), 10**12
    for out, back in trips:
        venue_ms = (now + out + offset) // 1000
        clock.add(sent_us=now, received_us=now + out + back, server_time_us=venue_ms * 1000)
        now += out + back + 1
    estimate = clock.estimate(now)
    assert estimate is not None
    assert abs(estimate.offset_us - offset) <= estimate.error_us + 1
