"""Orphans: orders at the venue that no record knows are told of, once, and adopted where that is wanted."""

from dataclasses import replace

import pytest

from adapters.models import OrderStatus, VenueOrderId
from gateway.accounts import Account
from gateway.orders import metrics
from gateway.orders.identity import Identities
from gateway.orders.orphans import OURSELVES, Orphans
from gateway.orders.record import State
from gateway.settings import AccountAccess, OrphanPolicy
from gateway.store import keys
from tests.gateway.orders.replica import ACCOUNT, BOT, KEY, Replica, client, limit_order


def orphans(on: Replica, policy: OrphanPolicy = OrphanPolicy.REPORT) -> Orphans:
    account: Account = replace(on.account, orphans=policy)
    return Orphans(account, on.records, on.settling, Identities(KEY))


async def lose_record(on: Replica) -> str:
    """An order that rests at the venue, of which nothing is left here; answers with its id."""
    order_id = (await on.placing.place(BOT, limit_order())).record.intent.order_id
    for name in await on.store.command("KEYS", f"cg:{{{on.venue}}}:order:*"):
        if b":readiness:" not in name:
            await on.store.command("DEL", name)
    return order_id


async def told(on: Replica) -> int:
    entries = await on.store.command("XRANGE", keys.journal(on.venue, ACCOUNT), "-", "+")
    return [dict(zip(fields[::2], fields[1::2], strict=True))[b"kind"] for _, fields in entries].count(b"orphan")


async def test_an_order_without_a_record_is_told_of_once(one: Replica) -> None:
    await lose_record(one)
    await one.placing.place(BOT, limit_order("known"))
    for _ in range(2):
        await orphans(one).compare()
    [orphan] = await one.records.orphans(ACCOUNT)
    assert orphan == next(iter(one.exchange.orders.values()))
    assert await told(one) == 1


async def test_what_no_longer_rests_is_no_orphan(one: Replica) -> None:
    await lose_record(one)
    await orphans(one).compare()
    [order] = one.exchange.orders.values()
    assert order.venue_client_id is not None
    one.exchange.change(order.venue_client_id, status=OrderStatus.CANCELLED)
    await orphans(one).compare()
    assert await one.records.orphans(ACCOUNT) == []


async def test_what_rests_long_after_its_record_says_it_ended_is_told_of(one: Replica) -> None:
    order_id = (await one.placing.place(BOT, limit_order())).record.intent.order_id
    await one.cancelling.cancel(BOT, order_id)
    [order] = one.exchange.orders.values()
    assert order.venue_client_id is not None
    one.exchange.change(order.venue_client_id, status=OrderStatus.PENDING)
    await orphans(one).compare()
    assert await one.records.orphans(ACCOUNT) == []  # the venue's answer may be older than the end
    await one.store.command("HINCRBY", keys.order(one.venue, order_id), "updated_ms", -120_000)
    await orphans(one).compare()
    assert len(await one.records.orphans(ACCOUNT)) == 1


async def duplicates(on: Replica) -> float:
    await orphans(on).compare()
    told: float = metrics.DUPLICATES.labels(ACCOUNT)._value.get()
    return told


async def test_two_orders_under_one_client_id_are_told_of(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    [order] = one.exchange.orders.values()
    one.exchange.orders[VenueOrderId("again")] = replace(order, venue_order_id=VenueOrderId("again"))
    assert await duplicates(one) == 1


@pytest.mark.parametrize("trigger", [OrderStatus.PENDING, OrderStatus.CANCELLED])
async def test_what_comes_of_a_trigger_that_fired_is_no_duplicate(one: Replica, trigger: OrderStatus) -> None:
    await one.placing.place(BOT, limit_order())
    [order] = one.exchange.orders.values()
    for fired in ("part", "rest"):
        one.exchange.orders[VenueOrderId(fired)] = replace(
            order, venue_order_id=VenueOrderId(fired), related_order_id=order.venue_order_id
        )
    one.exchange.orders[order.venue_order_id] = replace(order, status=trigger)
    assert await duplicates(one) == 0
    assert await one.records.orphans(ACCOUNT) == []


async def test_where_they_are_ignored_the_venue_is_not_asked(one: Replica) -> None:
    await lose_record(one)
    one.exchange.reads.clear()
    await orphans(one, OrphanPolicy.IGNORE).compare()
    assert one.exchange.reads == []


async def test_an_adopted_orphan_can_be_cancelled_by_who_sees_the_account(one: Replica) -> None:
    await lose_record(one)
    await orphans(one, OrphanPolicy.ADOPT).compare()
    whole = client("head", access=AccountAccess.ACCOUNT)
    [record] = (await one.finding.list(whole, ACCOUNT, lambda _: True)).records
    assert (record.intent.owner, record.state) == (OURSELVES, State.LIVE)
    assert (await one.finding.list(BOT, ACCOUNT, lambda _: True)).records == []
    await orphans(one, OrphanPolicy.ADOPT).compare()
    assert await one.records.orphans(ACCOUNT) == []
    assert (await one.cancelling.cancel(whole, record.intent.order_id)).result.status is OrderStatus.CANCELLED


async def test_an_adopted_orphan_goes_to_the_client_that_names_it(one: Replica) -> None:
    order_id = await lose_record(one)
    await orphans(one, OrphanPolicy.ADOPT).compare()
    placed = await one.placing.place(BOT, limit_order())
    assert (placed.is_new, placed.record.intent.order_id, placed.record.state) == (False, order_id, State.LIVE)
    assert [record.intent.owner for record in (await one.finding.list(BOT, ACCOUNT, lambda _: True)).records] == ["bot"]
    assert len(one.exchange.arrivals) == 1


async def test_an_adopted_orphan_that_ended_and_shrank_still_stands_for_its_id(one: Replica) -> None:
    await lose_record(one)
    await orphans(one, OrphanPolicy.ADOPT).compare()
    whole = client("head", access=AccountAccess.ACCOUNT)
    [record] = (await one.finding.list(whole, ACCOUNT, lambda _: True)).records
    await one.cancelling.cancel(whole, record.intent.order_id)
    day_ms = 86_400_000
    assert await one.records.shrink(ACCOUNT, await one.store.time_us() // 1_000 + day_ms) == 1
    placed = await one.placing.place(BOT, limit_order())
    assert (placed.is_new, placed.record.result.status) == (False, OrderStatus.CANCELLED)
    assert len(one.exchange.arrivals) == 1
