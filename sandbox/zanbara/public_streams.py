"""Public channels: trades as they happen; books, tickers and funding on change, at most ten times a second each.

Prices and rates move without an event, too: tickers and funding are looked at whenever time passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.matching.events import Event, Trade
from sandbox.simulation import Simulation
from sandbox.zanbara.book_views import BookView
from sandbox.zanbara.frames import data_frame
from sandbox.zanbara.market_data import MarketData
from sandbox.zanbara.order_wire import trade_object
from sandbox.zanbara.subscriptions import Board, Subscription
from sandbox.zanbara.wire import encode

PACE_US = 100_000
SNAPSHOT_TRADES = 20
DEPTHS = (5, 10, 20, 50, 100)
Maker = Callable[[str, int], dict[str, Any]]


@dataclass(slots=True)
class _Told:
    """One book view with the time of its last update."""

    view: BookView
    last_us: int


class PublicStreams:
    """Listens to the simulation and tells whoever subscribed."""

    def __init__(self, simulation: Simulation, market_data: MarketData, board: Board) -> None:
        self._engine = simulation.engine
        self._market_data = market_data
        self._board = board
        self._books: dict[tuple[str, int], _Told] = {}
        self._figures: dict[str, Maker] = {
            "ticker": market_data.ticker_object,
            "funding_rate": market_data.funding_object,
        }
        self._told: dict[tuple[str, str], dict[str, Any]] = {}  # by channel and symbol, of those somebody listens to
        self._due_us: dict[tuple[str, str], int] = {}

    def on_events(self, events: list[Event], now_us: int) -> None:
        trades: dict[str, list[Trade]] = {}
        for event in events:
            if isinstance(event, Trade):
                trades.setdefault(event.symbol, []).append(event)
        for symbol, happened in trades.items():
            self._tell_trades(symbol, happened, now_us)
        self.advance(now_us)

    def advance(self, now_us: int) -> None:
        """Tell what changed and is due."""
        for key, told in list(self._books.items()):
            if told.last_us + PACE_US <= now_us:
                self._tell_book(key, told, now_us)
        for channel, symbol in list(self._told):
            self._tell_figures(channel, symbol, now_us)

    def clock_stepped(self, by_us: int) -> None:
        for told in self._books.values():
            told.last_us += by_us
        self._due_us = {key: due_us + by_us for key, due_us in self._due_us.items()}

    def begin(self, subscription: Subscription, now_us: int) -> None:
        """Send a new subscription what it starts from."""
        symbol, channel = subscription.symbol or "", subscription.channel
        if channel == "orderbook":
            self._begin_book(subscription, symbol, now_us)
        elif channel == "trades":
            last = self._market_data.last_trades(symbol, SNAPSHOT_TRADES)
            data = {"items": [trade_object(trade) for trade in last]}
            subscription.send("snapshot", symbol, encode(data), now_us)
        else:
            data = self._figures[channel](symbol, now_us)
            self._told.setdefault((channel, symbol), data)
            subscription.send("snapshot", symbol, encode(data), now_us)

    # -- books -------------------------------------------------------------------------------------------------------

    def _begin_book(self, subscription: Subscription, symbol: str, now_us: int) -> None:
        """Everybody at a depth is told the same; a newcomer starts from what the others were told last."""
        key = (symbol, subscription.depth or DEPTHS[-1])
        told = self._books.get(key)
        if told is None:
            told = self._books[key] = _Told(BookView(self._engine.books[symbol], key[1]), now_us)
        view = told.view
        text = data_frame(
            "snapshot", "orderbook", symbol, encode(view.snapshot(now_us)), sequence=view.sequence, now_us=now_us
        )
        subscription.deliver(text)

    def _tell_book(self, key: tuple[str, int], told: _Told, now_us: int) -> None:
        symbol, depth = key
        listening = self._board.listening(None, f"orderbook.{symbol}.{depth}")
        if not listening:
            del self._books[key]
            return
        difference = told.view.difference()
        if difference is None:
            return
        told.last_us = now_us
        text = data_frame("update", "orderbook", symbol, encode(difference), sequence=told.view.sequence, now_us=now_us)
        for subscription in listening:
            subscription.deliver(text)

    # -- trades and figures --------------------------------------------------------------------------------------------

    def _tell_trades(self, symbol: str, happened: list[Trade], now_us: int) -> None:
        listening = self._board.listening(None, f"trades.{symbol}")
        if listening:
            data = encode({"items": [trade_object(trade) for trade in reversed(happened)]})
            for subscription in listening:
                subscription.send("update", symbol, data, now_us)

    def _tell_figures(self, channel: str, symbol: str, now_us: int) -> None:
        """Tell a change of a ticker or of funding, if it is due."""
        key = (channel, symbol)
        if self._due_us.get(key, 0) > now_us:
            return
        listening = self._board.listening(None, f"{channel}.{symbol}")
        if not listening:
            del self._told[key]
            return
        self._due_us[key] = now_us + PACE_US
        data = self._figures[channel](symbol, now_us)
        if _is_news(self._told[key], data):
            self._told[key] = data
            text = encode(data)
            for subscription in listening:
                subscription.send("update", symbol, text, now_us)


def _is_news(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether anything but the time differs."""
    return any(before[name] != value for name, value in after.items() if name != "timestamp")
