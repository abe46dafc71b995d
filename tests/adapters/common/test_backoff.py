from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from adapters.common.backoff import delays


def test_waits_grow_to_the_cap_and_the_first_may_be_none_at_all() -> None:
    lowest = list(islice(delays(1.0, 5.0, uniform=lambda low, _: low), 5))
    highest = list(islice(delays(1.0, 5.0, uniform=lambda _, high: high), 5))
    assert lowest == [0.0, 1.0, 2.0, 2.5, 2.5]
    assert highest == [1.0, 2.0, 4.0, 5.0, 5.0]


@given(first=st.floats(0.001, 100), cap=st.floats(0.001, 100), factor=st.floats(1, 10))
def test_no_wait_is_negative_or_longer_than_the_cap(first: float, cap: float, factor: float) -> None:
    assert all(0 <= wait <= cap for wait in islice(delays(first, cap, factor=factor), 30))
