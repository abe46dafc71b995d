from decimal import Decimal

import pytest

from adapters.common import levels
from adapters.models import Level

D = Decimal
UP = [(D(1), D(5)), (D(2), D(6))]
DOWN = UP[::-1]


def test_each_side_is_best_first() -> None:
    assert levels.asks(UP) == (Level(D(1), D(5)), Level(D(2), D(6)))
    assert levels.bids(DOWN) == (Level(D(2), D(6)), Level(D(1), D(5)))
    assert levels.asks([]) == levels.bids([]) == ()


@pytest.mark.parametrize("pairs", [DOWN, [UP[0], UP[0]], [(D(1), D(0))], [(D(0), D(1))], [(D("NaN"), D(1))]])
def test_what_cannot_be_one_side_of_a_book_is_refused(pairs: list[tuple[Decimal, Decimal]]) -> None:
    with pytest.raises(ValueError, match=r"order|positive|sane"):
        levels.asks(pairs)


def test_changes_come_in_any_order_and_may_remove() -> None:
    assert levels.changes([(D(2), D(0)), (D(1), D(1))]) == (Level(D(2), D(0)), Level(D(1), D(1)))
    with pytest.raises(ValueError, match="negative"):
        levels.changes([(D(1), D(-1))])
