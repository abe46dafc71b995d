"""A switch that is not renewed ends its client's orders, all of them and no others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.models import OrderStatus
from gateway.orders.dead_man import Switch
from gateway.orders.dead_man_switches import SwitchState
from tests.gateway.orders.exchange import Exchange, nothing
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, client, limit_order, replica, until
from tests.redis_process import RedisProcess, eventually

SWITCH = Switch(ACCOUNT, BOT.name)
NONE: frozenset[str] = frozenset()


@asynccontextmanager
async def watched(*replicas: Replica) -> AsyncIterator[None]:
    """Switches are looked at by these replicas, and orders withdrawn."""
    tasks = [asyncio.create_task(run()) for on in replicas for run in (on.dead_man.run, on.withdrawing.run)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def rest(on: Replica, client_order_id: str, *, of: str = "bot", **changes: Any) -> None:
    await on.placing.place(client(of), limit_order(client_order_id, **changes))


async def done(on: Replica, switch: Switch = SWITCH) -> SwitchState:
    """How the switch stands once it has fired and no order is left."""
    states: list[SwitchState] = []

    async def is_so() -> bool:
        states.append(await on.switches.get(switch))
        return states[-1].fired_ms is not None and states[-1].firings == 0

    await eventually(is_so)
    return states[-1]


def resting(exchange: Exchange) -> int:
    return len(exchange.resting())


async def test_all_orders_of_the_client_end_and_no_others(one: Replica, other: Replica) -> None:
    for number in range(3):
        await rest(one, str(number))
    await rest(one, "hedge", labels=("hedge",))
    await rest(one, "theirs", of="somebody")
    async with watched(one, other):
        await one.switches.set(SWITCH, timeout_ms=1, exempt=frozenset({"hedge"}))
        assert (await done(one)).cancelled == 3
        # It is off now, and nothing that comes later is its business.
        await rest(one, "later")
        await one.switches.set(SWITCH, timeout_ms=60_000, exempt=NONE)
    assert resting(one.exchange) == 3
    assert one.exchange.cancels == 3
    left = [
        await one.record(name, owner) for name, owner in (("hedge", "bot"), ("theirs", "somebody"), ("later", "bot"))
    ]
    assert {record.result.status for record in left if record} == {OrderStatus.PENDING}


async def test_a_session_ends_alone(one: Replica) -> None:
    await rest(one, "a", labels=("session:a", "x"))
    await rest(one, "b", labels=("session:b",))
    async with watched(one):
        session = Switch(ACCOUNT, BOT.name, "a")
        await one.switches.set(session, timeout_ms=1, exempt=NONE)
        assert (await done(one, session)).cancelled == 1
    assert (await one.known("a")).result.status is OrderStatus.CANCELLED
    assert (await one.known("b")).result.status is OrderStatus.PENDING


async def test_an_order_on_its_way_at_the_deadline_is_cancelled_when_it_arrives(one: Replica) -> None:
    go_on = asyncio.Event()

    async def dawdle() -> None:
        await go_on.wait()

    one.exchange.before_answer = dawdle
    one.exchange.hidden.add("resting")
    call = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await until(lambda: bool(one.exchange.orders))
    async with watched(one):
        await one.switches.set(SWITCH, timeout_ms=1, exempt=NONE)
        await until(lambda: one.exchange.cancels >= 1)  # in vain: the engine does not have it yet
        one.exchange.hidden.clear()
        go_on.set()
        await call
        assert (await done(one)).cancelled == 1
    assert resting(one.exchange) == 0


async def test_a_firing_goes_on_at_another_replica(orders_redis: RedisProcess, exchange: Exchange) -> None:
    """The one that fired it dies before the venue answers anything."""
    async with replica(orders_redis.url, exchange) as first:
        for number in range(3):
            await rest(first, str(number))

        async def hang() -> None:
            await asyncio.Event().wait()

        exchange.before_cancel = hang
        async with watched(first):
            await first.switches.set(SWITCH, timeout_ms=1, exempt=NONE)
            await until(lambda: exchange.cancels == 3)
        exchange.before_cancel = nothing
    async with replica(orders_redis.url, exchange, name="b") as second, watched(second):
        assert (await done(second)).cancelled == 3
    assert resting(exchange) == 0


async def test_a_switch_fires_when_redis_is_back(exchange: Exchange) -> None:
    with RedisProcess(tcp=False) as redis:
        async with replica(redis.url, exchange) as on, watched(on):
            await rest(on, "one")
            await on.switches.set(SWITCH, timeout_ms=300, exempt=NONE)
            redis.pause()
            await until(lambda: not on.store.is_up)
            redis.resume()
            assert (await done(on)).cancelled == 1
    assert resting(exchange) == 0
