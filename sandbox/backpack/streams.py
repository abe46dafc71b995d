"""Turns events and the passing of time into frames for whoever subscribed. Pure: frames go to the hub, time comes in.

Depth: one frame per engine call, covering all ids it used; the aggregated flavours cover a period. Either way the next
frame starts where the last one ended.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from sandbox.backpack import frames
from sandbox.backpack.market_data import MarketData
from sandbox.backpack.markets import LISTINGS
from sandbox.matching import Account
from sandbox.matching.book import Book
from sandbox.matching.events import BalanceEvent, BookChange, Event, OrderEvent, PositionEvent, Trade
from sandbox.matching.settlement import worst_exposure
from sandbox.simulation import Simulation
from sandbox.sockets import Hub, Topic

ZERO = Decimal(0)
FRACTION = Decimal("1e-8")
SECOND_US = 1_000_000
DEPTH_PERIODS_US = {"200ms": 200_000, "600ms": 600_000, "1000ms": 1_000_000}
Touch = tuple[Decimal, Decimal, Decimal, Decimal]


@dataclass(slots=True)
class _Gathering:
    """Book changes of one market waiting for the end of a period."""

    first_id: int
    due_us: int
    last_id: int = 0
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def add(self, change: BookChange) -> None:
        self.last_id = change.last_id
        self.bids.update(change.bids)
        self.asks.update(change.asks)


class Streams:
    """Listens to the simulation and publishes."""

    def __init__(self, simulation: Simulation, market_data: MarketData, hub: Hub, *, now_us: int) -> None:
        self._simulation = simulation
        self._engine = simulation.engine
        self._market_data = market_data
        self._hub = hub
        self._listings = {listing.market.symbol: listing for listing in LISTINGS}
        self._gatherings: dict[Topic, _Gathering] = {}
        self._touches: dict[str, Touch] = {}
        self._next_second_us = now_us + SECOND_US
        self._next_minute_us = now_us + 60 * SECOND_US
        simulation.listeners.append(self.on_events)

    def on_events(self, events: list[Event], now_us: int) -> None:
        for event in events:
            match event:
                case Trade():
                    self._publish(f"trade.{event.symbol}", partial(frames.trade, event, now_us))
                case BookChange():
                    self._on_book(event, now_us)
                case OrderEvent():
                    name, symbol = event.order.account.name, event.order.market.symbol
                    for stream in ("account.orderUpdate", f"account.orderUpdate.{symbol}"):
                        if self._hub.has((name, stream)):
                            self._hub.publish((name, stream), frames.frame(stream, frames.order_update(event, now_us)))
                case BalanceEvent():
                    topic = (event.account.name, "account.balanceUpdate")
                    if self._hub.has(topic):
                        self._hub.publish(topic, frames.frame(topic[1], frames.balance_update(event, now_us)))
                case PositionEvent():
                    self._on_position(event, now_us)

    def advance(self, now_us: int) -> None:
        """Send what is due by the clock: aggregated depth, tickers and marks each second, open interest each minute."""
        for topic, gathering in list(self._gatherings.items()):
            if gathering.due_us <= now_us:
                self._flush(topic, gathering, now_us)
        if self._next_second_us <= now_us:
            self._next_second_us = now_us - now_us % SECOND_US + SECOND_US
            self._each_second(now_us)
        if self._next_minute_us <= now_us:
            self._next_minute_us += 60 * SECOND_US
            self._each_minute(now_us)

    def position_snapshots(self, account: Account, stream: str, symbol: str | None, now_us: int) -> list[str]:
        """The frames a new subscriber to positions gets at once."""
        return [
            frames.frame(
                stream, frames.position_snapshot(held, position, self._position_figures(account, held), now_us)
            )
            for held, position in account.positions.items()
            if symbol is None or symbol == held
        ]

    # -- books ---------------------------------------------------------------------------------------------------

    def _on_book(self, change: BookChange, now_us: int) -> None:
        market = self._engine.markets[change.symbol]
        self._publish(
            f"depth.{change.symbol}",
            lambda: frames.depth(market, (change.first_id, change.last_id), change.bids, change.asks, now_us),
        )
        for label, period_us in DEPTH_PERIODS_US.items():
            topic = (None, f"depth.{label}.{change.symbol}")
            if self._hub.has(topic):
                gathering = self._gatherings.get(topic)
                if gathering is None:
                    due_us = now_us - now_us % period_us + period_us
                    gathering = self._gatherings[topic] = _Gathering(change.first_id, due_us)
                gathering.add(change)
        if self._hub.has((None, f"bookTicker.{change.symbol}")):
            self._on_touch(self._engine.books[change.symbol], now_us)

    def _on_touch(self, book: Book, now_us: int) -> None:
        bid, ask = book.bids.best(), book.asks.best()
        if bid is None or ask is None:
            return
        touch = (bid.price, bid.quantity, ask.price, ask.quantity)
        if self._touches.get(book.symbol) == touch:
            return
        self._touches[book.symbol] = touch
        market = self._engine.markets[book.symbol]
        self._publish(
            f"bookTicker.{book.symbol}",
            lambda: frames.book_ticker(market, touch[:2], touch[2:], book.update_id, now_us),
        )

    def _flush(self, topic: Topic, gathering: _Gathering, now_us: int) -> None:
        del self._gatherings[topic]
        stream = topic[1]
        market = self._engine.markets[stream.split(".", 2)[2]]
        bids, asks = sorted(gathering.bids.items()), sorted(gathering.asks.items())
        self._publish(stream, lambda: frames.depth(market, (gathering.first_id, gathering.last_id), bids, asks, now_us))

    # -- accounts ------------------------------------------------------------------------------------------------

    def _on_position(self, event: PositionEvent, now_us: int) -> None:
        for stream in ("account.positionUpdate", f"account.positionUpdate.{event.symbol}"):
            topic = (event.account.name, stream)
            if self._hub.has(topic):
                figures = self._position_figures(event.account, event.symbol)
                self._hub.publish(topic, frames.frame(stream, frames.position_update(event, figures, now_us)))

    def _position_figures(self, account: Account, symbol: str) -> frames.PositionFigures:
        listing = self._listings[symbol]
        mark = self._engine.mark(symbol)
        exposure = worst_exposure(account, listing.market)
        notional = exposure * mark
        imf = listing.imf.of(notional) if listing.imf else ZERO
        mmf = listing.mmf.of(notional) if listing.mmf else ZERO
        return frames.PositionFigures(
            mark=mark,
            exposure=exposure,
            imf=max(imf, 1 / account.leverage_limit).quantize(FRACTION),
            mmf=mmf.quantize(FRACTION),
        )

    # -- by the clock --------------------------------------------------------------------------------------------

    def _each_second(self, now_us: int) -> None:
        for symbol, market in self._engine.markets.items():
            if self._hub.has((None, f"ticker.{symbol}")):
                candle = self._simulation.tapes[symbol].summary(now_us)
                if candle is not None:
                    self._hub.publish(
                        (None, f"ticker.{symbol}"),
                        frames.frame(f"ticker.{symbol}", frames.ticker(market, candle, now_us)),
                    )
            mark = self._engine.mark(symbol)
            self._publish(f"markPrice.{symbol}", partial(frames.mark_price, market, mark, now_us))

    def _each_minute(self, now_us: int) -> None:
        for symbol, market in self._engine.markets.items():
            quantity = self._market_data.open_quantity(market)
            self._publish(f"openInterest.{symbol}", partial(frames.open_interest, market, quantity, now_us))

    def _publish(self, stream: str, data: frames.Maker) -> None:
        """Publish to a public stream; the data is only made if somebody listens."""
        topic = (None, stream)
        if self._hub.has(topic):
            self._hub.publish(topic, frames.frame(stream, data()))
