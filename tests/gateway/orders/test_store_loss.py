"""A store that lost what it knew: nothing goes out until the venue was looked through, and no id is sent twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from adapters.errors import NoAnswer
from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.journal import CursorExpired, Journals
from gateway.limiter import LimiterSettings
from gateway.orders.new_order import NewOrder
from gateway.orders.placing import Placed
from gateway.orders.record import State
from gateway.store import keys
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, QUICK, Replica, limit_order, market_order, replica, until
from tests.redis_process import RedisProcess, eventually


async def forget(on: Replica, what: str = "*") -> None:
    """The store loses everything of this venue's orders and journals, as by FLUSHALL."""
    names = await on.store.command("KEYS", f"cg:{{{on.venue}}}:{what}")
    kept = [name for name in names if b":limit:" not in name]
    await on.store.command("DEL", *kept)


async def refused(on: Replica, client_order_id: str = "one") -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.placing.place(BOT, limit_order(client_order_id))
    return caught.value


async def look(on: Replica) -> None:
    """Look at the venue, as soon as it is time."""

    async def done() -> bool:
        return await on.look.make(await on.records.readiness.see(ACCOUNT))

    await eventually(done)


async def test_a_new_account_takes_no_orders_before_its_venue_was_looked_at(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    async with replica(orders_redis.url, exchange, is_ready=False) as on:
        await on.records.readiness.see(ACCOUNT)
        refusal = await refused(on)
        assert (refusal.code, refusal.outcome) == (Code.ACCOUNT_NOT_READY, Outcome.NOT_SENT)
        await look(on)
        assert (await on.placing.place(BOT, limit_order())).is_new


async def test_after_a_loss_nothing_goes_out_before_what_was_sent_must_show(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    await forget(one)
    one.exchange.reads.clear()
    seen = await one.records.readiness.see(ACCOUNT)
    assert not await one.look.make(seen)
    assert one.exchange.reads == []
    assert (await refused(one, "two")).code is Code.ACCOUNT_NOT_READY
    due = replace(seen, now_ms=seen.lost_ms + QUICK.window_ms + QUICK.clock_error_ms + QUICK.history_lag_ms)
    assert await one.look.make(due)
    assert one.exchange.reads == ["resting", "history", "fills"]
    assert (await one.placing.place(BOT, limit_order("two"))).is_new


async def test_after_a_loss_nobody_is_told_that_an_order_was_not_sent(one: Replica) -> None:
    """Not even one that could not be sent now: it may have been."""
    await one.placing.place(BOT, limit_order())
    soon_ms = one.exchange.now_ms + 150
    await one.placing.place(BOT, limit_order("soon", valid_until_ms=soon_ms))
    await until(lambda: one.exchange.now_ms > soon_ms)
    await forget(one)
    for order in (limit_order(), limit_order("soon", valid_until_ms=soon_ms)):
        with pytest.raises(Refusal) as caught:
            await one.placing.place(BOT, order)
        assert (caught.value.code, caught.value.outcome) == (Code.ACCOUNT_NOT_READY, Outcome.UNKNOWN)
    await look(one)
    for order in (limit_order(), limit_order("soon", valid_until_ms=soon_ms)):
        assert not (await one.placing.place(BOT, order)).is_new


async def test_a_bot_that_repeats_all_its_ids_after_a_loss_places_nothing_twice(one: Replica) -> None:
    orders = [limit_order("rests"), market_order("filled"), limit_order("cancelled")]
    before = [(await one.placing.place(BOT, order)).record for order in orders]
    await one.cancelling.cancel(BOT, before[2].intent.order_id)
    await forget(one)
    await look(one)
    again = [await one.placing.place(BOT, order) for order in orders]
    assert len(one.exchange.arrivals) == 3
    assert [placed.is_new for placed in again] == [False] * 3
    assert [placed.record.result.status for placed in again] == [
        OrderStatus.PENDING,
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
    ]
    assert [placed.record.intent for placed in again] == [
        replace(record.intent, valid_until_ms=placed.record.intent.valid_until_ms)
        for record, placed in zip(before, again, strict=True)
    ]


async def test_what_only_its_trades_show_is_not_placed_again(one: Replica) -> None:
    await one.placing.place(BOT, market_order())
    await forget(one)
    one.exchange.hidden = {"history"}
    await look(one)
    placed = await one.placing.place(BOT, market_order())
    assert (placed.is_new, placed.record.result.status) == (False, OrderStatus.FILLED)
    assert len(one.exchange.arrivals) == 1


async def test_other_content_under_an_id_seen_at_the_venue_is_a_conflict(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    await forget(one)
    await look(one)
    with pytest.raises(Refusal) as caught:
        await one.placing.place(BOT, limit_order(price=Decimal(101)))
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
    assert len(one.exchange.arrivals) == 1


async def test_an_adopted_order_is_an_order_like_any_other(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    await forget(one)
    await look(one)
    adopted = (await one.placing.place(BOT, limit_order())).record
    assert (adopted.intent.order_id, adopted.state) == (record.intent.order_id, State.LIVE)
    assert (await one.placing.place(BOT, limit_order())).record.intent.order_id == record.intent.order_id
    cancelled = await one.cancelling.cancel(BOT, record.intent.order_id)
    assert cancelled.result.status is OrderStatus.CANCELLED
    assert (await one.placing.place(BOT, limit_order())).record.result.status is OrderStatus.CANCELLED
    assert len(one.exchange.arrivals) == 1


async def test_what_was_seen_is_found_by_both_ids_and_absence_is_verified_by_the_look_alone(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record

    async def absence() -> object:
        with pytest.raises(Refusal) as caught:
            await one.finding.by_client_order_id(BOT, ACCOUNT, "never")
        return caught.value.details

    assert await absence() == {"absence_verified": True}
    await forget(one)
    assert await absence() == {"absence_verified": False}
    await look(one)
    assert await absence() == {"absence_verified": True}
    named = await one.finding.by_client_order_id(BOT, ACCOUNT, "one")
    found, _ = await one.finding.get(BOT, record.intent.order_id)
    assert named.intent.order_id == found.intent.order_id == record.intent.order_id
    assert (named.intent.client_order_id, named.result.status) == ("one", OrderStatus.PENDING)


async def test_an_order_on_its_way_when_the_store_is_lost_is_found_by_the_look(one: Replica, other: Replica) -> None:
    async def lose_everything() -> None:
        await forget(one)

    one.exchange.before_first_byte = lose_everything
    first = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await first
    assert (await refused(other)).code is Code.ACCOUNT_NOT_READY
    await look(other)
    assert not (await other.placing.place(BOT, limit_order())).is_new
    assert len(one.exchange.arrivals) == 1


@pytest.mark.usefixtures("the_long_way")
async def test_a_claim_whose_store_is_lost_before_its_send_is_not_sent(one: Replica) -> None:
    async def lose_everything() -> None:
        await forget(one)

    one.exchange.before_begin_send = lose_everything
    assert (await refused(one)).outcome is Outcome.NOT_SENT
    assert one.exchange.arrivals == []


async def test_a_store_that_has_less_than_a_replica_remembers_counts_as_lost(one: Replica, other: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    name = keys.readiness(one.venue, ACCOUNT)
    old = await one.store.command("HGETALL", name)
    await one.placing.place(BOT, limit_order("two"))
    await one.store.command("HSET", name, *[part for field in old.items() for part in field])
    assert (await refused(one, "three")).code is Code.ACCOUNT_NOT_READY
    assert (await refused(other, "three")).code is Code.ACCOUNT_NOT_READY  # which had not seen the second order
    assert (await other.records.readiness.see(ACCOUNT)).lost_ms > 0


async def test_what_a_lagging_copy_shows_as_claimed_is_not_taken_for_unsent(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    name = keys.order(one.venue, record.intent.order_id)
    await one.store.command("HSET", name, "state", "claimed", "version", 1)
    await one.abandon(record)
    await one.sweep.once(lost_ms=record.created_ms + 1_000)
    found = await one.known()
    assert found.state is not State.NOT_SENT
    await one.store.command("ZADD", keys.pending_orders(one.venue, ACCOUNT), 1, record.intent.order_id)
    await one.sweep.once()
    assert (await one.known()).state is State.LIVE


async def test_a_look_that_fails_makes_nothing_ready(orders_redis: RedisProcess, exchange: Exchange) -> None:
    async def fail(source: str) -> None:
        if source == "resting":
            raise NoAnswer(exchange.name, "maintenance")

    async with replica(orders_redis.url, exchange, is_ready=False) as on:
        exchange.on_read = fail
        with pytest.raises(NoAnswer):
            await on.look.make(await on.records.readiness.see(ACCOUNT))
        assert (await refused(on)).code is Code.ACCOUNT_NOT_READY


async def test_a_cursor_from_before_a_loss_has_expired(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    [(cursor, _)] = await one.store.command("XREVRANGE", keys.journal(one.venue, ACCOUNT), "+", "-", "COUNT", 1)
    journals = Journals(one.store)
    follower, _ = await journals.follow(one.venue, ACCOUNT, cursor.decode(), lambda _: None)
    journals.leave(follower)
    await forget(one)
    await one.records.readiness.see(ACCOUNT)
    with pytest.raises(CursorExpired):
        await journals.follow(one.venue, ACCOUNT, cursor.decode(), lambda _: None)


@pytest.fixture
def pair() -> Iterator[tuple[RedisProcess, RedisProcess]]:
    """A primary, and a standby that copies it."""
    with RedisProcess(tcp=True) as primary, RedisProcess(tcp=True) as standby:
        port = primary.url.split(":")[2].partition("/")[0]
        with redis.Redis.from_url(standby.url) as client:
            client.config_set("repl-diskless-load", "swapdb")
            client.replicaof("127.0.0.1", port)
        with redis.Redis.from_url(primary.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        yield primary, standby


async def test_a_promoted_copy_counts_as_lost_whoever_asks(
    pair: tuple[RedisProcess, RedisProcess], exchange: Exchange
) -> None:
    primary, standby = pair
    async with replica(primary.url, exchange) as before:
        await before.placing.place(BOT, limit_order())
        with redis.Redis.from_url(standby.url) as client:

            async def is_copied() -> bool:
                return bool(client.exists(keys.readiness(exchange.name, ACCOUNT)))

            await eventually(is_copied)
            client.replicaof("NO", "ONE")
    async with replica(standby.url, exchange, is_ready=False) as after:  # remembers nothing
        assert (await refused(after, "two")).code is Code.ACCOUNT_NOT_READY
        await look(after)
        assert not (await after.placing.place(BOT, limit_order())).is_new
        assert len(exchange.arrivals) == 1


BRISK = LimiterSettings(assume_unspent=True, hard_timeout_s=0.4, grant_life_s=0.3)


@asynccontextmanager
async def tended(redis_url: str, exchange: Exchange, name: str = "a") -> AsyncIterator[Replica]:
    """A replica as it is in service: everything it does by itself goes on.

    The limiter takes what it forgot for spent, so the venue's periods are short, and so is what a call may take.
    """
    exchange.period_ms = 200
    async with replica(redis_url, exchange, is_ready=False, name=name, limiter_settings=BRISK) as on:
        task = asyncio.create_task(on.sweeps.run())
        try:
            yield on
        finally:
            task.cancel()
            await asyncio.wait([task])


async def told(on: Replica, *orders: NewOrder) -> list[Placed]:
    """What is answered in the end to who repeats these until they are taken."""

    async def answer(order: NewOrder) -> Placed:
        async with asyncio.timeout(10):
            while True:
                with suppress(Refusal):
                    return await on.placing.place(BOT, order)
                await asyncio.sleep(0.02)

    return [await answer(order) for order in orders]


RESTING, FILLED, LATER = limit_order("rests"), market_order("filled"), limit_order("later", price=Decimal(99))


async def check_nothing_is_sent_twice(on: Replica, *orders: NewOrder) -> None:
    again = await told(on, *orders)
    assert [placed.is_new for placed in again] == [False] * len(orders)
    assert len(on.exchange.arrivals) == len(orders)
    resting = [placed.record for placed in again if placed.record.state is State.LIVE]
    for record in resting:
        cancelled = await on.cancelling.cancel(BOT, record.intent.order_id)
        assert cancelled.result.status is OrderStatus.CANCELLED
    assert on.exchange.resting() == []
    assert (await on.placing.place(BOT, limit_order("new"))).is_new


async def test_after_redis_was_emptied_resting_orders_are_adopted_and_nothing_is_sent_twice(
    tmp_path: Path, exchange: Exchange
) -> None:
    with RedisProcess(data_dir=tmp_path) as own:
        async with tended(own.url, exchange) as on, tended(own.url, exchange, "b") as other:
            *_, later = await told(on, RESTING, FILLED, LATER)
            await other.store.command("FLUSHALL")
            cancelled = await other.cancelling.cancel(BOT, later.record.intent.order_id)  # which needs no store
            assert cancelled.result.status is OrderStatus.CANCELLED
            await check_nothing_is_sent_twice(other, RESTING, FILLED, LATER)


@pytest.mark.parametrize("remembers", [True, False], ids=["remembered", "forgotten"])
async def test_after_an_older_copy_was_restored_nothing_is_sent_twice(
    tmp_path: Path, exchange: Exchange, remembers: bool
) -> None:
    """Also where every replica was started anew, and only the copy says what there was."""
    kept, copy = tmp_path / "data", tmp_path / "copy"
    kept.mkdir()
    with RedisProcess(data_dir=kept) as own:
        async with AsyncExitStack() as stack:
            on = await stack.enter_async_context(tended(own.url, exchange))
            await told(on, RESTING)
            shutil.copytree(kept / "appendonlydir", copy)
            await told(on, FILLED, LATER)
            if not remembers:
                await stack.aclose()
            own.kill()
            shutil.rmtree(kept / "appendonlydir")
            shutil.copytree(copy, kept / "appendonlydir")
            own.start()
            if not remembers:
                on = await stack.enter_async_context(tended(own.url, exchange))
            await check_nothing_is_sent_twice(on, RESTING, FILLED, LATER)


async def test_a_restart_that_lost_nothing_holds_nobody_up(tmp_path: Path, exchange: Exchange) -> None:
    with RedisProcess(data_dir=tmp_path) as own:
        async with tended(own.url, exchange) as on:
            await told(on, RESTING)
            before = await on.records.readiness.see(ACCOUNT)
            own.kill()
            own.start()
            [placed] = await told(on, limit_order("next"))
            assert placed.is_new
            assert (await on.records.readiness.see(ACCOUNT)).epoch == before.epoch
        async with tended(own.url, exchange, "b") as fresh:
            assert (await fresh.records.readiness.see(ACCOUNT)).epoch == before.epoch
