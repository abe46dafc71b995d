"""Every call end to end against the simulated venue, in a process of its own. Only its addresses are known here."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from adapters import errors
from adapters.backpack import backpack
from adapters.common.transport import HttpTransport
from adapters.contract import Channel, SendTime, Venue, VenueAccount, VenueSettings
from adapters.models import (
    AccountName,
    BalanceEvent,
    BookDelta,
    ChannelState,
    Liquidity,
    Market,
    OrderEvent,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    StreamEvent,
    StreamState,
    Ticker,
    TimeInForce,
    Trade,
)
from tests.adapters.backpack.samples import VENUE
from tests.adapters.doubles import RecordingThrottle, SystemClock
from tests.adapters.memory_tokens import MemoryTokens
from tests.adapters.sandboxed import Sandbox, running_sandbox

D = Decimal


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox("backpack", "--strict-signatures") as sandbox:
        yield sandbox


@dataclass(slots=True)
class Rig:
    venue: Venue
    account: VenueAccount
    markets: dict[str, Market]
    throttle: RecordingThrottle

    @property
    def trading(self) -> Any:
        return self.account.trading

    def request(self, symbol: str = "SOL-USDC", **fields: Any) -> OrderRequest:
        client_id = self.trading.client_id(os.urandom(32))
        defaults: dict[str, Any] = {"side": Side.BUY, "type": OrderType.LIMIT, "quantity": D("0.1")}
        return OrderRequest(market=self.markets[symbol], venue_client_id=client_id, **(defaults | fields))

    async def near(self, offset: str) -> Decimal:
        """A price so far from the best bid: the venue refuses what is too far from its last price."""
        book = await self.venue.market_data.order_book(self.markets["SOL-USDC"], 5, self.throttle)
        return book.bids[0].price + D(offset)

    async def place(self, request: OrderRequest) -> Any:
        async def begin_send() -> SendTime:
            return SendTime(SystemClock().venue_time_ms(), 2000)

        body = self.trading.encode(request)
        return await self.trading.place(request, body, throttle=self.throttle, begin_send=begin_send)


@pytest.fixture
async def rig(sandbox: Sandbox) -> AsyncIterator[Rig]:
    transport = HttpTransport()
    settings = VenueSettings(VENUE, sandbox.endpoints, order_timeout_s=1.0)
    venue = backpack(settings, transport=transport, clock=SystemClock())
    account = venue.open_account(AccountName("desk"), sandbox.credentials["desk-a"], transport, MemoryTokens())
    throttle = RecordingThrottle()
    markets = {str(market.symbol): market for market in await venue.market_data.markets(throttle)}
    yield Rig(venue, account, markets, throttle)
    await transport.aclose()


async def test_public_reads(rig: Rig) -> None:
    market, data = rig.markets["SOL-USDC"], rig.venue.market_data
    assert abs(await data.server_time_ms(rig.throttle) - SystemClock().venue_time_ms()) < 2000
    book = await data.order_book(market, 5, rig.throttle)
    assert book.bids[0].price < book.asks[0].price
    await rig.place(rig.request(type=OrderType.MARKET))
    assert (await data.ticker(market, rig.throttle)).last_price > 0
    assert (await data.trades(market, 1, rig.throttle))[0].quantity > 0


async def test_the_life_of_a_resting_order(rig: Rig) -> None:
    request = rig.request(price=await rig.near("-2"), time_in_force=TimeInForce.GTC)
    placed = await rig.place(request)
    assert placed.status is OrderStatus.PENDING
    assert await rig.trading.order(request.market, request.venue_client_id, rig.throttle) == placed
    assert placed in await rig.trading.open_orders(request.market, rig.throttle)
    cancelled = await rig.trading.cancel(request.market, request.venue_client_id, rig.throttle)
    assert (cancelled.venue_order_id, cancelled.status) == (placed.venue_order_id, OrderStatus.CANCELLED)
    for call in (rig.trading.order, rig.trading.cancel):
        with pytest.raises(errors.OrderNotFound):
            await call(request.market, request.venue_client_id, rig.throttle)
    history = await rig.trading.order_history(request.market, placed.created_time_us // 1000, rig.throttle)
    assert cancelled.venue_order_id in {order.venue_order_id for order in history}


async def test_orders_that_trade_and_their_fills(rig: Rig) -> None:
    since_ms = SystemClock().venue_time_ms() - 1000
    by_quote = rig.request(type=OrderType.MARKET, quantity=None, quote_quantity=D(20))
    aggressive = rig.request(price=await rig.near("2"), time_in_force=TimeInForce.IOC)
    perpetual = rig.request("SOL-USDC-PERP", type=OrderType.MARKET, side=Side.SELL)
    for request in (by_quote, aggressive, perpetual):
        order = await rig.place(request)
        assert order.filled_quantity > 0
        assert order.average_price is not None
        fills = await rig.trading.fills(request.market, since_ms, rig.throttle)
        (*_, last) = [fill for fill in fills if fill.venue_client_id == request.venue_client_id]
        assert (last.liquidity, last.venue_order_id) == (Liquidity.TAKER, order.venue_order_id)
    assert rig.account.data is not None
    (position,) = await rig.account.data.positions(rig.throttle)
    assert (position.symbol, position.side) == ("SOL-USDC-PERP", PositionSide.SHORT)
    await rig.place(rig.request("SOL-USDC-PERP", type=OrderType.MARKET, quantity=position.quantity, reduce_only=True))
    assert list(await rig.account.data.positions(rig.throttle)) == []
    assert {balance.asset for balance in await rig.account.data.balances(rig.throttle)} >= {"USDC"}


async def test_refusals(rig: Rig) -> None:
    with pytest.raises(errors.WouldTake):
        await rig.place(rig.request(type=OrderType.POST_ONLY, price=await rig.near("2")))
    with pytest.raises(errors.InsufficientBalance):
        await rig.place(rig.request(price=await rig.near("-1"), quantity=D(10_000_000)))
    with pytest.raises(errors.InvalidRequest):
        await rig.place(rig.request(price=await rig.near("-0.001")))
    with pytest.raises(errors.InvalidRequest):
        await rig.place(rig.request("SOL-USDC-PERP", type=OrderType.MARKET, quantity=D("0.1"), reduce_only=True))


async def test_a_fill_or_kill_order_that_finds_too_little_expires_with_a_reason(rig: Rig) -> None:
    order = await rig.place(rig.request(price=await rig.near("-2"), time_in_force=TimeInForce.FOK))
    assert (order.status, order.filled_quantity) == (OrderStatus.EXPIRED, 0)


async def test_a_clock_that_is_off_is_unauthorized(rig: Rig) -> None:
    async def late() -> SendTime:
        return SendTime(SystemClock().venue_time_ms() - 10_000, 2000)

    request = rig.request(price=await rig.near("-2"))
    with pytest.raises(errors.Unauthorized):
        await rig.trading.place(request, rig.trading.encode(request), throttle=rig.throttle, begin_send=late)


async def test_public_streams_and_a_book_that_stays_in_step(rig: Rig) -> None:
    market = rig.markets["SOL-USDC"]
    wanted = {ChannelState, Ticker, BookDelta, Trade}
    async with asyncio.timeout(15), rig.venue.streams.connect() as stream:
        for channel in Channel:
            stream.subscribe(channel, market)
        events: list[StreamEvent] = []
        async for event in stream:
            events.append(event)
            if isinstance(event, ChannelState):
                await rig.place(rig.request(type=OrderType.MARKET))
            if {type(event) for event in events} >= wanted:
                break
    assert isinstance(events[0], ChannelState)
    assert events[0].state is StreamState.CONNECTED
    deltas = [event for event in events if isinstance(event, BookDelta)]
    assert all(one.last_id == two.previous_id for one, two in itertools.pairwise(deltas))


async def test_the_private_stream_tells_of_every_order(rig: Rig) -> None:
    assert rig.account.streams is not None
    async with asyncio.timeout(15), rig.account.streams.connect(rig.throttle) as events:
        assert isinstance(await anext(events), ChannelState)
        request = rig.request(type=OrderType.MARKET)
        order = await rig.place(request)
        seen: list[OrderEvent] = []
        while not seen or seen[-1].order.status is not OrderStatus.FILLED:
            event = await anext(events)
            assert not isinstance(event, ChannelState)
            if isinstance(event, OrderEvent):
                seen.append(event)
        assert {event.order.venue_client_id for event in seen} == {request.venue_client_id}
        assert sum(event.fill.quantity for event in seen if event.fill) == order.filled_quantity
        assert seen[-1].account == "desk"


async def test_the_private_stream_tells_what_the_account_holds(rig: Rig) -> None:
    assert rig.account.streams is not None
    assert rig.account.data is not None
    told: list[BalanceEvent] = []
    async with asyncio.timeout(15), rig.account.streams.connect(rig.throttle) as events:
        while len(told) < 2:
            event = await anext(events)
            if isinstance(event, ChannelState):
                await rig.place(rig.request(type=OrderType.MARKET))
            elif isinstance(event, BalanceEvent):
                told.append(event)
    held = {balance.asset: balance for balance in await rig.account.data.balances(rig.throttle)}
    last = {event.balance.asset: event.balance for event in told}
    assert last == {asset: held[asset] for asset in last}


@pytest.mark.parametrize(
    "fault", [{"close": True}, {"reset": True}, {"status": 503, "body": "<html>"}, {"hang_ms": 5000}]
)
async def test_an_order_whose_answer_is_lost_is_unknown_sent_once_and_found_by_asking(
    rig: Rig, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    request = rig.request(price=await rig.near("-2"))
    await sandbox.spoil(match={"method": "POST", "path": "/api/v1/order"}, when="after_execute", do=fault)
    with pytest.raises(errors.OutcomeUnknown):
        await rig.place(request)
    assert (await rig.trading.order(request.market, request.venue_client_id, rig.throttle)).quantity == D("0.1")
    resting = await rig.trading.open_orders(request.market, rig.throttle)
    assert [order.venue_client_id for order in resting].count(request.venue_client_id) == 1
    await rig.trading.cancel(request.market, request.venue_client_id, rig.throttle)
