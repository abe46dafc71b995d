"""Turns events and passing time into frames for whoever subscribed. Pure: frames go to the hub, time comes in."""

from functools import partial

from sandbox.backpack import frames
from sandbox.backpack.account_streams import AccountStreams
from sandbox.backpack.book_streams import BookStreams
from sandbox.backpack.derivatives import Derivatives
from sandbox.backpack.kline_streams import KlineStreams
from sandbox.matching import Account
from sandbox.matching.events import BalanceEvent, BookChange, Event, Liquidated, OrderEvent, PositionEvent, Trade
from sandbox.simulation import Simulation
from sandbox.sockets import Hub

SECOND_US = 1_000_000


class Streams:
    """Listens to the simulation and publishes."""

    def __init__(self, simulation: Simulation, hub: Hub, *, now_us: int) -> None:
        self._simulation = simulation
        self._engine = simulation.engine
        self._derivatives = Derivatives(simulation.engine)
        self._hub = hub
        self._books = BookStreams(simulation.engine, hub)
        self._klines = KlineStreams(simulation, hub)
        self._accounts = AccountStreams(simulation.engine, hub)
        self._next_second_us = now_us + SECOND_US
        self._next_minute_us = now_us + 60 * SECOND_US
        simulation.listeners.append(self.on_events)

    def on_events(self, events: list[Event], now_us: int) -> None:
        for event in events:
            match event:
                case Trade():
                    self._publish(f"trade.{event.symbol}", partial(frames.trade, event, now_us))
                case BookChange():
                    self._books.on_change(event, now_us)
                case OrderEvent():
                    self._accounts.on_order(event, now_us)
                case BalanceEvent():
                    self._accounts.on_balance(event, now_us)
                case PositionEvent():
                    self._accounts.on_position(event, now_us)
                case Liquidated():
                    self._publish("liquidation", partial(frames.liquidation, event, now_us))

    def advance(self, now_us: int) -> None:
        """Send what is due by the clock: aggregated depth; by the second candles, tickers, marks; open interest."""
        self._books.advance(now_us)
        if self._next_second_us <= now_us:
            self._next_second_us = now_us - now_us % SECOND_US + SECOND_US
            self._klines.each_second(now_us)
            self._each_second(now_us)
            self._accounts.each_second(now_us)
        if self._next_minute_us <= now_us:
            self._next_minute_us = now_us + 60 * SECOND_US
            self._each_minute(now_us)

    def clock_stepped(self, by_us: int) -> None:
        """What is due by the clock moves along with it."""
        self._books.clock_stepped(by_us)
        self._next_second_us += by_us
        self._next_minute_us += by_us

    def position_snapshots(self, account: Account, stream: str, now_us: int) -> list[str]:
        """The frames a new subscriber to positions gets at once."""
        return self._accounts.snapshots(account, stream, now_us)

    def _each_second(self, now_us: int) -> None:
        for symbol, market in self._engine.markets.items():
            if self._hub.has((None, f"ticker.{symbol}")):
                candle = self._simulation.tapes[symbol].summary(now_us)
                if candle is not None:
                    self._publish(f"ticker.{symbol}", partial(frames.ticker, market, candle, now_us))
            self._publish(f"markPrice.{symbol}", partial(frames.mark_price, self._engine, market, now_us))

    def _each_minute(self, now_us: int) -> None:
        for symbol, market in self._engine.markets.items():
            quantity = self._derivatives.open_quantity(market)
            self._publish(f"openInterest.{symbol}", partial(frames.open_interest, market, quantity, now_us))

    def _publish(self, stream: str, data: frames.Maker) -> None:
        """Publish to a public stream; the data is only made if somebody listens."""
        topic = (None, stream)
        if self._hub.has(topic):
            self._hub.publish(topic, frames.frame(stream, data()))
