"""What histories show of an account, possibly a little late: finished orders, fills, positions, funding. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import dropwhile
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


class Shelf(Generic[T]):
    """Rows per account in the order they came. `lag_us` hides what is younger than that."""

    def __init__(self, *, lag_us: int) -> None:
        self._lag_us = lag_us
        self._rows: dict[str, deque[tuple[int, T]]] = {}

    def add(self, account: str, row: T, time_us: int) -> None:
        self._rows.setdefault(account, deque(maxlen=KEPT)).append((time_us, row))

    def newest_first(self, account: str, now_us: int) -> Iterator[T]:
        until_us = now_us - self._lag_us
        shown = dropwhile(lambda entry: entry[0] > until_us, reversed(self._rows.get(account, ())))
        return (row for _, row in shown)


@dataclass(slots=True)
class HeldPosition:
    """A position that is or was: `position` moves on while it is open. What liquidation closed and cost of it."""

    symbol: str
    position: Position
    liquidated: Decimal = ZERO
    liquidation_fees: Decimal = ZERO


class Records:
    """Histories of all watched accounts, newest first."""

    def __init__(self, *, lag_us: int) -> None:
        self._orders: Shelf[Order] = Shelf(lag_us=lag_us)
        self._fills: Shelf[Fill] = Shelf(lag_us=lag_us)
        self._fundings: Shelf[FundingPaid] = Shelf(lag_us=lag_us)
        self._positions: Shelf[HeldPosition] = Shelf(lag_us=lag_us)
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
