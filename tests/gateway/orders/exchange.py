"""A venue with one book of truth: what arrived, what it took of that, and how much of it it shows.

A test makes it fail by replacing its hooks, which run at the moments their names say.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec

from adapters.contract import (
    BeginSend,
    BookSource,
    Call,
    CallKind,
    Capabilities,
    Deduplication,
    LimitRule,
    Limits,
    LimitScope,
    OrderLookup,
    SendTime,
    Stream,
    Throttle,
    TokenCache,
    Transport,
    Venue,
    VenueAccount,
)
from adapters.errors import InvalidRequest, NotSupported, OrderNotFound
from adapters.models import (
    AccountName,
    Balance,
    BookSnapshot,
    Fill,
    Level,
    Liquidity,
    Market,
    MarketStatus,
    MarketType,
    OrderRequest,
    OrderStatus,
    OrderType,
    Position,
    SelfTradePrevention,
    Side,
    Symbol,
    Ticker,
    TimeInForce,
    Trade,
    VenueClientId,
    VenueName,
    VenueOrder,
    VenueOrderId,
    VenueSymbol,
)

SYMBOL = Symbol("SOL-USDC")

CAPABILITIES = Capabilities(
    channels=frozenset(),
    order_types=frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY}),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    self_trade_prevention=frozenset({SelfTradePrevention.REJECT_TAKER}),
    trigger_price_types=frozenset(),
    venue_params={},
    market_by_quote_quantity=True,
    reduce_only=True,
    cancel_by_client_id=True,
    deduplication=Deduplication.NONE,
    order_lookup=OrderLookup.RESTING,
    order_window_min_ms=1,
    order_window_max_ms=60_000,
    book_source=BookSource.REST,
    book_depth_max=1000,
    book_keeps_depth=False,
    trades_max=100,
)

_PLACE = Call("place", CallKind.ORDER, "account")
_CANCEL = Call("cancel", CallKind.CANCEL, "account")
_READ = Call("read", CallKind.ACCOUNT_READ, "account")
_PUBLIC = Call("public", CallKind.MARKET_READ, "public")
_DEBITS = {"account": (("account", 1),), "public": (("ip", 1),)}


def market(venue: VenueName, symbol: str = SYMBOL, **changes: Any) -> Market:
    base, _, quote = symbol.partition("-")
    plain = Market(
        venue=venue,
        symbol=Symbol(symbol),
        venue_symbol=VenueSymbol(symbol.replace("-", "_")),
        type=MarketType.SPOT,
        status=MarketStatus.TRADING,
        base=base,
        quote=quote,
        settle=quote,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.1"),
        min_quantity=Decimal("0.1"),
        max_quantity=Decimal(1_000),
        min_notional=Decimal(5),
    )
    return replace(plain, **changes)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One order as it reached the venue."""

    request: OrderRequest
    body: bytes
    send_time: SendTime


async def nothing() -> None:
    """A hook that does nothing."""


async def read_nothing(_source: str) -> None:
    """A hook for reads that does nothing."""


@dataclass(slots=True)
class Exchange:
    """The venue behind every replica of a test."""

    name: VenueName
    markets: list[Market] = field(default_factory=list)
    clock_ahead_ms: int = 0
    client_ids: int = 10**12
    limit: int = 1_000
    period_ms: int = 1_000
    arrivals: list[Arrival] = field(default_factory=list)
    orders: dict[VenueOrderId, VenueOrder] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """Sources that show nothing yet: `resting`, `history`, `fills`."""
    reads: list[str] = field(default_factory=list)
    cancels: int = 0
    cancels_take_time: bool = False
    before_begin_send: Callable[[], Awaitable[None]] = nothing
    before_first_byte: Callable[[], Awaitable[None]] = nothing
    on_arrival: Callable[[], Awaitable[None]] = nothing
    before_answer: Callable[[], Awaitable[None]] = nothing
    before_cancel: Callable[[], Awaitable[None]] = nothing
    before_cancel_answer: Callable[[], Awaitable[None]] = nothing
    on_read: Callable[[str], Awaitable[None]] = read_nothing
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        if not self.markets:
            self.markets.append(market(self.name))

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_ahead_ms

    def venue(self) -> Venue:
        return Venue(
            name=self.name,
            capabilities=CAPABILITIES,
            limits=Limits(
                (
                    LimitRule("account", LimitScope.ACCOUNT, self.limit, self.period_ms),
                    LimitRule("ip", LimitScope.IP, 1_000, 1_000),
                ),
                _DEBITS,
                calls=(_PLACE, _CANCEL, _READ, _PUBLIC),
            ),
            credential_fields=frozenset({"api_secret"}),
            market_data=_MarketData(self),
            streams=_Streams(),
            open_account=self._open_account,
        )

    def _open_account(
        self, name: AccountName, _credentials: Mapping[str, str], _transport: Transport, _tokens: TokenCache
    ) -> VenueAccount:
        return self.open(name)

    def open(self, name: AccountName) -> VenueAccount:
        return VenueAccount(name, trading=_Trading(self), data=_Holdings(self))

    def of(self, client_id: VenueClientId) -> list[VenueOrder]:
        """All orders under one client id: more than one is a duplicate."""
        return [order for order in self.orders.values() if order.venue_client_id == client_id]

    def change(self, client_id: VenueClientId, **changes: Any) -> VenueOrder:
        [order] = self.of(client_id)
        changed = self.orders[order.venue_order_id] = replace(order, **changes)
        return changed

    def take(self, request: OrderRequest) -> VenueOrder:
        is_filled = request.type is OrderType.MARKET
        order = VenueOrder(
            venue=self.name,
            symbol=request.market.symbol,
            venue_order_id=VenueOrderId(str(next(self.numbers))),
            venue_client_id=request.venue_client_id,
            side=request.side,
            type=request.type,
            status=OrderStatus.FILLED if is_filled else OrderStatus.PENDING,
            filled_quantity=(request.quantity or Decimal(1)) if is_filled else Decimal(0),
            average_price=Decimal(100) if is_filled else None,
            created_time_us=self.now_ms * 1_000,
            quantity=request.quantity,
            quote_quantity=request.quote_quantity,
            price=request.price,
            time_in_force=request.time_in_force,
            reduce_only=request.reduce_only,
            self_trade_prevention=request.self_trade_prevention,
        )
        self.orders[order.venue_order_id] = order
        return order

    def resting(self) -> list[VenueOrder]:
        rests = {OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED}
        return [] if "resting" in self.hidden else [order for order in self.orders.values() if order.status in rests]

    async def read(self, source: str, throttle: Throttle) -> None:
        async with throttle.grant(_READ) as grant:
            grant.start()
            self.reads.append(source)
            await self.on_read(source)
            grant.answered({})


class _Trading:
    def __init__(self, exchange: Exchange):
        self._exchange = exchange

    def client_id(self, digest: bytes) -> VenueClientId:
        return VenueClientId(str(int.from_bytes(digest, "big") % self._exchange.client_ids))

    def encode(self, request: OrderRequest) -> bytes:
        if request.time_in_force is TimeInForce.FOK and request.type is OrderType.MARKET:
            raise NotSupported(self._exchange.name, "no market order is fill-or-kill")
        return msgspec.json.encode([request.venue_client_id, request.side, str(request.quantity), str(request.price)])

    async def place(
        self, request: OrderRequest, body: bytes, *, throttle: Throttle, begin_send: BeginSend
    ) -> VenueOrder:
        venue = self._exchange
        async with throttle.grant(_PLACE) as grant:
            await venue.before_begin_send()
            send_time = await begin_send()
            await venue.before_first_byte()
            grant.start()
            venue.arrivals.append(Arrival(request, body, send_time))
            await venue.on_arrival()
            if venue.now_ms > send_time.timestamp_ms + send_time.window_ms:
                grant.answered({})
                raise InvalidRequest(venue.name, "the request has expired", venue_code="EXPIRED", http_status=400)
            order = venue.take(request)
            await venue.before_answer()
            grant.answered({})
            return order

    async def cancel(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder | None:
        venue = self._exchange
        async with throttle.grant(_CANCEL) as grant:
            grant.start()
            venue.cancels += 1
            await venue.before_cancel()
            grant.answered({})
            rests = [order for order in venue.resting() if order.venue_client_id == venue_client_id]
            if not rests:
                raise OrderNotFound(venue.name, "no such order rests", http_status=404)
            cancelled = venue.change(venue_client_id, status=OrderStatus.CANCELLED)
            await venue.before_cancel_answer()
            return None if venue.cancels_take_time else cancelled

    async def order(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder:
        await self._exchange.read("order", throttle)
        for order in self._exchange.resting():
            if order.venue_client_id == venue_client_id:
                return order
        raise OrderNotFound(self._exchange.name, "no such order rests", http_status=404)

    async def open_orders(self, market: Market | None, throttle: Throttle) -> Sequence[VenueOrder]:
        await self._exchange.read("resting", throttle)
        return [order for order in self._exchange.resting() if market is None or order.symbol == market.symbol]

    async def order_history(self, market: Market, since_ms: int, throttle: Throttle) -> Sequence[VenueOrder]:
        await self._exchange.read("history", throttle)
        if "history" in self._exchange.hidden:
            return []
        return [
            order
            for order in self._exchange.orders.values()
            if order.symbol == market.symbol and order.created_time_us >= since_ms * 1_000
        ]

    async def fills(self, market: Market, since_ms: int, throttle: Throttle) -> Sequence[Fill]:
        await self._exchange.read("fills", throttle)
        if "fills" in self._exchange.hidden:
            return []
        return [_fill(order) for order in self._exchange.orders.values() if order.filled_quantity]


def _fill(order: VenueOrder) -> Fill:
    return Fill(
        venue=order.venue,
        symbol=order.symbol,
        venue_order_id=order.venue_order_id,
        venue_client_id=order.venue_client_id,
        trade_id=f"t{order.venue_order_id}",
        side=order.side,
        price=order.price or Decimal(100),
        quantity=order.filled_quantity,
        fee=Decimal("0.01"),
        fee_asset="USDC",
        liquidity=Liquidity.TAKER,
        venue_time_us=order.created_time_us,
    )


class _Holdings:
    def __init__(self, exchange: Exchange):
        self._exchange = exchange

    async def balances(self, throttle: Throttle) -> Sequence[Balance]:
        await self._exchange.read("balances", throttle)
        return [Balance("USDC", Decimal("90.50"), Decimal("9.5"), Decimal(100))]

    async def positions(self, throttle: Throttle) -> Sequence[Position]:
        await self._exchange.read("positions", throttle)
        return []


class _MarketData:
    def __init__(self, exchange: Exchange):
        self._exchange = exchange

    async def _asked(self, source: str, throttle: Throttle) -> None:
        async with throttle.grant(_PUBLIC) as grant:
            grant.start()
            self._exchange.reads.append(source)
            await self._exchange.on_read(source)
            grant.answered({})

    async def server_time_ms(self, throttle: Throttle) -> int:
        await self._asked("time", throttle)
        return self._exchange.now_ms

    async def markets(self, throttle: Throttle) -> Sequence[Market]:
        await self._asked("markets", throttle)
        return list(self._exchange.markets)

    async def ticker(self, market: Market, throttle: Throttle) -> Ticker:
        await self._asked("ticker", throttle)
        return Ticker(market.venue, market.symbol, Decimal("100.50"), received_time_us=self._exchange.now_ms * 1_000)

    async def order_book(self, market: Market, depth: int, throttle: Throttle) -> BookSnapshot:
        await self._asked("order_book", throttle)
        bids = tuple(Level(Decimal(99 - number), Decimal("0.00000001")) for number in range(5))
        asks = tuple(Level(Decimal(101 + number), Decimal(2)) for number in range(5))
        return BookSnapshot(market.venue, market.symbol, bids, asks, 7, received_time_us=self._exchange.now_ms * 1_000)

    async def trades(self, market: Market, limit: int, throttle: Throttle) -> Sequence[Trade]:
        await self._asked("trades", throttle)
        return [
            Trade(market.venue, market.symbol, str(number), Decimal(100), Decimal(1), Side.BUY, number, number)
            for number in range(30, 0, -1)
        ]


class _Streams:
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Stream]:
        await asyncio.Event().wait()  # no channel, so nobody connects
        yield  # type: ignore[misc]  # pragma: no cover
