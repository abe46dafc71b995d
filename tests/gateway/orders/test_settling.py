"""Settling unknown orders: by what the venue shows, or by proof of absence, never before its time."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.errors import NoAnswer, OutcomeUnknown
from adapters.models import OrderStatus
from gateway.journal import Entry, Kind
from gateway.orders import lifecycle
from gateway.orders.journaling import decode_step
from gateway.orders.lifecycle import NOT_PLACED
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store
from tests.gateway.orders.exchange import Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, QUICK, Replica, limit_order, market_order, replica
from tests.gateway.orders.samples import FILL
from tests.redis_process import RedisProcess

LONG_AGO_MS = 60_000


async def lost_before_arrival(one: Replica) -> OrderRecord:
    async def lose() -> None:
        raise OutcomeUnknown(one.venue, "no answer")

    one.exchange.on_arrival = lose
    return await _unknown(one)


async def lost_on_its_way_back(one: Replica, *, is_market: bool = False) -> OrderRecord:
    async def lose() -> None:
        raise OutcomeUnknown(one.venue, "no answer")

    one.exchange.before_answer = lose
    return await _unknown(one, is_market=is_market)


async def _unknown(one: Replica, *, is_market: bool = False) -> OrderRecord:
    record = (await one.placing.place(BOT, market_order() if is_market else limit_order())).record
    assert record.state is State.UNKNOWN
    return record


async def look(one: Replica) -> OrderRecord:
    [record] = await one.settling.look_up(one.account, [await one.known()], one.throttle())
    return record


async def look_until_done(one: Replica) -> OrderRecord:
    record = await one.known()
    async with asyncio.timeout(8):
        while record.state is State.UNKNOWN:
            record = await look(one)
            await asyncio.sleep(0.02)
    return record


async def test_an_order_that_rests_is_found(one: Replica) -> None:
    await lost_on_its_way_back(one)
    record = await look(one)
    assert (record.state, record.result.status, record.result.evidence) == (
        State.LIVE,
        OrderStatus.PENDING,
        "open orders",
    )
    kept = await one.known()
    assert kept == replace(record, updated_ms=kept.updated_ms)


async def test_an_order_that_filled_is_found_in_the_history(one: Replica) -> None:
    await lost_on_its_way_back(one, is_market=True)
    record = await look(one)
    assert (record.state, record.result.status, record.result.evidence) == (
        State.DONE,
        OrderStatus.FILLED,
        "order history",
    )


async def test_fills_alone_say_that_it_exists_and_not_how_it_ended(one: Replica) -> None:
    record = await lost_on_its_way_back(one, is_market=True)
    one.exchange.hidden |= {"resting", "history"}
    await one.backdate(record, LONG_AGO_MS)
    for _ in range(3):
        assert (await look(one)).state is State.UNKNOWN
    assert (await one.known()).result.absent_since_ms is None


async def test_absence_is_proved_after_the_window_and_the_margins_and_by_two_rounds(one: Replica) -> None:
    record = await lost_before_arrival(one)
    assert record.send_ms is not None
    settled = await look_until_done(one)
    assert (settled.result.status, settled.result.reason) == (OrderStatus.REJECTED, NOT_PLACED)
    first_ms = settled.result.absent_since_ms
    assert first_ms is not None
    assert first_ms > record.send_ms + QUICK.window_ms + QUICK.clock_error_ms + QUICK.history_lag_ms
    assert one.exchange.now_ms >= first_ms + 1_000
    again = await one.placing.place(BOT, limit_order())
    assert (again.is_new, again.record.result.reason) == (False, NOT_PLACED)
    assert len(one.exchange.arrivals) == 1


async def test_a_venue_whose_clock_differs_is_judged_in_its_own_time(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    """A venue a minute behind: by our clock the window has passed, by its own it has not."""
    exchange.clock_ahead_ms = -60_000
    async with replica(orders_redis.url, exchange) as on:
        record = await lost_before_arrival(on)
        assert record.send_ms is not None
        assert abs(record.send_ms - exchange.now_ms) < 1_000
        assert on.settling.settles_by_ms(record) > exchange.now_ms
        assert (await look(on)).result.absent_since_ms is None


async def test_an_order_that_rested_until_just_now_is_not_absent_while_the_histories_lag(
    orders_redis: RedisProcess, exchange: Exchange
) -> None:
    slow = OrderSettings.model_construct(**(QUICK.model_dump() | {"history_lag_ms": 1_500}))
    async with replica(orders_redis.url, exchange, settings=slow) as on:
        record = await lost_on_its_way_back(on)
        await on.backdate(record, LONG_AGO_MS)
        exchange.change(
            record.intent.venue_client_id,
            status=OrderStatus.FILLED,
            filled_quantity=Decimal(1),
        )
        exchange.hidden |= {"history", "fills"}
        shows_ms = exchange.now_ms + slow.history_lag_ms

        async def show_when_it_must(_source: str) -> None:
            if exchange.now_ms >= shows_ms:
                exchange.hidden.clear()

        exchange.on_read = show_when_it_must
        assert (await look_until_done(on)).result.status is OrderStatus.FILLED


async def test_slow_answers_do_not_shorten_the_proof(one: Replica) -> None:
    """What ends while the first round is under way is looked for a whole lag after that round."""
    record = await lost_before_arrival(one)
    await one.backdate(record, LONG_AGO_MS)

    async def slowly(source: str) -> None:
        if source == "resting":
            await asyncio.sleep(0.4)

    one.exchange.on_read = slowly
    asked_ms = one.exchange.now_ms
    first = (await look(one)).result.absent_since_ms
    assert first is not None
    assert first >= asked_ms + 390


@pytest.mark.parametrize("source", ["resting", "history", "fills"])
async def test_a_source_that_does_not_answer_proves_nothing(one: Replica, source: str) -> None:
    record = await lost_before_arrival(one)
    await one.backdate(record, LONG_AGO_MS)

    async def fail(asked: str) -> None:
        if asked == source:
            raise NoAnswer(one.venue, "no answer")

    one.exchange.on_read = fail
    with pytest.raises(NoAnswer):
        await look(one)
    assert (await one.known()).result.absent_since_ms is None


async def test_a_replica_that_does_not_know_the_venues_clock_proves_no_absence(
    one: Replica, orders_redis: RedisProcess
) -> None:
    record = await lost_before_arrival(one)
    await one.backdate(record, LONG_AGO_MS)
    async with replica(orders_redis.url, one.exchange, is_clock_measured=False) as blind:
        assert (await look(blind)).result.absent_since_ms is None


async def test_a_replica_that_does_not_know_the_venues_clock_still_finds_what_shows(
    one: Replica, orders_redis: RedisProcess
) -> None:
    await lost_on_its_way_back(one)
    async with replica(orders_redis.url, one.exchange, is_clock_measured=False) as blind:
        assert (await look(blind)).state is State.LIVE


async def test_many_replicas_settle_an_order_once(one: Replica, other: Replica) -> None:
    await lost_on_its_way_back(one, is_market=True)
    settled = await asyncio.gather(*(look(on) for on in (one, other) for _ in range(5)))
    assert {record.result.status for record in settled} == {OrderStatus.FILLED}
    record = await one.known()
    assert record.version == min(each.version for each in settled)


async def test_what_is_known_is_answered_though_it_cannot_be_written(one: Replica) -> None:
    record = await lost_on_its_way_back(one)
    async with Store.open("unix:///nonexistent/redis.sock", timeout_s=0.1) as away:
        settling = _on(away, one)
        shown = one.exchange.resting()[0]
        settled = await settling.seen(record, shown, "open orders")
    assert settled.state is State.LIVE
    assert (await one.known()).state is State.UNKNOWN


def _on(store: Store, one: Replica) -> Settling:
    return Settling(
        records={one.venue: Records(store, one.venue)},
        markets=one.markets,
        clocks={one.venue: one.clock},
        settings=QUICK,
    )


async def test_a_step_goes_over_what_others_wrote_meanwhile(one: Replica, other: Replica) -> None:
    record = await lost_on_its_way_back(one)
    await look(other)
    assert (await one.known()).version > record.version
    cancelled = await one.settling.take(record, lambda current: lifecycle.cancel_taken(current, now_ms=5))
    assert (cancelled.state, cancelled.result.cancel_ms) == (State.LIVE, 5)
    assert await one.known() == replace(cancelled, updated_ms=(await one.known()).updated_ms)


async def test_a_record_that_is_gone_is_not_made_again(one: Replica) -> None:
    record = await lost_before_arrival(one)
    await one.store.command("DEL", keys.order(one.venue, record.intent.order_id))
    await one.settling.take(record, lambda current: lifecycle.cancel_taken(current, now_ms=5))
    assert await one.records.get(record.intent.order_id) is None


async def test_every_trade_is_charged_once_whoever_tells_it_how_often(one: Replica, other: Replica) -> None:
    """Two replicas hear of the same trades, from two sources, while a third party writes the record."""
    record = (await one.placing.place(BOT, limit_order())).record
    fills = [replace(FILL, trade_id=str(number), fee=Decimal(f"0.{number:018}")) for number in range(1, 9)]
    told = [on.settling.filled(record, fill) for fill in fills for on in (one, other, one)]
    written = [one.settling.take(record, lambda it: lifecycle.cancel_taken(it, now_ms=5)), look(other)]
    await asyncio.gather(*told, *written)
    known = await one.known()
    assert known.result.fee == ("USDC", Decimal("0.000000000000000036"))
    assert known.result.cancel_ms == 5
    journal = await one.store.command("XRANGE", keys.journal(one.venue, ACCOUNT), "-", "+")
    entries = [Entry.read(cursor, dict(zip(fields[::2], fields[1::2], strict=True))) for cursor, fields in journal]
    assert sum(entry.kind == Kind.FILL for entry in entries) == len(fills)
    steps = [decode_step(entry) for entry in entries if entry.kind == Kind.ORDER]
    assert [step.version for step in steps] == list(range(steps[0].version, known.version + 1))
    assert steps[-1].result == known.result
