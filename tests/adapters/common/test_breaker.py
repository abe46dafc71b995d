from adapters.common.breaker import Breaker, BreakerState


def failing(breaker: Breaker, times: int, seconds: float = 0.0) -> None:
    for _ in range(times):
        breaker.failed(seconds)


def test_opens_after_that_many_failures_in_a_row_only() -> None:
    breaker = Breaker(failures=3, open_s=2.0)
    failing(breaker, 2)
    breaker.succeeded()
    failing(breaker, 2)
    assert breaker.allows(0.0)
    breaker.failed(0.0)
    assert breaker.state(0.0) is BreakerState.OPEN
    assert not breaker.allows(1.9)


def test_lets_one_probe_through_at_a_time() -> None:
    breaker = Breaker(failures=1, open_s=2.0)
    breaker.failed(0.0)
    assert breaker.state(2.0) is BreakerState.HALF_OPEN
    assert breaker.allows(2.0)
    assert not breaker.allows(2.1)
    assert breaker.allows(4.0)  # a probe that was never heard of again does not lock it for ever


def test_a_probe_decides() -> None:
    breaker = Breaker(failures=1, open_s=2.0)
    breaker.failed(0.0)
    assert breaker.allows(2.0)
    breaker.failed(3.0)
    assert not breaker.allows(4.9)
    assert breaker.allows(5.0)
    breaker.succeeded()
    assert breaker.state(5.0) is BreakerState.CLOSED
