"""Collects an operation's events in the order they are told: orders and trades, books, balances, positions."""

from collections.abc import Iterable
from dataclasses import replace

from sandbox.matching.account import Account, Position
from sandbox.matching.book import Book
from sandbox.matching.events import (
    BalanceEvent,
    Event,
    Fill,
    FundingPaid,
    FundingSettled,
    Liquidated,
    OrderEvent,
    OrderEventKind,
    PositionEvent,
    PositionEventKind,
    Trade,
    Transfer,
)
from sandbox.matching.order import Order


class Outbox:
    """Balances are told once per operation, however often they moved; unwatched accounts are not told at all."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._positions: list[PositionEvent] = []
        self._balances: dict[tuple[str, str], Account] = {}

    def add(self, event: Trade | FundingSettled | FundingPaid | Liquidated | Transfer) -> None:
        self._events.append(event)

    def order(self, kind: OrderEventKind, order: Order, now_us: int, fill: Fill | None = None) -> None:
        if order.account.watched:
            event = OrderEvent(
                kind,
                order,
                now_us,
                order.status,
                order.quantity,
                order.executed,
                order.executed_quote,
                fill,
                order.fees,
            )
            self._events.append(event)

    def correct_last_fill(self, order: Order) -> None:
        """A quote-sized order turns out filled only after its last trade: tell that trade's event so."""
        for index in range(len(self._events) - 1, -1, -1):
            event = self._events[index]
            if isinstance(event, OrderEvent) and event.order is order:
                self._events[index] = replace(event, status=order.status)
                return

    def touch_balance(self, account: Account, asset: str) -> None:
        if account.watched:
            self._balances[account.name, asset] = account

    def position(self, kind: PositionEventKind, account: Account, symbol: str, position: Position, now_us: int) -> None:
        if account.watched:
            event = PositionEvent(
                kind,
                account,
                symbol,
                position.id,
                position.quantity,
                position.cost,
                position.realized,
                now_us,
                position,
            )
            self._positions.append(event)

    def take(self, books: Iterable[Book], now_us: int) -> list[Event]:
        events = self._events
        events.extend(change for book in books if (change := book.take_change(now_us)))
        for (_, asset), account in self._balances.items():
            balance = account.balances[asset]
            events.append(BalanceEvent(account, asset, balance.available, balance.locked, now_us))
        events.extend(self._positions)
        self._events, self._positions, self._balances = [], [], {}
        return events
