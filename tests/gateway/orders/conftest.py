from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import structlog

from adapters.models import VenueName
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import Replica, replica
from tests.redis_process import RedisProcess


@pytest.fixture(autouse=True, scope="session")
def plain_tracebacks() -> None:
    """Telling of an exception with all that its frames hold takes seconds, in which nothing else goes on."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture(scope="session")
def orders_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest.fixture
def exchange() -> Exchange:
    """A venue of its own for each test: keys never meet."""
    return Exchange(VenueName(f"v{uuid4().hex}"))


@pytest.fixture
def the_long_way(exchange: Exchange) -> None:
    """Orders are claimed first, and wait for leave after."""
    exchange.needs_log_in = True


@pytest.fixture
async def one(orders_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    async with replica(orders_redis.url, exchange) as running:
        yield running


@pytest.fixture
async def other(orders_redis: RedisProcess, exchange: Exchange) -> AsyncIterator[Replica]:
    """A second replica on the same Redis and venue."""
    async with replica(orders_redis.url, exchange, name="b") as running:
        yield running
