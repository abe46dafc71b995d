"""A book follows its venue, or says that it cannot."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models import BookDelta, BookSnapshot, Level
from gateway.feeds.book import IGNORED_IN_A_ROW_MAX, Book, Load, Step
from tests.gateway.feeds.scripted import delta, levels, snapshot

START = snapshot(10, levels(("99", "1"), ("98", "2")), levels(("101", "1"), ("102", "2")))


def loaded(start: BookSnapshot = START, depth: int = 1000) -> Book:
    book = Book(depth=depth)
    assert book.load(start) is Load.LOADED
    return book


def test_a_delta_sets_and_removes_levels() -> None:
    book = loaded()
    assert book.apply(delta(10, bids=levels(("99", "0"), ("98.5", "3")), asks=levels(("101", "4")))) is Step.APPLIED
    assert book.bids() == list(levels(("98.5", "3"), ("98", "2")))
    assert book.asks() == list(levels(("101", "4"), ("102", "2")))
    assert book.update_id == 11


def test_the_first_delta_may_straddle_the_snapshot_and_no_later_one() -> None:
    book = loaded()
    assert book.apply(delta(8, 12, bids=levels(("97", "1")))) is Step.APPLIED
    assert book.apply(delta(11, 13)) is Step.GAP


def test_what_was_seen_before_is_ignored() -> None:
    book = loaded()
    assert book.apply(delta(8, 10, bids=levels(("99", "0")))) is Step.IGNORED
    assert book.bids() == list(START.bids)


def test_a_venue_that_counts_anew_is_noticed() -> None:
    book = loaded()
    steps = [book.apply(delta(number)) for number in [1] * (IGNORED_IN_A_ROW_MAX + 1)]
    assert steps[-1] is Step.GAP


def test_a_gap_empties_the_book_and_keeps_what_comes() -> None:
    book = loaded()
    assert book.apply(delta(11, 12)) is Step.GAP
    assert book.update_id != START.update_id
    assert book.apply(delta(12, bids=levels(("98", "7")))) is Step.KEPT
    assert book.load(snapshot(10)) is Load.TOO_OLD
    assert book.load(snapshot(11, START.bids, START.asks)) is Load.LOADED
    assert book.update_id == 13
    assert book.bids()[1] == Level(Decimal(98), Decimal(7))


@pytest.mark.parametrize(
    "bad",
    [
        delta(10, bids=levels(("101", "1"))),
        delta(10, bids=levels(("98", "-1"))),
        delta(10, asks=levels(("0", "1"))),
    ],
)
def test_what_cannot_be_true_is_corrupt(bad: BookDelta) -> None:
    book = loaded()
    assert book.apply(bad) is Step.CORRUPT
    assert book.update_id is None


def test_a_crossed_snapshot_is_corrupt() -> None:
    assert Book(depth=10).load(snapshot(1, levels(("5", "1")), levels(("5", "1")))) is Load.CORRUPT


def test_levels_beyond_a_partial_snapshot_are_not_shown_and_a_thin_book_says_so() -> None:
    book = loaded(depth=2)
    change = delta(10, bids=levels(("97", "1"), ("98.5", "1")), asks=levels(("103", "1")))
    assert book.apply(change) is Step.APPLIED
    assert book.visible(change) == (list(levels(("98.5", "1"))), [])
    assert not book.is_thin
    book.apply(delta(11, asks=levels(("101", "0"), ("102", "0"))))
    assert book.is_thin


changes = st.lists(
    st.tuples(
        st.dictionaries(st.integers(1, 49), st.integers(0, 3), max_size=4),
        st.dictionaries(st.integers(51, 99), st.integers(0, 3), max_size=4),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=12,
)


def venue_history(
    moves: list[tuple[dict[int, int], dict[int, int], int]],
) -> tuple[list[BookSnapshot], list[BookDelta]]:
    """The venue's book after every delta (snapshot i comes before delta i), and the deltas."""
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    update_id = 5
    states, deltas = [_state(update_id, bids, asks)], []
    for bid_changes, ask_changes, width in moves:
        bids |= bid_changes
        asks |= ask_changes
        deltas.append(delta(update_id, update_id + width, bids=_side(bid_changes), asks=_side(ask_changes)))
        update_id += width
        states.append(_state(update_id, bids, asks))
    return states, deltas


def _side(held: dict[int, int]) -> tuple[Level, ...]:
    return tuple(Level(Decimal(price), Decimal(quantity)) for price, quantity in held.items())


def _state(update_id: int, bids: dict[int, int], asks: dict[int, int]) -> BookSnapshot:
    def ordered(held: dict[int, int], *, best_first: int) -> tuple[Level, ...]:
        return _side(
            {price: held[price] for price in sorted(held, key=lambda price: best_first * price) if held[price]}
        )

    return snapshot(update_id, ordered(bids, best_first=-1), ordered(asks, best_first=1))


def is_right(book: Book, states: list[BookSnapshot]) -> bool:
    """Whether the book is, at its update id, what the venue had at that id."""
    truth = {state.update_id: state for state in states}[book.update_id or 0]
    return book.bids() == list(truth.bids) and book.asks() == list(truth.asks)


@given(changes, st.data())
def test_snapshot_and_deltas_equal_the_next_snapshot(
    moves: list[tuple[dict[int, int], dict[int, int], int]], data: st.DataObject
) -> None:
    states, deltas = venue_history(moves)
    book = Book(depth=1000)
    taken_at = data.draw(st.integers(0, len(deltas)))
    loaded_at = data.draw(st.integers(taken_at, len(deltas)))
    begun_at = data.draw(st.integers(0, taken_at))
    for each in deltas[begun_at:loaded_at]:
        assert book.apply(each) is Step.KEPT
    assert book.load(states[taken_at]) is Load.LOADED
    for each in deltas[loaded_at:]:
        assert book.apply(each) is Step.APPLIED
    assert is_right(book, states)
    assert book.update_id == states[-1].update_id


@given(changes, st.data())
def test_a_lost_repeated_or_reordered_delta_is_noticed_or_harmless(
    moves: list[tuple[dict[int, int], dict[int, int], int]], data: st.DataObject
) -> None:
    states, deltas = venue_history(moves)
    shuffled = data.draw(st.lists(st.sampled_from(deltas), max_size=20))
    sent = shuffled or [*deltas]
    for number in data.draw(st.lists(st.integers(0, len(sent) - 1), max_size=1)):
        del sent[number]
    book = Book(depth=1000)
    fetched_at = data.draw(st.integers(0, len(sent)))
    for number, each in enumerate(sent):
        if number == fetched_at or (book.update_id is None and data.draw(st.integers(0, 1))):
            book.load(data.draw(st.sampled_from(states)))
        book.apply(each)
        assert book.update_id is None or is_right(book, states)


def test_a_book_whose_stream_keeps_its_depth_takes_what_moves_in() -> None:
    """Its deltas push levels out and bring others in, so that none beyond the first snapshot is unknown."""
    book = Book(depth=2, keeps_depth=True)
    assert (
        book.load(snapshot(1, bids=levels(("10", "1"), ("9", "1")), asks=levels(("11", "1"), ("12", "1"))))
        is Load.LOADED
    )
    assert book.apply(delta(1, 2, bids=levels(("9", "0"), ("8", "5")))) is Step.APPLIED
    assert [level.price for level in book.bids()] == [10, 8]
    assert not book.is_thin
