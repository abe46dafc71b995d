"""Backpack's private stream: its session, and the shared loop that keeps it up. Market data is `MarketStreams`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.backpack.session import AccountSession
from adapters.backpack.signing import Key
from adapters.common.reconnect import KeptStream
from adapters.contract import Clock, Throttle
from adapters.models import AccountName, StreamEvent, VenueName


class BackpackAccountStreams:
    """Fulfils `contract.AccountStreams`."""

    def __init__(self, venue: VenueName, account: AccountName, key: Key, url: str, clock: Clock) -> None:
        self._venue = venue
        self._account = account
        self._key = key
        self._url = url
        self._clock = clock

    @asynccontextmanager
    async def connect(self, throttle: Throttle) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        """Subscriptions are signed; nothing is asked of the venue by REST."""
        del throttle
        session = AccountSession(self._venue, self._account, self._key)
        kept = KeptStream(self._url, session, self._clock, name=f"{self._venue}/{self._account}")
        async with kept.running():
            yield kept.events()
