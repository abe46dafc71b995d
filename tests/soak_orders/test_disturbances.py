"""What goes wrong in a soak: the same from the same seed, and some of each kind soon."""

from itertools import islice

from tests.soak_orders.disturbances import Weather, disturbances
from tests.soak_orders.settled import overlap_ms, percentile
from tests.soak_orders.wishes import wishes


def test_the_same_seed_gives_the_same() -> None:
    first, again, other = (list(islice(disturbances(seed, 3, Weather()), 50)) for seed in (7, 7, 8))
    assert first == again != other
    assert [one.at_s for one in first] == sorted(one.at_s for one in first)


def test_every_kind_comes_in_every_round() -> None:
    assert len({one.kind for one in islice(disturbances(7, 3, Weather()), 8)}) == 8


def test_no_two_wishes_at_one_venue_have_the_same_content() -> None:
    made = wishes("r", 18_000, ["backpack", "zanbara"])
    assert len({(one.venue, one.content) for one in made}) == len(made)


def test_time_away_is_counted_once() -> None:
    assert overlap_ms(100, 200, [(50, 120), (110, 130), (150, 160), (190, 300), (400, 500)]) == 50


def test_a_percentile_is_one_of_the_values() -> None:
    values = list(range(100, 0, -1))
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [51, 100, 100]
    assert percentile([], 0.99) == 0
