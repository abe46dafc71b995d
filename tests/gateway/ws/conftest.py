"""A replica with its sockets on a loopback port, over a scripted venue."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from gateway.feeds import MarketFeeds
from gateway.store.client import Store
from gateway.ws.endpoint import Sockets
from gateway.ws.private import Admit
from gateway.ws.settings import SocketSettings
from tests.gateway.feeds.fleet import replica
from tests.gateway.feeds.scripted import SYMBOL, ScriptedVenue, levels, snapshot, ticker, trade
from tests.redis_process import RedisProcess


@dataclass(frozen=True, slots=True)
class Serving:
    url: str
    sockets: Sockets
    feeds: MarketFeeds


Serve = Callable[..., AbstractAsyncContextManager[Serving]]


@pytest.fixture(scope="session")
def ws_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


@pytest.fixture
def script() -> ScriptedVenue:
    script = ScriptedVenue()
    script.books[SYMBOL] = snapshot(10, levels(("99", "1"), ("98", "2")), levels(("101", "1"), ("102", "2")))
    script.trades[SYMBOL] = [trade(number) for number in range(1, 31)]
    script.tickers[SYMBOL] = ticker("100")
    return script


@pytest.fixture
async def serve(ws_redis: RedisProcess, script: ScriptedVenue) -> Serve:
    async with Store.open(ws_redis.url) as store:
        await store.command("FLUSHALL")

    @asynccontextmanager
    async def serve(
        name: str = "replica", *, settings: SocketSettings | None = None, admit: Admit | None = None
    ) -> AsyncIterator[Serving]:
        async with replica(ws_redis.url, script, name) as feeds:
            sockets = Sockets(
                feeds.hub, {script.name: script.venue()}, script.find_market, settings=settings, admit=admit
            )
            async with listening(Starlette(routes=[WebSocketRoute("/v1/ws", sockets.serve)])) as port:
                yield Serving(f"ws://127.0.0.1:{port}/v1/ws", sockets, feeds)

    return serve


@asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)  # so that the kernel hides no slow client
        config = uvicorn.Config(
            app, ws="websockets-sansio", log_level="warning", lifespan="off", ws_per_message_deflate=False
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
        server.should_exit = server.force_exit = True
        await task
