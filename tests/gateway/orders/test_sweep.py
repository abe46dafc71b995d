"""The sweep: whoever died over an order is found out, and one order's trouble holds up no other's."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from adapters.errors import NoAnswer, OutcomeUnknown
from adapters.models import AccountName, OrderStatus, Symbol
from gateway.accounts import Account
from gateway.orders import metrics
from gateway.orders.record import OrderRecord, State
from gateway.store import keys
from tests.gateway.orders.exchange import Exchange, market
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, client, limit_order, make_ready, replica, until
from tests.redis_process import RedisProcess, eventually


async def lost(on: Replica, client_order_id: str = "one", symbol: str = "SOL-USDC") -> OrderRecord:
    """An order the venue has, and whose answer never came."""

    async def lose() -> None:
        raise OutcomeUnknown(on.venue, "no answer")

    on.exchange.before_answer = lose
    record = (await on.placing.place(BOT, limit_order(client_order_id, symbol=symbol))).record
    await on.backdate(record, 0)
    return record


async def settled(on: Replica, record: OrderRecord) -> bool:
    found = await on.records.get(record.intent.order_id)
    assert found is not None
    return found.state is not State.UNKNOWN


async def test_an_unknown_order_is_settled(one: Replica) -> None:
    record = await lost(one)
    await one.sweep.once()
    assert await settled(one, record)


def shown(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"crossgate_{name}", {"account": ACCOUNT})


async def test_an_accounts_orders_are_shown_by_who_tends_it_and_by_no_other(one: Replica) -> None:
    await lost(one)
    await one.sweep.once()
    assert [shown(f"orders_{state}") for state in ("pending", "unknown", "live")] == [1, 1, 0]
    run = asyncio.create_task(one.sweeps.run())
    await until(lambda: (shown("account_tended"), shown("orders_unknown"), shown("orders_live")) == (1, 0, 1))
    metrics.ORPHANS.labels(ACCOUNT).set(1)
    await one.store.command("SET", keys.sweep_lease(one.venue, ACCOUNT), "another")
    await until(lambda: shown("account_tended") == 0)
    kinds = ("orders_pending", "orders_unknown", "orders_live", "orphan_orders")
    assert [shown(kind) for kind in kinds] == [None] * len(kinds)
    run.cancel()
    await asyncio.wait([run])
    assert shown("account_ready") is None


async def test_all_unknown_orders_of_a_market_share_the_calls(one: Replica) -> None:
    for number in range(5):
        await lost(one, str(number))
    one.exchange.reads.clear()
    await one.sweep.once()
    assert one.exchange.reads == ["resting"]
    assert {(await one.known(str(number))).state for number in range(5)} == {State.LIVE}


async def test_orders_at_work_and_orders_at_rest_are_left_alone(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    one.exchange.reads.clear()
    await one.sweep.once()
    assert one.exchange.reads == []


async def test_settling_may_use_what_is_kept_for_cancels(orders_redis: RedisProcess, exchange: Exchange) -> None:
    exchange.limit, exchange.period_ms = 4, 60_000  # three for all, one in reserve
    async with replica(orders_redis.url, exchange) as on:
        record = await lost(on)
        throttle = on.account.throttle("greedy", 0)
        for _ in range(2):
            await exchange.read("balances", throttle)
        await on.sweep.once()
        assert await settled(on, record)


async def test_a_market_that_is_gone_holds_up_no_other(orders_redis: RedisProcess, exchange: Exchange) -> None:
    exchange.markets.insert(0, market(exchange.name, "AAA-USDC"))
    async with replica(orders_redis.url, exchange) as before:
        gone = await lost(before, "gone", "AAA-USDC")
        stays = await lost(before, "stays")
    del exchange.markets[0]
    async with replica(orders_redis.url, exchange) as after:
        await after.sweep.once()
        assert await settled(after, stays)
        assert not await settled(after, gone)


async def test_a_record_nobody_can_read_holds_up_no_other(one: Replica) -> None:
    broken, sound = await lost(one, "broken"), await lost(one, "sound")
    await one.store.command("HSET", keys.order(one.venue, broken.intent.order_id), "state", "of grace")
    await one.sweep.once()
    assert await settled(one, sound)


@pytest.mark.usefixtures("the_long_way")
async def test_a_venue_that_does_not_answer_still_lets_claims_lapse(one: Replica) -> None:
    await lost(one)
    holding = asyncio.Event()

    async def hold() -> None:
        holding.set()
        await asyncio.Event().wait()

    async def fail(_source: str) -> None:
        raise NoAnswer(one.venue, "no answer")

    one.exchange.before_begin_send, one.exchange.on_read = hold, fail
    call = asyncio.create_task(one.placing.place(BOT, limit_order("claimed")))
    await holding.wait()
    await one.abandon(await one.known("claimed"))
    with pytest.raises(NoAnswer):
        await one.sweep.once()
    assert await one.record("claimed") is None
    call.cancel()


async def test_replicas_take_turns_by_lease(one: Replica, other: Replica) -> None:
    lease = keys.sweep_lease(one.venue, ACCOUNT)

    async def holder() -> bytes | None:
        found: bytes | None = await one.store.command("GET", lease)
        return found

    async def is_held_by_one() -> bool:
        return await holder() == b"a"

    async def is_held_by_other() -> bool:
        return await holder() == b"b"

    first = asyncio.create_task(one.sweeps.run())
    await eventually(is_held_by_one)
    second = asyncio.create_task(other.sweeps.run())
    record = await lost(one)
    await eventually(lambda: settled(one, record))
    assert await holder() == b"a"
    first.cancel()
    await asyncio.wait([first])
    assert await holder() != b"a"  # whoever ends leaves the account to others at once
    await eventually(is_held_by_other)
    record = await lost(one, "two")
    await eventually(lambda: settled(one, record))
    second.cancel()
    await asyncio.wait([second])


async def test_an_account_in_trouble_of_any_kind_holds_up_no_other(one: Replica) -> None:
    trouble = Exchange(one.venue)

    async def break_down(_source: str) -> None:
        raise ZeroDivisionError

    trouble.on_read = break_down
    bad = AccountName("bad")
    account = Account(bad, trouble.venue(), trouble.open(bad), one.limiter, one.account.tokens)
    one.accounts.take_up([account, one.account])

    async def lose() -> None:
        raise OutcomeUnknown(one.venue, "no answer")

    trouble.before_answer = lose
    both = client(accounts=(ACCOUNT, bad))
    await make_ready(one.records, bad)
    stuck = (await one.placing.place(both, limit_order(account=bad))).record
    await one.store.command("ZADD", keys.pending_orders(one.venue, bad), 1, stuck.intent.order_id)
    run = asyncio.create_task(one.sweeps.run())
    await until(lambda: bool(trouble.arrivals))
    for client_order_id in ("one", "two"):
        record = await lost(one, client_order_id)
        await eventually(lambda: settled(one, record))  # noqa: B023  # awaited before the next round
    assert not run.done()
    run.cancel()
    await asyncio.wait([run])


async def test_an_account_that_comes_later_is_swept_too(one: Replica) -> None:
    one.accounts.take_up([])
    run = asyncio.create_task(one.sweeps.run())
    await asyncio.sleep(0)
    one.accounts.take_up([one.account])
    record = await lost(one)
    await eventually(lambda: settled(one, record))
    run.cancel()
    await asyncio.wait([run])


async def test_an_order_in_another_market_settles_by_its_own(orders_redis: RedisProcess, exchange: Exchange) -> None:
    exchange.markets.append(replace(market(exchange.name), symbol=Symbol("BTC-USDC")))
    async with replica(orders_redis.url, exchange) as on:
        records = [await lost(on, "sol"), await lost(on, "btc", "BTC-USDC")]
        await on.sweep.once()
        for record in records:
            assert await settled(on, record)
            assert (await on.known(record.intent.client_order_id or "")).result.status is OrderStatus.PENDING
