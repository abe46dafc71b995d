"""A venue that does what a test tells it to: its book is real, its stream is a queue, its REST answers at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any, cast

from adapters.contract import (
    BookSource,
    Call,
    Capabilities,
    Channel,
    Deduplication,
    Grant,
    Limits,
    OrderLookup,
    Throttle,
    Venue,
)
from adapters.errors import NoAnswer
from adapters.models import (
    BookDelta,
    BookSnapshot,
    ChannelState,
    Level,
    Market,
    MarketStatus,
    MarketType,
    Side,
    StreamEvent,
    StreamState,
    Symbol,
    Ticker,
    Trade,
    VenueName,
    VenueSymbol,
)

VENUE = VenueName("scripted")
SYMBOL = Symbol("SOL-USDC")


def market(symbol: str = SYMBOL, venue: VenueName = VENUE) -> Market:
    return Market(
        venue=venue,
        symbol=Symbol(symbol),
        venue_symbol=VenueSymbol(symbol.replace("-", "_")),
        type=MarketType.SPOT,
        status=MarketStatus.TRADING,
        base="SOL",
        quote="USDC",
        settle="USDC",
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.01"),
        min_quantity=Decimal("0.01"),
    )


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(Decimal(price), Decimal(quantity)) for price, quantity in pairs)


def delta(
    previous_id: int,
    last_id: int | None = None,
    *,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    symbol: str = SYMBOL,
) -> BookDelta:
    return BookDelta(VENUE, Symbol(symbol), bids, asks, previous_id, last_id or previous_id + 1, received_time_us=7)


def snapshot(
    update_id: int, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = (), *, symbol: str = SYMBOL
) -> BookSnapshot:
    return BookSnapshot(VENUE, Symbol(symbol), bids, asks, update_id, received_time_us=5)


def trade(number: int, symbol: str = SYMBOL) -> Trade:
    return Trade(
        VENUE,
        Symbol(symbol),
        str(number),
        Decimal("99.5"),
        Decimal("0.1"),
        Side.BUY,
        1_000_000 + number,
        received_time_us=9,
    )


def ticker(price: str, symbol: str = SYMBOL) -> Ticker:
    return Ticker(VENUE, Symbol(symbol), Decimal(price), received_time_us=11)


class OpenGrant:
    def start(self) -> None: ...

    def answered(self, headers: Mapping[str, str]) -> None: ...

    def refused(self, retry_after_s: float | None, *, is_ban: bool = False) -> None: ...


class OpenThrottle:
    """Grants everything."""

    @asynccontextmanager
    async def _granted(self) -> AsyncIterator[Grant]:
        yield OpenGrant()

    def grant(self, call: Call) -> AbstractAsyncContextManager[Grant]:
        return self._granted()


class ScriptedVenue:
    """One simulated exchange, shared by every replica of a test; `venue()` is what each of them is given."""

    def __init__(self, *, name: VenueName = VENUE, book_depth_max: int = 1000):
        self.name = name
        self.book_depth_max = book_depth_max
        self.books: dict[Symbol, BookSnapshot] = {}
        self.trades: dict[Symbol, list[Trade]] = {}
        self.tickers: dict[Symbol, Ticker] = {}
        self.streams: list[ScriptedStream] = []
        self.open_subscriptions: Counter[tuple[Channel, Symbol]] = Counter()
        self.most_subscriptions: Counter[tuple[Channel, Symbol]] = Counter()
        self.subscribed = asyncio.Condition()
        self.calls: Counter[str] = Counter()
        self.rest_is_down = False

    def venue(self) -> Venue:
        return Venue(
            name=self.name,
            capabilities=Capabilities(
                channels=frozenset(Channel),
                order_types=frozenset(),
                times_in_force=frozenset(),
                self_trade_prevention=frozenset(),
                trigger_price_types=frozenset(),
                venue_params={},
                market_by_quote_quantity=False,
                reduce_only=False,
                cancel_by_client_id=False,
                deduplication=Deduplication.NONE,
                order_lookup=OrderLookup.ALL,
                order_window_min_ms=1,
                order_window_max_ms=60_000,
                book_source=BookSource.REST,
                book_depth_max=self.book_depth_max,
                book_keeps_depth=False,
                trades_max=100,
            ),
            limits=Limits((), {}),
            credential_fields=frozenset(),
            market_data=_ScriptedMarketData(self),
            streams=_ScriptedStreams(self),
            open_account=cast("Any", None),
        )

    def find_market(self, venue: VenueName, symbol: Symbol) -> Market | None:
        known = {SYMBOL: SYMBOL, Symbol("SOL_USDC"): SYMBOL, Symbol("BTC-USDC"): Symbol("BTC-USDC")}
        return market(known[symbol], venue) if venue == self.name and symbol in known else None

    def change_book(
        self, *, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = (), send: bool = True
    ) -> BookDelta:
        """Move the true book by one update; `send` False loses the message on its way."""
        before = self.books[SYMBOL]
        change = delta(before.update_id, bids=bids, asks=asks)
        self.books[SYMBOL] = snapshot(
            change.last_id, _moved(before.bids, bids, reverse=True), _moved(before.asks, asks, reverse=False)
        )
        if send:
            self.send(change, Channel.ORDERBOOK)
        return change

    def send(self, event: StreamEvent, channel: Channel) -> None:
        for stream in self.streams:
            if isinstance(event, ChannelState) or (channel, event.symbol) in stream.wishes:  # type: ignore[union-attr]
                stream.events.put_nowait(event)

    def disconnect(self) -> None:
        for stream in self.streams:
            stream.events.put_nowait(ChannelState(StreamState.DISCONNECTED, "scripted", 1))

    def connect(self) -> None:
        for stream in self.streams:
            stream.events.put_nowait(ChannelState(StreamState.CONNECTED, "scripted", 1))


def _moved(side: Sequence[Level], changes: Sequence[Level], *, reverse: bool) -> tuple[Level, ...]:
    held = dict(side) | dict(changes)
    return tuple(sorted((Level(price, quantity) for price, quantity in held.items() if quantity), reverse=reverse))


class ScriptedStream:
    def __init__(self, script: ScriptedVenue):
        self._script = script
        self.wishes: set[tuple[Channel, Symbol]] = set()
        self.events: asyncio.Queue[StreamEvent] = asyncio.Queue()

    def subscribe(self, channel: Channel, market: Market) -> None:
        key = (channel, market.symbol)
        assert key not in self.wishes, "subscribed twice"
        self.wishes.add(key)
        script = self._script
        script.open_subscriptions[key] += 1
        script.most_subscriptions[key] = max(script.most_subscriptions[key], script.open_subscriptions[key])

    def unsubscribe(self, channel: Channel, market: Market) -> None:
        self.wishes.discard((channel, market.symbol))
        self._script.open_subscriptions[channel, market.symbol] -= 1

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        while True:
            yield await self.events.get()


class _ScriptedStreams:
    def __init__(self, script: ScriptedVenue):
        self._script = script

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[ScriptedStream]:
        stream = ScriptedStream(self._script)
        stream.events.put_nowait(ChannelState(StreamState.CONNECTED, "scripted", 1))
        self._script.streams.append(stream)
        try:
            yield stream
        finally:
            self._script.streams.remove(stream)
            self._script.open_subscriptions.subtract(stream.wishes)


class _ScriptedMarketData:
    def __init__(self, script: ScriptedVenue):
        self._script = script

    @contextmanager
    def _called(self, name: str) -> Iterator[None]:
        self._script.calls[name] += 1
        if self._script.rest_is_down:
            raise NoAnswer(VENUE, "scripted")
        yield

    async def server_time_ms(self, throttle: Throttle) -> int:
        return 0

    async def markets(self, throttle: Throttle) -> Sequence[Market]:
        return [market()]

    async def ticker(self, market: Market, throttle: Throttle) -> Ticker:
        with self._called("ticker"):
            return self._script.tickers[market.symbol]

    async def order_book(self, market: Market, depth: int, throttle: Throttle) -> BookSnapshot:
        with self._called("order_book"):
            return self._script.books[market.symbol]

    async def trades(self, market: Market, limit: int, throttle: Throttle) -> Sequence[Trade]:
        with self._called("trades"):
            return list(reversed(self._script.trades.get(market.symbol, [])))[:limit]
