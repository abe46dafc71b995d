"""What orders take in Redis is measured on their real way, and a day is made of what was measured."""

from collections.abc import Iterator

import pytest

from bench.memory.day import ACCOUNTS, RESTING_EACH, Day, Taken
from gateway.journal import MAX_LENGTH
from gateway.store.client import Store
from tests.redis_process import RedisProcess


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


def test_a_day_is_its_orders_in_each_state_and_what_does_not_grow_with_them() -> None:
    taken = Taken(open=2_000, ended=2_500, shrunk=300, entry=200, trade=50)
    fixed = len(ACCOUNTS) * (RESTING_EACH * 2_000 + MAX_LENGTH * 250)
    assert taken.of(1_000, whole=100) == fixed + 100 * 2_500 + 900 * 300


async def test_orders_that_have_ended_shrink_and_none_is_free(own_redis: RedisProcess) -> None:
    async with Store.open(own_redis.url) as store:
        taken = await Day(store, lambda _: None, resting_each=5).take(400)
    assert taken.shrunk < 600 < taken.open < 4_096  # of so few, the lists take their part
    assert 100 < taken.entry < 400
