"""Private channels: for each fill the fill, the order, the position; then, once an operation is over, balance and risk.

Risk also changes with prices alone: it is looked at whenever time passes.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.matching import Account, Engine, Side
from sandbox.matching.events import BalanceEvent, Event, Liquidated, OrderEvent, PositionEvent
from sandbox.zanbara.accounts import AccountFigures
from sandbox.zanbara.order_wire import fill_object, order_as_of, order_object
from sandbox.zanbara.risk import RiskWatch
from sandbox.zanbara.subscriptions import Board, Subscription
from sandbox.zanbara.wire import encode

Maker = Callable[[], dict[str, Any]]


class PrivateStreams:
    """Listens to the simulation and tells an account's subscribers."""

    def __init__(self, engine: Engine, figures: AccountFigures, board: Board) -> None:
        self._engine = engine
        self._figures = figures
        self._board = board
        self._risks = RiskWatch(figures)

    def on_events(self, events: list[Event], now_us: int) -> None:
        """The engine tells positions after all fills, one for each: here each follows its own."""
        positions: dict[str, deque[PositionEvent]] = {}
        for event in events:
            if isinstance(event, PositionEvent):
                positions.setdefault(event.account.name, deque()).append(event)
        touched: dict[str, Account] = {}
        for event in events:
            match event:
                case OrderEvent():
                    account = event.order.account
                    touched[account.name] = account
                    self._tell_order(event, now_us)
                    if event.fill is not None and positions.get(account.name):
                        self._tell_position(positions[account.name].popleft(), event.order.side, now_us)
                case BalanceEvent():
                    touched[event.account.name] = event.account
                case Liquidated():
                    self._tell_risk(event.account, self._risks.liquidated(event), now_us)
        for account in touched.values():
            self.tell_balance(account, now_us)
            self._follow_risk(account, now_us)

    def advance(self, now_us: int) -> None:
        """Tell changes of risk that prices have brought."""
        for name in self._board.accounts("risk"):
            self._follow_risk(self._engine.accounts[name], now_us)

    def begin(self, subscription: Subscription, now_us: int) -> None:
        """Send a new subscription what it starts from; fills start from nothing."""
        account, symbol = self._engine.accounts[subscription.account or ""], subscription.symbol
        match subscription.channel:
            case "orders":
                orders = sorted(account.open_orders.values(), key=lambda order: order.id, reverse=True)
                items = [order_object(order) for order in orders if symbol in (None, order.market.symbol)]
            case "positions":
                items = [
                    self._figures.position_object(account, held, position)
                    for held, position in self._figures.positions(account)
                    if symbol in (None, held)
                ]
            case "balance":
                subscription.send("snapshot", None, encode(self._figures.balance(account, now_us)), now_us)
                return
            case "risk":
                self._follow_risk(account, now_us, newcomer=subscription)
                subscription.send("snapshot", None, encode(self._risks.current(account)), now_us)
                return
            case _:
                return
        subscription.send("snapshot", symbol, encode({"items": items}), now_us)

    def changed(self, account: Account, symbol: str, now_us: int) -> None:
        """A setting changed what a position holds: tell it as it is now, and the balance."""
        position = account.positions.get(symbol)
        if position is not None:
            make = partial(self._figures.position_object, account, symbol, position)
            self._tell(account, "positions", symbol, make, now_us)
        self.tell_balance(account, now_us)

    def tell_balance(self, account: Account, now_us: int) -> None:
        listening = self._board.listening(account.name, "balance")
        if listening:
            data = encode(self._figures.balance(account, now_us))
            for subscription in listening:
                subscription.send("update", None, data, now_us)

    def _follow_risk(self, account: Account, now_us: int, newcomer: Subscription | None = None) -> None:
        """Tell the account's risk if it changed; a new subscription is about to be told anyway."""
        if self._board.listening(account.name, "risk"):
            self._tell_risk(account, self._risks.change(account), now_us, newcomer)

    def _tell_risk(
        self, account: Account, risk: dict[str, Any] | None, now_us: int, newcomer: Subscription | None = None
    ) -> None:
        listening = self._board.listening(account.name, "risk")
        if risk is not None and listening:
            data = encode(risk)
            for subscription in listening:
                if subscription is not newcomer:
                    subscription.send("update", None, data, now_us)

    def _tell_order(self, event: OrderEvent, now_us: int) -> None:
        account, symbol = event.order.account, event.order.market.symbol
        if event.fill is not None:
            self._tell(account, "fills", symbol, partial(fill_object, event.fill), now_us)
        self._tell(account, "orders", symbol, partial(order_as_of, event), now_us)

    def _tell_position(self, event: PositionEvent, side: Side, now_us: int) -> None:
        account, symbol = event.account, event.symbol
        self._tell(account, "positions", symbol, partial(self._figures.position_as_of, event, side), now_us)

    def _tell(self, account: Account, channel: str, symbol: str, make: Maker, now_us: int) -> None:
        """Tell subscribers of this symbol and of all; the data is only made if there are any."""
        listening = self._board.listening(account.name, channel)
        listening += self._board.listening(account.name, f"{channel}.{symbol}")
        if listening:
            text = encode(make())
            for subscription in listening:
                subscription.send("update", symbol, text, now_us)
