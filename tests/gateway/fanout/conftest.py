"""One Redis for the fan-out's tests, emptied before each."""

from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.store.client import Store
from tests.redis_process import RedisProcess


@pytest.fixture(scope="session")
def fanout_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


@pytest.fixture
async def store(fanout_redis: RedisProcess) -> AsyncIterator[Store]:
    async with Store.open(fanout_redis.url) as store:
        await store.command("FLUSHALL")
        yield store
