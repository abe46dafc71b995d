"""One gateway in this process for all tests here, reached through real sockets or straight."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.faults.served import Served, served
from tests.gateway.api.conftest import gateway_on, new_exchange, settings_for
from tests.gateway.api.running import Running
from tests.redis_process import RedisProcess


@pytest.fixture(scope="session")
def faults_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(faults_redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    settings = settings_for(tmp_path_factory.mktemp("firm"), faults_redis.url)
    async with gateway_on(settings, faults_redis.url, new_exchange()) as started:
        yield started
        assert started.internal_errors == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(gateway: Running) -> AsyncIterator[Served]:
    async with served(gateway) as started:
        yield started
