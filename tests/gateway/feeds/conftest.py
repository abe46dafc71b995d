"""One Redis for the streams' tests, emptied before each, and one scripted venue per test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.store.client import Store
from tests.gateway.feeds.scripted import SYMBOL, ScriptedVenue, levels, snapshot, ticker, trade
from tests.redis_process import RedisProcess


@pytest.fixture(scope="session")
def feed_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


@pytest.fixture
async def store(feed_redis: RedisProcess) -> AsyncIterator[Store]:
    async with Store.open(feed_redis.url) as store:
        await store.command("FLUSHALL")
        yield store


@pytest.fixture
def script() -> ScriptedVenue:
    script = ScriptedVenue()
    script.books[SYMBOL] = snapshot(10, levels(("99", "1"), ("98", "2")), levels(("101", "1"), ("102", "2")))
    script.trades[SYMBOL] = [trade(number) for number in range(1, 31)]
    script.tickers[SYMBOL] = ticker("100")
    return script
