import pytest

from adapters.contract import CallKind
from gateway.limiter.claims import Wanted
from gateway.limiter.line import Waiter
from gateway.limiter.queue import Forecast, QueueFull, WaitQueue

CANCEL, ORDER, READ, MARKET = CallKind
ONE = (1,)


def waiter(
    kind: CallKind,
    name: str,
    *,
    client: str = "bot",
    weight: int = 1,
    units: tuple[int, ...] = ONE,
    deadline_s: float = 100.0,
) -> Waiter[str]:
    return Waiter(client, weight, kind, units, deadline_s, name)


def queue_of(*waiters: Waiter[str], length_max: int = 100) -> WaitQueue[str]:
    queue: WaitQueue[str] = WaitQueue(length_max)
    for one in waiters:
        queue.add(one)
    return queue


def forecast(*waits_us: int, granted: int = 0, capacity: int = 10) -> Forecast:
    return Forecast(
        made_at_s=10.0,
        units=ONE,
        ranks=frozenset({1, 2, 3}),
        granted=granted,
        again_us=waits_us[0],
        waits_us=waits_us,
        capacity=capacity,
        period_us=1_000_000,
        rule="ip",
    )


def test_the_most_urgent_is_served_first_and_equals_in_order_of_arrival() -> None:
    queue = queue_of(*(waiter(kind, f"{kind}{i}") for i in (1, 2) for kind in (MARKET, READ, ORDER, CANCEL)))
    served = [one.ticket for one in queue.take(ONE, 8, cancels=2)]
    assert served == [f"{kind}{i}" for kind in (CANCEL, ORDER, READ, MARKET) for i in (1, 2)]
    assert len(queue) == 0


def test_a_place_is_how_many_are_before() -> None:
    waiters = [waiter(ORDER, "a"), waiter(MARKET, "b"), waiter(READ, "c"), waiter(MARKET, "d"), waiter(CANCEL, "e")]
    queue = queue_of(*waiters)
    assert {one.ticket: queue.place(one) for one in waiters} == {"e": 0, "a": 1, "c": 2, "b": 3, "d": 4}


def names(queue: WaitQueue[str]) -> list[str]:
    return [one.ticket for one in queue]


def test_calls_are_asked_for_by_kind_up_to_the_first_of_another_price() -> None:
    queue = queue_of(waiter(ORDER, "a"), waiter(READ, "b"), waiter(MARKET, "c", units=(5,)), waiter(MARKET, "d"))
    assert queue.wanted(7) == Wanted((0, 1, 1, 0), (0, 1, 1, 0), (1, 1, 1, 1), 7)
    queue.add(waiter(CANCEL, "e", weight=3))
    assert queue.wanted(7) == Wanted((1, 1, 1, 0), (1, 1, 1, 0), (3, 1, 1, 1), 7)


def test_what_was_got_from_the_reserve_goes_to_cancels_only() -> None:
    queue = queue_of(waiter(ORDER, "a"), waiter(ORDER, "b"), waiter(CANCEL, "c"))
    assert [one.ticket for one in queue.take(ONE, 3, cancels=2)] == ["c", "a"]


def test_cancels_that_came_meanwhile_use_the_orders_grants() -> None:
    queue = queue_of(waiter(ORDER, "a"), waiter(CANCEL, "b"), waiter(CANCEL, "c"))
    assert [one.ticket for one in queue.take(ONE, 2, cancels=0)] == ["b", "c"]


def test_clients_take_turns_whoever_came_first() -> None:
    flood = [waiter(ORDER, f"f{i}", client="flood") for i in range(3)]
    queue = queue_of(*flood, waiter(ORDER, "a1", client="a"), waiter(ORDER, "b1", client="b"))
    assert names(queue) == ["f0", "a1", "b1", "f1", "f2"]


def test_a_client_of_weight_two_has_two_turns_for_one() -> None:
    light = [waiter(ORDER, f"l{i}", client="light") for i in range(3)]
    heavy = [waiter(ORDER, f"h{i}", client="heavy", weight=2) for i in range(6)]
    served = [one.ticket[0] for one in queue_of(*light, *heavy).take(ONE, 6, cancels=0)]
    assert served.count("h") == 4


def test_who_was_away_has_no_turns_saved_up() -> None:
    queue = queue_of(*(waiter(ORDER, f"a{i}", client="a") for i in range(6)))
    queue.take(ONE, 4, cancels=0)
    for i in range(3):
        queue.add(waiter(ORDER, f"b{i}", client="b"))
    assert names(queue) == ["b0", "a4", "b1", "a5", "b2"]


def test_those_behind_one_that_left_move_up() -> None:
    own = [waiter(ORDER, f"a{i}", client="a") for i in range(4)]
    queue = queue_of(*own, *(waiter(ORDER, f"b{i}", client="b") for i in range(2)))
    for leaving in own[:3]:
        queue.leave(leaving)
    assert names(queue) == ["a3", "b0", "b1"]


def test_a_full_queue_says_so_and_one_that_left_makes_room() -> None:
    first = waiter(MARKET, "a")
    queue = queue_of(first, length_max=1)
    with pytest.raises(QueueFull):
        queue.add(waiter(CANCEL, "b"))
    assert queue.leave(first)
    assert not queue.leave(first)
    queue.add(waiter(CANCEL, "b"))


def test_a_forecast_counts_places_and_whole_periods() -> None:
    ahead = forecast(100, 200, granted=1, capacity=3)
    assert [round(ahead.at_s(place) - 10.0, 6) for place in range(6)] == [0.0001, 0.0002, 1.0, 1.0001, 1.0002, 2.0]


def test_whoever_comes_too_late_in_line_is_removed_at_once() -> None:
    early, late = waiter(ORDER, "a", deadline_s=10.5), waiter(ORDER, "b", deadline_s=10.5)
    queue = queue_of(early, late)
    assert queue.judge_new(forecast(400_000, 600_000)) == [(late, 1)]
    assert queue.judge_new(forecast(900_000)) == []  # each is judged once; the deadline does the rest
    assert list(queue) == [early]


def test_a_forecast_for_others_judges_nobody_before_them() -> None:
    cancel, read = waiter(CANCEL, "a", deadline_s=10.1), waiter(READ, "b", deadline_s=10.1)
    queue = queue_of(cancel, read)
    assert queue.judge_new(forecast(500_000)) == [(read, 1)]
    assert list(queue) == [cancel]


def test_deadlines_are_watched_and_those_who_left_are_forgotten() -> None:
    waiters = [waiter(ORDER, str(i), deadline_s=20.0 + i) for i in range(3)]
    queue = queue_of(*waiters)
    queue.judge_new(forecast(1, 2, 3))
    queue.leave(waiters[0])
    assert queue.next_deadline_s() == 20.0
    assert queue.remove_late(21.5) == [waiters[1]]
    assert queue.next_deadline_s() == 22.0
    assert [one.ticket for one in queue.clear()] == ["2"]
