"""What histories show of an account, possibly a little late: finished orders, fills, positions, funding. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random
from typing import Generic, TypeVar

from sandbox.matching.account import Position
from sandbox.matching.events import (
    Event,
    Fill,
    FundingPaid,
    Liquidated,
    OrderEvent,
    OrderEventKind,
    PositionEvent,
    PositionEventKind,
)
from sandbox.matching.order import Order

KEPT = 100_000
ZERO = Decimal(0)

T = TypeVar("T")


@dataclass(slots=True)
class Lateness:
    """How much younger rows stay hidden: up to `lag_us`, or with a seed each by its own part of that.

    Counted in time as it passed: `ahead_us` is what the clock's steps have added to it.
    """

    lag_us: int
    seed: int | None = None
    ahead_us: int = 0
    numbers: Iterator[int] = field(default_factory=count)  # of rows, in the order they came

    def of(self, number: int) -> int:
        """How late the row of this number is."""
        return self.lag_us if self.seed is None else Random(f"{self.seed}/{number}").randint(0, self.lag_us)


class Shelf(Generic[T]):
    """Rows per account in the order they came, and when each may be seen."""

    def __init__(self, lateness: Lateness) -> None:
        self._lateness = lateness
        self._rows: dict[str, deque[tuple[int, int, T]]] = {}

    def add(self, account: str, row: T, time_us: int) -> None:
        entry = (time_us - self._lateness.ahead_us, next(self._lateness.numbers), row)
        self._rows.setdefault(account, deque(maxlen=KEPT)).append(entry)

    def newest_first(self, account: str, now_us: int) -> Iterator[T]:
        passed_us, lateness = now_us - self._lateness.ahead_us, self._lateness
        until_us = passed_us - lateness.lag_us
        rows = reversed(self._rows.get(account, ()))
        for time_us, number, row in rows:
            if time_us <= until_us or time_us <= passed_us - lateness.of(number):
                yield row


@dataclass(slots=True)
class HeldPosition:
    """A position that is or was: `position` moves on while it is open. What liquidation closed and cost of it."""

    symbol: str
    position: Position
    liquidated: Decimal = ZERO
    liquidation_fees: Decimal = ZERO


class Records:
    """Histories of all watched accounts, newest first, as late as `lateness` says at the moment."""

    def __init__(self, *, lag_us: int) -> None:
        self.lateness = Lateness(lag_us)
        self._orders: Shelf[Order] = Shelf(self.lateness)
        self._fills: Shelf[Fill] = Shelf(self.lateness)
        self._fundings: Shelf[FundingPaid] = Shelf(self.lateness)
        self._positions: Shelf[HeldPosition] = Shelf(self.lateness)
        self._held: dict[int, HeldPosition] = {}

    def record(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case OrderEvent():
                    self._record_order(event)
                case PositionEvent():
                    self._record_position(event)
                case FundingPaid():
                    self._fundings.add(event.account.name, event, event.time_us)
                case Liquidated():
                    held = self._held.get(event.position_id)
                    if held is not None:
                        held.liquidated += event.quantity
                        held.liquidation_fees += event.fee

    def clock_stepped(self, by_us: int) -> None:
        """The clock was put forward or back; nothing is seen earlier or later for that."""
        self.lateness.ahead_us += by_us

    def orders(self, account: str, now_us: int) -> Iterator[Order]:
        """Finished orders, the last to finish first."""
        return self._orders.newest_first(account, now_us)

    def fills(self, account: str, now_us: int) -> Iterator[Fill]:
        return self._fills.newest_first(account, now_us)

    def fundings(self, account: str, now_us: int) -> Iterator[FundingPaid]:
        return self._fundings.newest_first(account, now_us)

    def positions(self, account: str, now_us: int) -> Iterator[HeldPosition]:
        """Open and closed positions, the last to be opened first."""
        return self._positions.newest_first(account, now_us)

    def _record_order(self, event: OrderEvent) -> None:
        account = event.order.account.name
        if event.fill is not None:
            self._fills.add(account, event.fill, event.time_us)
        # An order may still be open in its last fill's event only if more is coming.
        if event.kind is not OrderEventKind.ACCEPTED and not event.order.is_open and _is_last(event):
            self._orders.add(account, event.order, event.order.updated_us)

    def _record_position(self, event: PositionEvent) -> None:
        if event.position_id not in self._held:
            held = self._held[event.position_id] = HeldPosition(event.symbol, event.position)
            self._positions.add(event.account.name, held, event.position.opened_us)
        if event.kind is PositionEventKind.CLOSED:
            del self._held[event.position_id]


def _is_last(event: OrderEvent) -> bool:
    return event.status == event.order.status and event.executed == event.order.executed
