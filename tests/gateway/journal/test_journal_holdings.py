"""What an account holds is entered when it is another, once, whoever tells it and how often."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar
from uuid import uuid4

import pytest

from adapters.models import (
    AccountName,
    Balance,
    BalanceEvent,
    MarginMode,
    Position,
    PositionEvent,
    PositionSide,
    Symbol,
    VenueName,
)
from gateway.journal import EVERYBODY, Holding, decode_holding
from gateway.journal.entry import entries_of
from gateway.journal.holdings import Holdings
from gateway.store import keys
from gateway.store.client import Store
from tests.redis_process import eventually

T = TypeVar("T")

ACCOUNT = AccountName("main")
USDC = Balance("USDC", Decimal(10), Decimal("2.5"), Decimal("12.5"))


class Book:
    """One account's holdings at a venue of its own, and what its journal says of them."""

    def __init__(self, store: Store):
        self.store = store
        self.venue = VenueName(f"v-{uuid4().hex[:8]}")
        self.one, self.other = (Holdings(store, self.venue, ACCOUNT, journal_max=1000) for _ in range(2))
        self.sol = Position(
            venue=self.venue,
            symbol=Symbol("SOL-USDC-PERP"),
            side=PositionSide.LONG,
            quantity=Decimal(3),
            entry_price=Decimal(100),
            mark_price=Decimal(101),
            liquidation_price=None,
            unrealized_pnl=Decimal(3),
            realized_pnl=Decimal(0),
            margin_mode=MarginMode.CROSS,
            leverage=Decimal(5),
        )

    def position(self, held: Position | None, time_us: int) -> PositionEvent:
        return PositionEvent(ACCOUNT, self.sol.symbol, held, time_us, time_us)

    async def entered(self) -> list[Holding]:
        page = await self.store.command("XRANGE", keys.journal(self.venue, ACCOUNT), "-", "+")
        entries = entries_of(page)
        assert {entry.owner for entry in entries} <= {EVERYBODY}
        return [decode_holding(entry, self.venue) for entry in entries]

    async def until(self, *expected: Position | Balance | None) -> None:
        async def is_so() -> bool:
            return [holding.held for holding in await self.entered()] == list(expected)

        await eventually(is_so)


def answer(*held: T) -> Callable[[], Awaitable[Sequence[T]]]:
    """What the venue says to one question."""

    async def answered() -> Sequence[T]:
        return held

    return answered


def balance(time_us: int, available: int = 10) -> BalanceEvent:
    return BalanceEvent(ACCOUNT, replace(USDC, available=Decimal(available)), time_us, time_us)


@pytest.fixture
async def book(store: Store) -> AsyncIterator[Book]:
    made = Book(store)
    tasks = [asyncio.create_task(one.run()) for one in (made.one, made.other)]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_burst_is_entered_as_it_ended(book: Book) -> None:
    for number in range(50):
        book.one.take(balance(number, available=number))
    await book.until(replace(USDC, available=Decimal(49)))


async def test_two_replicas_that_hear_the_same_enter_it_once(book: Book) -> None:
    for holdings in (book.one, book.other):
        holdings.take(balance(1))
    await book.until(USDC)
    for holdings in (book.one, book.other):
        await holdings.compare(answer(USDC), answer())
    for holdings in (book.one, book.other):
        holdings.take(balance(3, available=4))
    await book.until(USDC, replace(USDC, available=Decimal(4)))


async def test_what_is_older_than_what_was_entered_is_left_out(book: Book) -> None:
    book.one.take(balance(5, available=5))
    await book.until(replace(USDC, available=Decimal(5)))
    book.other.take(balance(4, available=4))
    book.other.take(book.position(None, 1))
    await book.until(replace(USDC, available=Decimal(5)), None)


async def test_a_price_that_moves_is_no_event_and_a_close_is(book: Book) -> None:
    book.one.take(book.position(book.sol, 1))
    await book.until(book.sol)
    book.one.take(book.position(replace(book.sol, mark_price=Decimal(99), unrealized_pnl=Decimal(-3)), 2))
    book.one.take(balance(2))
    await book.until(book.sol, USDC)
    book.one.take(book.position(None, 3))
    await book.until(book.sol, USDC, None)


async def test_what_changed_unheard_is_found_by_asking(book: Book) -> None:
    book.one.take(balance(1))
    book.one.take(book.position(book.sol, 1))

    async def both() -> bool:
        return len(await book.entered()) == 2

    await eventually(both)
    await book.one.compare(answer(), answer())
    gone = {holding.name: holding.held for holding in (await book.entered())[2:]}
    assert gone == {"USDC": Balance("USDC", Decimal(0), Decimal(0), Decimal(0)), "SOL-USDC-PERP": None}


async def test_what_is_told_while_the_venue_is_asked_is_the_newer(book: Book) -> None:
    async def told_meanwhile() -> Sequence[Balance]:
        book.one.take(balance(1, available=7))
        return [USDC]

    await book.one.compare(told_meanwhile, answer())
    await book.until(replace(USDC, available=Decimal(7)))
