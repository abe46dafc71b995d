"""Live market data over kept connections: what a venue adds is its session."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from adapters.common.reconnect import KeptStream
from adapters.common.session import Session
from adapters.contract import Channel, Clock
from adapters.models import Market, StreamEvent, VenueName


class MarketSession(Session, Protocol):
    """A session whose wishes are channels of markets."""

    def subscribe(self, channel: Channel, market: Market) -> None: ...

    def unsubscribe(self, channel: Channel, market: Market) -> None: ...


class MarketStream:
    """Fulfils `contract.Stream`."""

    def __init__(self, session: MarketSession, kept: KeptStream) -> None:
        self._session = session
        self._kept = kept

    def subscribe(self, channel: Channel, market: Market) -> None:
        self._session.subscribe(channel, market)
        self._kept.wishes_changed()

    def unsubscribe(self, channel: Channel, market: Market) -> None:
        self._session.unsubscribe(channel, market)
        self._kept.wishes_changed()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self._kept.events()


class MarketStreams:
    """Fulfils `contract.Streams`; each `connect` is a connection of its own, with a session of its own."""

    def __init__(
        self,
        venue: VenueName,
        url: str,
        clock: Clock,
        session: Callable[[VenueName], MarketSession],
        *,
        ask_every_s: float | None = None,
    ) -> None:
        """`ask_every_s`: see `KeptStream`."""
        self._venue = venue
        self._url = url
        self._clock = clock
        self._session = session
        self._ask_every_s = ask_every_s

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[MarketStream]:
        session = self._session(self._venue)
        kept = KeptStream(self._url, session, self._clock, name=str(self._venue), ask_every_s=self._ask_every_s)
        async with kept.running():
            yield MarketStream(session, kept)
