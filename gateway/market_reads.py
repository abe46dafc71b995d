"""Market data over REST: from memory where the stream is live, else from the venue, once for all who ask together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from adapters.contract import Channel, MarketData, Throttle, Venue
from adapters.errors import VenueError
from adapters.models import Market, VenueName
from gateway.fanout.envelope import Integrity
from gateway.fanout.hub import Hub
from gateway.fanout.topic import Topic
from gateway.feeds.shapes import book_data, ticker_data, trades_data
from gateway.translation import read_refusal

STREAM_WAIT_S = 1.0
"""How long the first read of a market waits for its stream before it asks the venue itself."""

_FETCHES_MAX = 512


@dataclass(frozen=True, slots=True)
class Read:
    """The public `data` of a channel, and how fresh it is."""

    data: Mapping[str, Any]
    source: Literal["stream", "cache", "venue"]
    as_of_us: int
    integrity: Integrity = Integrity.OK


@dataclass(slots=True)
class _Fetch:
    task: asyncio.Task[Mapping[str, Any]]
    asked_us: int
    waiting: int = 0

    @property
    def is_usable(self) -> bool:
        """Whether it has an answer, or will have; one that nobody waits for any more is being cancelled."""
        if not self.task.done():
            return self.waiting > 0
        return not self.task.cancelled() and self.task.exception() is None


class MarketReads:
    """Reads of all venues' market data."""

    def __init__(self, hub: Hub, venues: Mapping[VenueName, Venue]):
        self._hub = hub
        self._venues = venues
        self._fetches: dict[tuple[object, ...], _Fetch] = {}

    async def ticker(self, market: Market, max_age_ms: int, throttle: Throttle) -> Read:
        """The market's ticker. `max_age_ms` 0 asks the venue. Raises `Refusal`."""

        async def fetch(data: MarketData) -> object:
            return ticker_data(await data.ticker(market, throttle))

        return await self._read(market, Channel.TICKER, None, max_age_ms, fetch)

    async def order_book(self, market: Market, depth: int, max_age_ms: int, throttle: Throttle) -> Read:
        """The market's book, at least `depth` levels a side where there are as many. Raises `Refusal`."""

        async def fetch(data: MarketData) -> object:
            book = await data.order_book(market, depth, throttle)
            return book_data(book.bids, book.asks, book.update_id)

        return await self._read(market, Channel.ORDERBOOK, depth, max_age_ms, fetch)

    async def trades(self, market: Market, max_age_ms: int, throttle: Throttle) -> Read:
        """The latest public trades, oldest first. Raises `Refusal`."""

        async def fetch(data: MarketData) -> object:
            return trades_data(reversed(await data.trades(market, 100, throttle)))

        return await self._read(market, Channel.TRADES, None, max_age_ms, fetch)

    async def _read(
        self,
        market: Market,
        channel: Channel,
        variant: int | None,
        max_age_ms: int,
        fetch: Callable[[MarketData], Awaitable[object]],
    ) -> Read:
        venue = self._venues[market.venue]
        if max_age_ms > 0 and channel in venue.capabilities.channels:
            state = await self._hub.ensure(Topic(market.venue, channel, market.symbol), STREAM_WAIT_S)
            if state is not None and state.integrity is Integrity.OK:
                return Read(state.data, "stream", state.as_of_us)
        key = (market.venue, market.symbol, channel, variant)
        shared = self._fetches.get(key)
        now_us = _now_us()
        if shared is not None and now_us - shared.asked_us <= max_age_ms * 1_000 and shared.is_usable:
            return Read(await _wait(shared), "cache", shared.asked_us)
        shared = _Fetch(asyncio.create_task(_public(fetch(venue.market_data))), now_us)
        self._keep(key, shared)
        return Read(await _wait(shared), "venue", shared.asked_us)

    def _keep(self, key: tuple[object, ...], fetch: _Fetch) -> None:
        """Keep it for those who ask next; the oldest are forgotten, since every depth of every market is one."""
        self._fetches.pop(key, None)
        while len(self._fetches) >= _FETCHES_MAX:
            self._fetches.pop(next(iter(self._fetches)))
        self._fetches[key] = fetch


async def _public(fetched: Awaitable[object]) -> Mapping[str, Any]:
    data: Mapping[str, Any] = msgspec.to_builtins(await fetched)
    return data


async def _wait(shared: _Fetch) -> Mapping[str, Any]:
    """The shared answer; the last one to give up on it ends the call."""
    shared.waiting += 1
    try:
        return await asyncio.shield(shared.task)
    except VenueError as error:
        raise read_refusal(error) from error
    finally:
        shared.waiting -= 1
        if shared.waiting == 0 and not shared.task.done():
            shared.task.cancel()


def _now_us() -> int:
    return time.time_ns() // 1_000
