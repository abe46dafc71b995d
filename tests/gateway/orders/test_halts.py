"""Halts on the order path: nothing they stop is sent, on any replica, and cancels always pass."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.journal import Entry, Kind
from gateway.orders.halt_cancels import HaltCancels
from gateway.risk.halt import Halt, HaltScope, Mode
from gateway.store import keys
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, client, limit_order, market_order, replica
from tests.gateway.orders.samples import halt
from tests.redis_process import RedisProcess, eventually


@pytest.fixture(autouse=True)
async def watching(one: Replica, other: Replica) -> AsyncIterator[None]:
    """Both replicas keep their copies."""
    tasks = [asyncio.create_task(each.halts.run()) for each in (one, other)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def set_at(on: Replica, what: Halt) -> Any:
    return await on.halts.set(what, {on.venue: [ACCOUNT]})


async def halted(on: Replica, order: Any, who: Any = BOT) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.placing.place(who, order)
    assert (caught.value.code, caught.value.outcome) == (Code.TRADING_HALTED, Outcome.NOT_SENT)
    return caught.value


async def test_a_halt_is_acknowledged_by_all_replicas_and_stops_them_until_it_is_lifted(
    one: Replica, other: Replica, exchange: Exchange
) -> None:
    what = halt()
    acknowledged = await set_at(one, what)
    assert (acknowledged.replicas, acknowledged.missing) == (["a", "b"], [])
    for each in (one, other):
        refusal = await halted(each, limit_order())
        assert refusal.details == {"scope": "global", "name": "", "mode": "no_new", "reason": "drill", "until": None}
    assert exchange.arrivals == []
    assert (await one.halts.lift(what, {one.venue: [ACCOUNT]}, by="officer")).replicas == ["a", "b"]
    assert (await other.placing.place(BOT, limit_order())).is_new


async def test_the_last_gate_needs_no_copy(one: Replica, other: Replica, exchange: Exchange) -> None:
    """An order that was past the early check when the halt came, as on a replica that was paused."""
    order_is_waiting, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        order_is_waiting.set()
        await go.wait()

    exchange.before_begin_send = wait
    task = asyncio.create_task(other.placing.place(BOT, limit_order(cancel_if_unknown=True)))
    await order_is_waiting.wait()
    await set_at(one, halt())
    go.set()
    with pytest.raises(Refusal, match="trading is halted") as caught:
        await task
    assert caught.value.outcome is Outcome.NOT_SENT
    assert exchange.arrivals == []
    assert await one.record() is None


async def test_the_one_step_of_claim_and_leave_needs_no_copy_either(
    one: Replica, orders_redis: RedisProcess, exchange: Exchange
) -> None:
    async with replica(orders_redis.url, exchange, name="blind") as blind:
        await set_at(one, halt())
        await halted(blind, limit_order())
        assert await one.record() is None
        assert exchange.arrivals == []


@pytest.mark.parametrize(
    ("scope", "name"),
    [(HaltScope.ACCOUNT, "main"), (HaltScope.CLIENT, "bot"), (HaltScope.SYMBOL, "SOL-USDC"), (HaltScope.VENUE, "")],
)
async def test_a_halt_concerns_whom_it_names(one: Replica, scope: HaltScope, name: str) -> None:
    await set_at(one, halt(scope, name or one.venue))
    await halted(one, limit_order())
    await set_at(one, halt(scope, "another", id="2"))
    await one.halts.lift(halt(scope, name or one.venue), {one.venue: []}, by="officer")
    assert (await one.placing.place(BOT, limit_order())).is_new


async def test_another_client_is_not_stopped_by_a_clients_halt(one: Replica) -> None:
    await set_at(one, halt(HaltScope.CLIENT, "bot"))
    assert (await one.placing.place(client("other"), limit_order())).is_new


async def test_reduce_only_mode_lets_flattening_pass_and_the_others_do_not(one: Replica) -> None:
    await set_at(one, halt(mode=Mode.REDUCE_ONLY))
    await halted(one, market_order())
    assert (await one.placing.place(BOT, market_order(reduce_only=True))).is_new
    one.halts.check_write(one.venue, ACCOUNT, "bot")
    await set_at(one, halt(mode=Mode.FREEZE, id="2"))
    await halted(one, market_order("two", reduce_only=True))
    with pytest.raises(Refusal, match="only cancels pass"):
        one.halts.check_write(one.venue, ACCOUNT, "bot")


async def test_cancels_pass_and_retries_are_answered_under_a_freeze(one: Replica) -> None:
    placed = await one.placing.place(BOT, limit_order())
    await set_at(one, halt(mode=Mode.FREEZE))
    assert not (await one.placing.place(BOT, limit_order())).is_new
    cancelled = await one.cancelling.cancel(BOT, placed.record.intent.order_id)
    assert cancelled.result.status is OrderStatus.CANCELLED


async def test_a_halt_ends_by_itself(one: Replica) -> None:
    now_ms = (await one.store.time_us()) // 1_000
    await set_at(one, halt(until_ms=now_ms - 1))
    assert (await one.placing.place(BOT, limit_order())).is_new
    assert one.halts.in_force() == []
    await set_at(one, halt(until_ms=now_ms + 60_000, id="2"))
    assert (await halted(one, limit_order("two"))).details is not None


async def test_setting_and_lifting_are_in_the_journal_once_each_however_often_they_are_done(one: Replica) -> None:
    what = halt()
    for _ in range(2):
        await set_at(one, what)
    for _ in range(2):
        await one.halts.lift(what, {one.venue: [ACCOUNT]}, by="chief")
    entries = [
        Entry.read(cursor, dict(zip(fields[::2], fields[1::2], strict=True)))
        for cursor, fields in await one.store.command("XRANGE", keys.journal(one.venue, ACCOUNT), "-", "+")
    ]
    assert [(entry.kind, entry.owner, entry.fields[b"action"], entry.fields[b"by"]) for entry in entries] == [
        (Kind.HALT, "", b"set", b"officer"),
        (Kind.HALT, "", b"lifted", b"chief"),
    ]
    assert msgspec.json.decode(entries[0].fields[b"halt"], type=Halt) == what


async def test_halts_outlive_the_data_of_redis(one: Replica, other: Replica) -> None:
    what = halt()
    await set_at(one, what)
    await one.store.command("DEL", *await one.store.command("KEYS", f"cg:{{{one.venue}}}:halt:*"))

    async def is_back() -> bool:
        return await one.halts.find(what.field) == what

    await eventually(is_back)
    await halted(other, limit_order())


async def test_a_replica_that_does_not_look_any_more_is_missing_and_stopped_all_the_same(
    one: Replica, other: Replica, exchange: Exchange
) -> None:
    await one.halts.look(one.venue)
    await one.store.command("ZADD", keys.halt_replicas(one.venue), 9**15, "paused")
    acknowledged = await set_at(one, halt())
    assert (acknowledged.replicas, acknowledged.missing) == (["a", "b"], ["paused"])


async def test_open_orders_are_cancelled_again_and_again_until_none_rests(one: Replica, exchange: Exchange) -> None:
    for number in range(3):
        await one.placing.place(BOT, limit_order(f"o{number}"))
    await one.placing.place(client("other"), limit_order())
    what = halt(HaltScope.CLIENT, "bot", cancel_open=True)
    cancels = HaltCancels(one.halts, {one.venue: one.records}, one.cancelling)
    exchange.before_cancel = broken = _Broken()
    await set_at(one, what)
    await cancels.begin([one.account])
    assert await one.halts.progress(what) == (0, 3)
    broken.is_mended = True
    await HaltCancels(one.halts, {one.venue: one.records}, one.cancelling).go_on(one.account)  # another's sweep
    assert await one.halts.progress(what) == (3, 0)
    assert [order.status for order in exchange.orders.values()].count(OrderStatus.CANCELLED) == 3
    assert len(exchange.resting()) == 1


async def test_orders_let_in_after_the_halt_are_not_cancelled_by_it(one: Replica, exchange: Exchange) -> None:
    await one.placing.place(BOT, limit_order())
    what = halt(mode=Mode.REDUCE_ONLY, cancel_open=True, set_ms=1)
    await set_at(one, what)
    await HaltCancels(one.halts, {one.venue: one.records}, one.cancelling).begin([one.account])
    assert len(exchange.resting()) == 1


class _Broken:
    """A venue that takes no cancels until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False

    async def __call__(self) -> None:
        if not self.is_mended:
            raise Refusal(Code.VENUE_UNAVAILABLE, "away")
