"""The true book at each update id, against the engine's own book as it was then."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import true_books
from sandbox.matching import Engine
from sandbox.matching.book import Book, BookSide
from sandbox.true_books import Levels, TrueBook, TrueBooks, UnknownId, best
from tests.sandbox.clients import engine, wish

SYMBOL = "SOL_USDC"


def levels(side: BookSide) -> Levels:
    return [(level.price, level.quantity) for level in side.best_first()]


def seen(book: Book) -> tuple[Levels, Levels]:
    return levels(book.bids), levels(book.asks)


def act(market: Engine, choice: int, price: int, quantity: int) -> None:
    """Place an order that rests, trades or both; or cancel one of those that rest."""
    if choice < 2:
        side = ("buy", "sell")[choice]
        market.place(market.accounts[side], wish(side, str(price), str(quantity)), 0)
        return
    orders = [order for account in market.accounts.values() for order in account.open_orders.values()]
    if orders:
        market.cancel(orders[price % len(orders)], 0)


OPERATIONS = st.lists(st.tuples(st.integers(0, 2), st.integers(98, 102), st.integers(1, 3)), max_size=40)


def followed(operations: list[tuple[int, int, int]]) -> tuple[TrueBook, dict[int, tuple[Levels, Levels]]]:
    """A true book that has seen these operations, and what the engine's was after each."""
    market, _ = engine("buy", "sell")
    book = market.books[SYMBOL]
    act(market, 0, 99, 2)
    market.take_events(0)
    books = TrueBooks(market.books)
    expected = {book.update_id: seen(book)}
    for operation in operations:
        act(market, *operation)
        books.record(market.take_events(0), 0)
        expected[book.update_id] = seen(book)
    return books.of(SYMBOL), expected


@given(OPERATIONS)
def test_at_every_id_it_is_the_engine_s_own_book(operations: list[tuple[int, int, int]]) -> None:
    true, expected = followed(operations)
    assert {update_id: true.at(update_id) for update_id in expected} == expected
    assert true.ids == (min(expected), max(expected))


@given(OPERATIONS)
def test_old_changes_are_dropped_and_the_rest_stays_true(operations: list[tuple[int, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(true_books, "KEPT_CHANGES", 5)
        patch.setattr(true_books, "KEPT_LEVELS", 7)
        true, expected = followed(operations)
    first, last = true.ids
    kept = {update_id: book for update_id, book in expected.items() if first <= update_id <= last}
    assert len(kept) <= 6
    assert {update_id: true.at(update_id) for update_id in kept} == kept
    with pytest.raises(UnknownId, match=f"those from {first} to {last} are kept"):
        true.at(first - 1)


def test_an_id_used_up_within_an_operation_was_nobody_s_to_see() -> None:
    market, (buyer, seller) = engine("buy", "sell")
    for price in ("100", "101"):
        market.place(seller, wish("sell", price), 0)
    market.take_events(0)
    books, before = TrueBooks(market.books), market.books[SYMBOL].update_id
    market.place(buyer, wish("buy", "101", "2"), 0)
    books.record(market.take_events(0), 0)
    with pytest.raises(UnknownId, match=f"on the way from {before} to {before + 2}"):
        books.of(SYMBOL).at(before + 1)


def test_levels_are_written_in_full() -> None:
    assert best([(Decimal("1E+2"), Decimal("0.00000001")), (Decimal(99), Decimal(1))], 1) == [("100", "0.00000001")]
