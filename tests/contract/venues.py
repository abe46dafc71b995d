"""Which venues the contract is tested on, and the little that a test must know of each to begin."""

import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.contract import (
    AccountData,
    AccountStreams,
    Capabilities,
    Capital,
    Leaving,
    SendTime,
    Trading,
    Venue,
    VenueAccount,
)
from adapters.errors import VenueError
from adapters.models import Market, OrderRequest, OrderType, Side, VenueClientId, VenueOrder
from tests.adapters.doubles import RecordingThrottle, SystemClock
from tests.adapters.sandboxed import Sandbox

ACCOUNTS = str(Path(__file__).parent / "accounts.yaml")
ADDRESS = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"


@dataclass(frozen=True, slots=True)
class Twin:
    """A venue's simulated counterpart: how it is started, where it takes orders, a market to trade on."""

    adapter: str
    place_path: str
    batch_path: str
    symbol: str = "SOL-USDC-PERP"
    rich: str = "desk-a"
    poor: str = "desk-poor"
    arguments: tuple[str, ...] = ()
    money: tuple[str, str, str, str | None] = ("USDC", "Solana", ADDRESS, None)
    """What may be withdrawn, by which chain, to which address, and with which second factor."""


TWINS = (
    Twin(
        "backpack",
        "/api/v1/order",
        "/api/v1/orders",
        arguments=("--strict-signatures", "--limit", "historical=2000", "--config", ACCOUNTS),
    ),
    Twin(
        "zanbara",
        "/v1/order/place",
        "/v1/order/place-batch",
        arguments=(
            "--strict-signatures",
            "--strict-numbers",
            *(f"--limit={name}=6000" for name in ("ip_market", "ip_system", "ip_query", "ip_trade")),
            *(f"--limit={name}=6000" for name in ("key_query", "key_trade", "ip_batch", "key_batch")),
            *("--config", ACCOUNTS),
        ),
        money=("USDC", "solana", ADDRESS, "000000"),
    ),
)


@dataclass(slots=True)
class Rig:
    """A venue on its twin, and two accounts there, one of them with next to nothing."""

    twin: Twin
    sandbox: Sandbox
    venue: Venue
    rich: VenueAccount
    poor: VenueAccount
    market: Market
    throttle: RecordingThrottle = field(default_factory=RecordingThrottle)

    @property
    def can(self) -> Capabilities:
        return self.venue.capabilities

    @property
    def trading(self) -> Trading:
        assert self.rich.trading is not None
        return self.rich.trading

    @property
    def data(self) -> AccountData:
        assert self.rich.data is not None
        return self.rich.data

    @property
    def capital(self) -> Capital:
        assert self.rich.capital is not None
        return self.rich.capital

    @property
    def streams(self) -> AccountStreams:
        assert self.rich.streams is not None
        return self.rich.streams

    def request(self, **fields: Any) -> OrderRequest:
        """A limit buy of ten steps, unless told otherwise, under an id never used before."""
        defaults: dict[str, Any] = {
            "market": self.market,
            "venue_client_id": self.trading.client_id(os.urandom(32)),
            "side": Side.BUY,
            "type": OrderType.LIMIT,
            "quantity": self.market.step_size * 10,
        }
        return OrderRequest(**(defaults | fields))

    async def resting_price(self) -> Decimal:
        """A price to buy at that nobody sells for."""
        book = await self.venue.market_data.order_book(self.market, 5, self.throttle)
        return book.bids[0].price - 100 * self.market.tick_size

    async def taking_price(self) -> Decimal:
        """A price to buy at that somebody sells for."""
        book = await self.venue.market_data.order_book(self.market, 5, self.throttle)
        return book.asks[0].price + 100 * self.market.tick_size

    async def place(self, request: OrderRequest, *, trading: Trading | None = None, sent_ms_ago: int = 0) -> VenueOrder:
        trading = trading or self.trading
        body = trading.encode(request)
        return await trading.place(request, body, throttle=self.throttle, begin_send=self.send_time(sent_ms_ago))

    async def place_many(
        self, requests: Sequence[OrderRequest], *, leaving: Collection[VenueClientId] | None = None
    ) -> Mapping[VenueClientId, VenueOrder | VenueError]:
        async def begin_send() -> Leaving:
            ids = [request.venue_client_id for request in requests] if leaving is None else leaving
            return Leaving(await self.send_time(0)(), ids)

        return await self.trading.place_many(requests, throttle=self.throttle, begin_send=begin_send)

    def send_time(self, ms_ago: int) -> Callable[[], Awaitable[SendTime]]:
        window_ms = min(max(2000, self.can.order_window_min_ms), self.can.order_window_max_ms)

        async def begin_send() -> SendTime:
            return SendTime(SystemClock().venue_time_ms() - ms_ago, window_ms)

        return begin_send
