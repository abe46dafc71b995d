"""The sums of the orders' bench, and its venue. The figures themselves are no test."""

import pytest

from bench.orders.__main__ import Rate, Round, lines
from bench.orders.venue import answer_to


def test_a_ratio_is_of_the_cpu_and_an_addition_of_like_percentiles() -> None:
    one = Round(Rate(300, 400), Rate(9_000, 20_000), [0.002] * 99 + [0.009], [0.001] * 98 + [0.004] * 2)
    assert one.ratio == pytest.approx(0.02)
    assert one.added_ms(0.5) == pytest.approx(1)
    assert one.added_ms(0.99) == pytest.approx(-2)
    ratio, half, most = lines([one] * 3)
    assert (ratio.is_missed, half.is_missed, most.is_missed) == (True, False, False)


def test_the_venue_answers_an_order_with_what_was_asked() -> None:
    answer = answer_to(b"POST /api/v1/order HTTP/1.1\r\nHost: x", b'{"clientId":7,"price":"1.5"}')
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'"clientId":7,"price":"1.5"}')
