from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.store.client import Store
from tests.redis_process import RedisProcess


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


@pytest.fixture
async def store(redis: RedisProcess) -> AsyncIterator[Store]:
    async with Store.open(redis.url) as opened:
        yield opened
