"""What only Zanbara does, against the simulated venue: tokens that end, signatures, pages, environments."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from adapters import errors
from adapters.common.transport import HttpTransport
from adapters.contract import FetchToken, SendTime, Token, Trading, Venue, VenueAccount, VenueSettings
from adapters.models import (
    AccountName,
    BalanceEvent,
    ChannelState,
    FillEvent,
    Market,
    OrderEvent,
    OrderRequest,
    OrderStatus,
    OrderType,
    PositionEvent,
    Side,
    StreamEvent,
    StreamState,
)
from adapters.registry import FACTORIES
from adapters.zanbara import stream
from tests.adapters.doubles import RecordingThrottle, SystemClock
from tests.adapters.memory_tokens import MemoryTokens
from tests.adapters.sandboxed import Sandbox, running_sandbox
from tests.adapters.zanbara.samples import VENUE

LIFETIME_S = 3


class RenewingTokens(MemoryTokens):
    """Fetches another token when the last one is a third through its life, as a cache of the fleet would in time."""

    expires_us = 0

    async def get(self, fetch: FetchToken) -> str:
        async def remembering() -> Token:
            token = await fetch()
            self.expires_us = token.expires_us
            return token

        value = await super().get(remembering)
        if SystemClock().time_us() < self.expires_us - LIFETIME_S * 666_000:
            return value
        await self.refused(value)
        return await super().get(remembering)


@dataclass(slots=True)
class Rig:
    sandbox: Sandbox
    venue: Venue
    account: VenueAccount
    tokens: MemoryTokens
    market: Market
    throttle: RecordingThrottle

    @property
    def trading(self) -> Trading:
        assert self.account.trading is not None
        return self.account.trading

    def request(self, **fields: Any) -> OrderRequest:
        defaults: dict[str, Any] = {
            "market": self.market,
            "venue_client_id": self.trading.client_id(os.urandom(32)),
            "side": Side.BUY,
            "type": OrderType.LIMIT,
            "quantity": Decimal("0.1"),
            "price": Decimal(100),
        }
        return OrderRequest(**(defaults | fields))

    async def expire_tokens(self) -> None:
        await self.sandbox.post("/sim/expire-tokens", {})

    async def place(self, request: OrderRequest, *, ms_ago: int = 0) -> Any:
        async def begin_send() -> SendTime:
            return SendTime(SystemClock().venue_time_ms() - ms_ago, 5000)

        body = self.trading.encode(request)
        return await self.trading.place(request, body, throttle=self.throttle, begin_send=begin_send)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    arguments = ("--environment", "testnet", "--strict-numbers", f"--token-lifetime-s={LIFETIME_S}")
    with running_sandbox("zanbara", *arguments) as sandbox:
        yield sandbox


async def opened(sandbox: Sandbox, tokens: MemoryTokens, account_name: str) -> AsyncIterator[Rig]:
    transport, throttle = HttpTransport(), RecordingThrottle()
    settings = VenueSettings(VENUE, sandbox.endpoints, environment="testnet", order_timeout_s=1.0)
    venue = FACTORIES["zanbara"](settings, transport=transport, clock=SystemClock())
    account = venue.open_account(AccountName("desk"), sandbox.credentials[account_name], transport, tokens)
    markets = {market.symbol: market for market in await venue.market_data.markets(throttle)}
    throttle.calls.clear()
    yield Rig(sandbox, venue, account, tokens, next(markets[name] for name in markets if name[:3] == "SOL"), throttle)
    await transport.aclose()


@pytest.fixture
async def rig(sandbox: Sandbox) -> AsyncIterator[Rig]:
    async for rig in opened(sandbox, MemoryTokens(), "desk-a"):
        yield rig


@pytest.fixture
async def renewing_rig(sandbox: Sandbox) -> AsyncIterator[Rig]:
    async for rig in opened(sandbox, RenewingTokens(), "desk-b"):
        yield rig


async def test_a_token_that_ended_is_replaced_in_the_middle_of_reads_and_orders(rig: Rig) -> None:
    await rig.place(rig.request())
    await rig.expire_tokens()
    request = rig.request()
    assert (await rig.place(request)).status is OrderStatus.PENDING
    assert rig.tokens.fetched == 2
    assert rig.throttle.calls == ["log_in", "place", "place", "log_in", "place"]
    resting = await rig.trading.open_orders(rig.market, rig.throttle)
    assert [order.venue_client_id for order in resting].count(request.venue_client_id) == 1
    await rig.expire_tokens()
    assert (await rig.trading.order(rig.market, request.venue_client_id, rig.throttle)).status is OrderStatus.PENDING
    assert rig.tokens.fetched == 3


async def test_a_private_stream_outlives_its_tokens(renewing_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewed in time it goes on without a break; the venue would otherwise end its subscriptions."""
    monkeypatch.setattr(stream, "ASK_EVERY_S", 0.1)
    rig = renewing_rig
    assert rig.account.streams is not None
    async with asyncio.timeout(20), rig.account.streams.connect(rig.throttle) as events:
        assert isinstance(await anext(events), ChannelState)
        while rig.tokens.fetched < 4:
            request = rig.request(type=OrderType.MARKET, price=None)
            await rig.place(request)
            await told_of_fill(events, request)
            await asyncio.sleep(0.2)


async def until_connected(events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
    async for event in events:
        yield event
        if isinstance(event, ChannelState) and event.state is StreamState.CONNECTED:
            return


async def told_of_fill(events: AsyncIterator[StreamEvent], request: OrderRequest) -> None:
    async for event in events:
        assert not isinstance(event, ChannelState)
        if isinstance(event, OrderEvent) and event.order.status is OrderStatus.FILLED:
            assert event.order.venue_client_id == request.venue_client_id
            return


async def test_the_private_stream_tells_what_the_account_holds(rig: Rig) -> None:
    assert rig.account.streams is not None
    assert rig.account.data is not None
    events: list[StreamEvent] = []
    async with asyncio.timeout(20), rig.account.streams.connect(rig.throttle) as stream:
        while {BalanceEvent, PositionEvent, OrderEvent, FillEvent} - {type(event) for event in events}:
            events.append(await anext(stream))
            if isinstance(events[-1], ChannelState):
                await rig.place(rig.request(type=OrderType.MARKET, price=None))
    told = [event for event in events if isinstance(event, PositionEvent)][-1].position
    [held] = await rig.account.data.positions(rig.throttle)
    assert told is not None
    assert (told.symbol, told.side, told.quantity) == (held.symbol, held.side, held.quantity)


async def test_a_private_stream_whose_token_ended_begins_anew_with_another(rig: Rig) -> None:
    assert rig.account.streams is not None
    async with asyncio.timeout(20), rig.account.streams.connect(rig.throttle) as events:
        assert isinstance(await anext(events), ChannelState)
        request = rig.request(type=OrderType.MARKET, price=None)
        await rig.place(request)
        await told_of_fill(events, request)
        await rig.expire_tokens()
        states = [event async for event in until_connected(events) if isinstance(event, ChannelState)]
    assert [state.state for state in states] == [StreamState.DISCONNECTED, StreamState.CONNECTED]
    assert "AUTHENTICATION_FAILED" in states[0].reason
    assert rig.tokens.fetched == 2


async def test_a_signature_from_outside_the_window_is_refused_either_way(rig: Rig) -> None:
    for ms_ago in (7000, -7000):
        with pytest.raises(errors.Unauthorized) as caught:
            await rig.place(rig.request(), ms_ago=ms_ago)
        assert caught.value.venue_code == "INVALID_SIGNATURE"


async def test_lists_of_more_than_one_page_are_read_to_their_end(rig: Rig) -> None:
    since_ms = SystemClock().venue_time_ms() - 1000
    requests = [rig.request(price=Decimal(100) + Decimal(n) / 100) for n in range(120)]
    placed = {(await rig.place(request)).venue_order_id for request in requests}
    rig.throttle.calls.clear()
    resting = await rig.trading.open_orders(rig.market, rig.throttle)
    assert placed <= {order.venue_order_id for order in resting}
    history = await rig.trading.order_history(rig.market, since_ms, rig.throttle)
    assert placed <= {order.venue_order_id for order in history}
    assert rig.throttle.calls.count("open_orders") == rig.throttle.calls.count("order_history") == 2
    for request in requests:
        await rig.trading.cancel(rig.market, request.venue_client_id, rig.throttle)


async def test_a_key_that_is_none_can_do_nothing(rig: Rig) -> None:
    credentials = {"api_key": "pk_test_" + "0" * 32, "api_secret": "sk_test_" + "0" * 64}
    transport = HttpTransport()
    account = rig.venue.open_account(AccountName("nobody"), credentials, transport, MemoryTokens())
    assert account.trading is not None
    with pytest.raises(errors.Unauthorized) as caught:
        await account.trading.open_orders(None, rig.throttle)
    assert caught.value.venue_code == "INVALID_API_KEY"
    await transport.aclose()
