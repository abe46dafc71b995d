from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from gateway.store.client import Store
from tests.redis_process import RedisProcess


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    """A server that a test may kill."""
    with RedisProcess() as redis:
        yield redis


@pytest_asyncio.fixture
async def store(shared_redis: RedisProcess) -> AsyncIterator[Store]:
    async with Store.open(shared_redis.url) as opened:
        yield opened
