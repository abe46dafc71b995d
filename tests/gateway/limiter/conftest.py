from collections.abc import Iterator
from uuid import uuid4

import pytest

from adapters.models import VenueName
from tests.redis_process import RedisProcess


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest.fixture
def venue() -> VenueName:
    """A venue of its own for each test: keys never meet."""
    return VenueName(f"v{uuid4().hex}")
