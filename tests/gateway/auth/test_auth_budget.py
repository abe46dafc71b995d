"""A caller's own budget: a looping bot slows only itself."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.auth import ClientBudget


@given(st.integers(1, 20), st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, 5)), max_size=40))
def test_no_second_has_more_than_twice_and_no_long_run_more_than_its_share(
    per_s: int, bursts: list[tuple[float, int]]
) -> None:
    """A bucket holds one second's worth: what is allowed never exceeds that plus the rate times the time."""
    now = [0.0]
    budget = ClientBudget(per_s, lambda: now[0])
    allowed = 0
    for wait_s, count in bursts:
        now[0] += wait_s
        for _ in range(count):
            state = budget.spend("bot")
            allowed += state.allowed
            assert 0 <= state.remaining <= per_s
            assert (state.retry_after_s > 0) is not state.allowed
        assert allowed <= per_s + now[0] * per_s + 1e-6


def test_who_waits_as_told_is_let_in() -> None:
    now = [0.0]
    budget = ClientBudget(3, lambda: now[0])
    while (state := budget.spend("bot")).allowed:
        pass
    now[0] += state.retry_after_s + 1e-9
    assert budget.spend("bot").allowed


def test_callers_do_not_share() -> None:
    budget = ClientBudget(1, lambda: 0.0)
    assert budget.spend("a").allowed
    assert not budget.spend("a").allowed
    assert budget.spend("b").allowed


def test_callers_that_are_remembered_are_bounded() -> None:
    budget = ClientBudget(1, lambda: 0.0, callers_max=10)
    for number in range(1_000):
        budget.spend(str(number))
    assert len(budget._buckets) == 10
