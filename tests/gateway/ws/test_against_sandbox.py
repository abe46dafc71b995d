"""End to end: a simulated Backpack, its adapter, two replicas and their clients; judged by the venue's own REST."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect

from adapters.backpack import backpack
from adapters.common.transport import HttpTransport
from adapters.contract import Endpoints, Venue, VenueSettings
from adapters.models import Market, Symbol, VenueName
from gateway.feeds import MarketFeeds
from gateway.store.client import Store
from gateway.ws.endpoint import Sockets
from sandbox.config import SandboxConfig
from sandbox.server import running
from tests.gateway.feeds.fleet import STEADY, ClientBook, eventually
from tests.gateway.feeds.scripted import OpenThrottle
from tests.gateway.ws.conftest import listening
from tests.redis_process import RedisProcess

VENUE = VenueName("backpack")
SYMBOL = "SOL-USDC"
Sides = dict[str, dict[str, str]]


class WallClock:
    def time_us(self) -> int:
        return time.time_ns() // 1000

    def venue_time_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def doubt(self) -> None: ...


@pytest.fixture
async def redis_url(ws_redis: RedisProcess) -> str:
    async with Store.open(ws_redis.url) as store:
        await store.command("FLUSHALL")
    return ws_redis.url


@asynccontextmanager
async def sandbox_process() -> AsyncIterator[Endpoints]:
    """A venue in a process of its own, so that its market makers take none of our time."""
    arguments = ("-m", "sandbox", "--venue", "backpack", "--port", "0", "--tick-ms", "20", "--with-parent")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            ready = json.loads(await process.stdout.readline())
        yield Endpoints(ready["url"], ready["ws_url"])
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def gateway(redis_url: str, endpoints: Endpoints, name: str) -> AsyncIterator[tuple[str, MarketFeeds]]:
    """One replica; gives the address of its WebSocket."""
    transport = HttpTransport()
    settings = VenueSettings(VENUE, endpoints)
    venue: Venue = backpack(settings, transport=transport, clock=WallClock())
    markets = {market.symbol: market for market in await venue.market_data.markets(OpenThrottle())}

    def find(venue: VenueName, symbol: Symbol) -> Market | None:
        return markets.get(symbol) if venue == VENUE else None

    async with (
        Store.open(redis_url) as store,
        MarketFeeds(store, {VENUE: venue}, find, lambda _: OpenThrottle(), replica_id=name, settings=STEADY) as feeds,
    ):
        sockets = Sockets(feeds.hub, {VENUE: venue}, find)
        async with listening(Starlette(routes=[WebSocketRoute("/v1/ws", sockets.serve)])) as port:
            yield f"ws://127.0.0.1:{port}/v1/ws", feeds
    await transport.aclose()


async def subscribe(client: ClientConnection, channel: str) -> None:
    await client.send(json.dumps({"op": "subscribe", "channel": channel, "venue": VENUE, "symbol": SYMBOL}))
    assert json.loads(await client.recv())["type"] == "subscribed"


async def follow(client: ClientConnection, book: ClientBook, seen: dict[int, Sides], updates: int) -> list[str]:
    """Apply so many messages, and remember the book at every update id."""
    texts = []
    async with asyncio.timeout(20):
        for _ in range(updates):
            text = await client.recv()
            assert isinstance(text, str)
            texts.append(text)
            book.apply(json.loads(text))
            seen[book.update_id] = {side: dict(held) for side, held in book.sides.items()}
    return texts


async def truths(rest_url: str, count: int) -> dict[int, dict[str, Any]]:
    """The venue's own book, as REST shows it, at a few moments."""
    found = {}
    async with httpx.AsyncClient(base_url=rest_url) as http:
        for _ in range(count):
            depth = (await http.get("/api/v1/depth", params={"symbol": "SOL_USDC"})).json()
            found[int(depth["lastUpdateId"])] = depth
            await asyncio.sleep(0.02)
    return found


def as_numbers(levels: Any) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(quantity) for price, quantity in levels}


async def test_clients_books_equal_the_venues_own_at_every_id(redis_url: str) -> None:
    async with (
        sandbox_process() as venue,
        gateway(redis_url, venue, "a") as (url_a, _),
        gateway(redis_url, venue, "b") as (url_b, _),
        connect(url_a, max_queue=None) as first,
        connect(url_b, max_queue=None) as second,
    ):
        await subscribe(first, "orderbook")
        await subscribe(second, "orderbook")
        seen: dict[int, Sides] = {}
        other: dict[int, Sides] = {}
        results = await asyncio.gather(
            follow(first, ClientBook(), seen, 40), follow(second, ClientBook(), other, 40), truths(venue.rest_url, 60)
        )
        compared = 0
        for update_id, truth in results[2].items():
            for books in (seen, other):
                if update_id in books:
                    compared += 1
                    for side in ("bids", "asks"):
                        assert as_numbers(books[update_id][side].items()) == as_numbers(truth[side])
        assert compared >= 5
        common = {text for text in results[0] if '"update"' in text} & set(results[1])
        assert len(common) >= 20, "the clients of both replicas get the same text"
        async with httpx.AsyncClient(base_url=venue.rest_url) as http:
            held = (await http.get("/sim/ledger/subscriptions")).json()["subscriptions"]
        assert [(each["stream"], each["connections"]) for each in held] == [("depth.SOL_USDC", 1)]


async def test_a_cut_connection_is_survived_and_announced(redis_url: str) -> None:
    async with (
        running(SandboxConfig()) as urls,
        gateway(redis_url, Endpoints(urls.url, urls.ws_url), "a") as (url, feeds),
        connect(url, max_queue=None) as client,
    ):
        await subscribe(client, "orderbook")
        book, seen = ClientBook(), dict[int, Sides]()
        await follow(client, book, seen, 5)
        urls.world.hub.close_all(1012)
        async with asyncio.timeout(10):
            while (message := json.loads(await client.recv()))["integrity"] == "ok":
                book.apply(message)
            assert (message["type"], message["integrity"]) == ("status", "resyncing")
            while (message := json.loads(await client.recv()))["type"] != "snapshot":
                assert message["type"] == "status"
        book.apply(message)
        seen.clear()
        _, found = await asyncio.gather(follow(client, book, seen, 25), truths(urls.url, 30))
        both = seen.keys() & found.keys()
        assert both
        for update_id in both:
            assert as_numbers(seen[update_id]["bids"].items()) == as_numbers(found[update_id]["bids"])
        await eventually(lambda: feeds.state().venues[VENUE].is_connected)


async def test_tickers_and_trades_arrive(redis_url: str) -> None:
    async with (
        sandbox_process() as venue,
        gateway(redis_url, venue, "a") as (url, _),
        connect(url, max_queue=None) as client,
    ):
        await subscribe(client, "ticker")
        ticker = json.loads(await client.recv())
        assert (ticker["channel"], ticker["type"], ticker["integrity"]) == ("ticker", "snapshot", "ok")
        await client.send(json.dumps({"op": "subscribe", "channel": "trades", "venue": VENUE, "symbol": SYMBOL}))
        async with asyncio.timeout(15):
            while (trades := json.loads(await client.recv())).get("channel") != "trades" or "data" not in trades:
                pass  # tickers go on
        assert (trades["type"], trades["integrity"]) == ("snapshot", "ok")
        assert 0 < len(trades["data"]["items"]) <= 20
