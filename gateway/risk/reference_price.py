"""The price that limits are judged by: what the market is at now, from streams alone, which cost a venue nothing."""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal

from adapters.contract import Channel, Venue
from adapters.models import Market, VenueName
from gateway.fanout.envelope import Integrity
from gateway.fanout.fold import TopicState
from gateway.fanout.hub import Hub
from gateway.fanout.topic import Topic

_WAIT_S = 0.5
"""How long the first order of a market waits for its stream."""
_TRADE_AGE_US = 10_000_000
"""How old the last trade may be; a book in order is the market as it is, however quiet."""
_KEEP_S = 0.1
"""How long a price is used again: taking a book apart for every order of a burst would cost more than it tells."""


class ReferencePrices:
    """The middle of the book, or else the last trade; None where neither is known for sure."""

    def __init__(self, hub: Hub, venues: Mapping[VenueName, Venue], *, monotonic: Callable[[], float] = time.monotonic):
        self._hub = hub
        self._venues = venues
        self._monotonic = monotonic
        self._kept: dict[tuple[VenueName, str], tuple[float, Decimal]] = {}

    async def price(self, market: Market) -> Decimal | None:
        """The market's price now."""
        key = (market.venue, market.symbol)
        kept = self._kept.get(key)
        if kept is not None and self._monotonic() - kept[0] < _KEEP_S:
            return kept[1]
        price = await self._middle(market) or await self._last_trade(market)
        if price is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = (self._monotonic(), price)
        return price

    async def _middle(self, market: Market) -> Decimal | None:
        state = await self._state(market, Channel.ORDERBOOK)
        if state is None or not state.data["bids"] or not state.data["asks"]:
            return None
        return (Decimal(state.data["bids"][0][0]) + Decimal(state.data["asks"][0][0])) / 2

    async def _last_trade(self, market: Market) -> Decimal | None:
        state = await self._state(market, Channel.TICKER)
        if state is None or time.time_ns() // 1_000 - state.as_of_us > _TRADE_AGE_US:
            return None
        return Decimal(state.data["last_price"])

    async def _state(self, market: Market, channel: Channel) -> TopicState | None:
        """The stream's state, if it is sound."""
        if channel not in self._venues[market.venue].capabilities.channels:
            return None
        state = await self._hub.ensure(Topic(market.venue, channel, market.symbol), _WAIT_S)
        return state if state is not None and state.integrity is Integrity.OK else None
