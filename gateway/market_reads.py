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
        if shared is not None and now_us - shared.asked_us <= max_age_ms * 1_000 and _is_usable(shared.task):
            return Read(await _wait(shared), "cache", shared.asked_us)
        shared = self._fetches[key] = _Fetch(asyncio.create_task(_public(fetch(venue.market_data))), now_us)
        return Read(await _wait(shared), "venue", shared.asked_us)


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


def _is_usable(task: asyncio.Task[Mapping[str, Any]]) -> bool:
    return not task.done() or (not task.cancelled() and task.exception() is None)


def _now_us() -> int:
    return time.time_ns() // 1_000
