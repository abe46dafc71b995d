"""Backpack's live connections: a session, and the shared loop that keeps it up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.backpack.session import AccountSession, PublicSession
from adapters.backpack.signing import Key
from adapters.common.reconnect import KeptStream
from adapters.contract import Channel, Clock
from adapters.models import AccountName, Market, StreamEvent, VenueName


class BackpackStream:
    """Fulfils `contract.Stream`."""

    def __init__(self, session: PublicSession, kept: KeptStream) -> None:
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


class BackpackStreams:
    """Fulfils `contract.Streams`; each `connect` is a connection of its own."""

    def __init__(self, venue: VenueName, url: str, clock: Clock) -> None:
        self._venue = venue
        self._url = url
        self._clock = clock

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[BackpackStream]:
        session = PublicSession(self._venue)
        kept = KeptStream(self._url, session, self._clock, name=str(self._venue))
        async with kept.running():
            yield BackpackStream(session, kept)


class BackpackAccountStreams:
    """Fulfils `contract.AccountStreams`."""

    def __init__(self, venue: VenueName, account: AccountName, key: Key, url: str, clock: Clock) -> None:
        self._venue = venue
        self._account = account
        self._key = key
        self._url = url
        self._clock = clock

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        session = AccountSession(self._venue, self._account, self._key)
        kept = KeptStream(self._url, session, self._clock, name=f"{self._venue}/{self._account}")
        async with kept.running():
            yield kept.events()
