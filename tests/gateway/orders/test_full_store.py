"""A store that is almost full takes no new orders, and does all else."""

from collections.abc import Iterator

import pytest

from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import BOT, limit_order, replica
from tests.redis_process import RedisProcess


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


async def test_new_orders_stop_before_memory_runs_out_and_cancels_do_not(
    own_redis: RedisProcess, exchange: Exchange
) -> None:
    async with replica(own_redis.url, exchange) as on:
        record = (await on.placing.place(BOT, limit_order())).record
        await on.memory.look()
        assert not on.memory.is_short  # no maxmemory, no check
        used = int((await on.store.command("INFO", "memory")).partition(b"used_memory:")[2].partition(b"\r")[0])
        await on.store.command("CONFIG", "SET", "maxmemory", round(used / 0.9))
        await on.memory.look()
        with pytest.raises(Refusal) as caught:
            await on.placing.place(BOT, limit_order("two"))
        assert (caught.value.code, caught.value.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
        assert not (await on.placing.place(BOT, limit_order())).is_new  # a repeat has its answer
        assert (await on.cancelling.cancel(BOT, record.intent.order_id)).result.status is OrderStatus.CANCELLED
        await on.store.command("CONFIG", "SET", "maxmemory", used * 10)
        await on.memory.look()
        assert (await on.placing.place(BOT, limit_order("two"))).is_new


async def test_a_cancel_goes_out_even_when_memory_has_run_out(own_redis: RedisProcess, exchange: Exchange) -> None:
    async with replica(own_redis.url, exchange) as on:
        record = (await on.placing.place(BOT, limit_order())).record
        await on.store.command("CONFIG", "SET", "maxmemory", 1_000_000)
        with pytest.raises(Refusal) as caught:
            await on.placing.place(BOT, limit_order("two"))  # before anybody has looked how full it is
        assert (caught.value.code, caught.value.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
        assert len(exchange.arrivals) == 1
        await on.cancelling.cancel(BOT, record.intent.order_id)
        assert exchange.resting() == []
        await on.store.command("CONFIG", "SET", "maxmemory", 0)
        found, _ = await on.finding.get(BOT, record.intent.order_id)
        assert found.result.status is OrderStatus.CANCELLED
