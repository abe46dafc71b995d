"""Replicas and readers for tests: each replica has a store and streams of its own, on one Redis and one venue."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

from adapters.contract import Channel
from adapters.models import Symbol
from gateway.fanout.mailbox import Mailbox
from gateway.fanout.ring import Position
from gateway.fanout.settings import FanoutSettings
from gateway.fanout.topic import Topic
from gateway.feeds import FeedSettings, MarketFeeds
from gateway.store.client import Store
from tests.gateway.feeds.scripted import SYMBOL, VENUE, OpenThrottle, ScriptedVenue

BOOK = Topic(VENUE, Channel.ORDERBOOK, SYMBOL)
TRADES = Topic(VENUE, Channel.TRADES, SYMBOL)
TICKER = Topic(VENUE, Channel.TICKER, SYMBOL)

STEADY = FeedSettings(
    lease_s=9.0,  # its third, between announcements, is waited for
    linger_s=0.1,
    fanout=FanoutSettings(silence_s=30.0, wish_ttl_s=30.0, linger_s=0.1, warm_s=0.1, ask_again_s=0.2),
)
"""No term ends and no stream counts as silent because the machine was busy with something else."""

QUICK = replace(STEADY, lease_s=0.6, fanout=replace(STEADY.fanout, silence_s=0.6, wish_ttl_s=2.0))
"""For tests in which something has to run out."""

WAIT_S = 5.0


async def eventually(is_true: Callable[[], bool], what: str = "it") -> None:
    """Wait, for a bounded time, until a condition holds."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not is_true():  # noqa: ASYNC110  # conditions of any kind have no event
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


class Reader:
    """What one client of a replica gets, message by message."""

    def __init__(self, feeds: MarketFeeds, mailbox_bytes: int = 10**7):
        self.feeds = feeds
        self.raw: list[bytes] = []
        self._wake = asyncio.Event()
        self.mailbox = Mailbox(mailbox_bytes, self._wake.set)
        self._waiting: list[bytes] = []

    def subscribe(self, topic: Topic, since: Position | None = None) -> Self:
        self.feeds.hub.subscribe(topic, self.mailbox, since)
        return self

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while not self._waiting:
                await self._wake.wait()
                self._wake.clear()
                self._waiting += self.mailbox.take(10**9)
        body = self._waiting.pop(0)
        self.raw.append(body)
        message: dict[str, Any] = json.loads(body)
        return message

    async def until(self, kind: str, **members: Any) -> dict[str, Any]:
        """Skip to the next message of a kind."""
        while True:
            message = await self.next()
            if message["type"] == kind and members.items() <= message.items():
                return message


@asynccontextmanager
async def replica(
    url: str, script: ScriptedVenue, name: str, settings: FeedSettings = STEADY
) -> AsyncIterator[MarketFeeds]:
    async with (
        Store.open(url) as store,
        MarketFeeds(
            store,
            {script.name: script.venue()},
            script.find_market,
            lambda _: OpenThrottle(),
            replica_id=name,
            settings=settings,
        ) as feeds,
    ):
        yield feeds


class ClientBook:
    """A book as a client keeps it: from messages alone, checking that nothing is missing."""

    def __init__(self) -> None:
        self.position: tuple[int, int] | None = None
        self.sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
        self.update_id = 0

    def apply(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.sides = {side: {} for side in self.sides}
        elif message["type"] == "update":
            assert self.position is not None
            assert (message["epoch"], message["seq"]) == (self.position[0], self.position[1] + 1)
        self.position = (message["epoch"], message["seq"])
        if message["data"] is None:
            return
        self.update_id = message["data"]["update_id"]
        for side, held in self.sides.items():
            for price, quantity in message["data"][side]:
                if quantity == "0":
                    held.pop(price, None)
                else:
                    held[price] = quantity


def topic(channel: Channel, symbol: str) -> Topic:
    return Topic(VENUE, channel, Symbol(symbol))
