"""Batches: one call where the budget favours it, and for each order what would have become of it alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from adapters.contract import Call, CallKind, LimitRule, Limits, LimitScope
from adapters.errors import InsufficientBalance, NeverSent, OutcomeUnknown, Unauthorized, VenueError, WouldTake
from adapters.models import OrderStatus, VenueClientId
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.batching import AmendItem, CancelItem, Item, Result
from gateway.orders.cancelling import NotCancellable
from gateway.orders.native import share
from gateway.orders.placing import Placed
from gateway.orders.record import OrderRecord, State
from gateway.orders.terms import Terms
from tests.gateway.orders.exchange import CAPABILITIES, Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, client, limit_order, until
from tests.gateway.orders.samples import halt

BATCHES = replace(CAPABILITIES, place_batch_max=5, cancel_batch_max=5)


@pytest.fixture
def exchange(exchange: Exchange) -> Exchange:
    exchange.capabilities = BATCHES
    return exchange


async def run(on: Replica, items: Sequence[Item], *, is_as_given: bool = False) -> list[Result]:
    return await on.batching.run(BOT, ACCOUNT, items, is_as_given=is_as_given)


def orders(count: int, **changes: Any) -> list[Item]:
    return [limit_order(f"o{number}", **changes) for number in range(count)]


def states(results: Sequence[Result]) -> list[State]:
    assert all(isinstance(one, Placed) for one in results), results
    return [one.record.state for one in results if isinstance(one, Placed)]


async def client_id(on: Replica, client_order_id: str) -> VenueClientId:
    return (await on.known(client_order_id)).intent.venue_client_id


async def test_a_batch_leaves_in_one_call_signed_for_one_time(one: Replica) -> None:
    results = await run(one, orders(3))
    assert states(results) == [State.LIVE] * 3
    assert one.exchange.calls == ["place_many"]
    assert [arrival.request.venue_client_id for arrival in one.exchange.arrivals] == [
        await client_id(one, f"o{number}") for number in range(3)
    ]
    [when] = {arrival.send_time for arrival in one.exchange.arrivals}
    assert {(await one.known(f"o{number}")).send_ms for number in range(3)} == {when.timestamp_ms}


async def test_a_batch_that_is_repeated_places_nothing_twice(one: Replica, other: Replica) -> None:
    first, again = await asyncio.gather(run(one, orders(3)), run(other, orders(3)))
    third = await run(one, [*orders(3), limit_order("new")])
    assert [one_.is_new for one_ in third if isinstance(one_, Placed)] == [False, False, False, True]
    assert states(first) == states(again) == [State.LIVE] * 3
    assert len(one.exchange.orders) == 4


async def test_a_halt_that_comes_while_a_batch_waits_stops_all_of_it(one: Replica) -> None:
    async def halted() -> None:
        await one.halts.set(halt(), {one.venue: []})

    one.exchange.before_begin_send = halted
    results = await run(one, orders(3))
    assert [one_.code for one_ in results if isinstance(one_, Refusal)] == [Code.TRADING_HALTED] * 3
    assert not one.exchange.orders
    assert await one.record("o0") is None


async def test_more_orders_than_one_call_takes_leave_in_several(one: Replica) -> None:
    assert states(await run(one, orders(7))) == [State.LIVE] * 7
    assert one.exchange.calls == ["place_many", "place_many"]


async def test_one_order_is_placed_singly(one: Replica) -> None:
    assert states(await run(one, orders(1))) == [State.LIVE]
    assert one.exchange.calls == []


async def test_each_order_of_a_batch_has_its_own_outcome(one: Replica) -> None:
    venue = one.exchange
    ids: list[VenueClientId] = []

    async def refuse_some() -> None:
        ids.extend(arrival.request.venue_client_id for arrival in venue.arrivals)
        venue.refused[ids[1]] = InsufficientBalance(venue.name, "too little", venue_code="X")
        venue.refused[ids[2]] = WouldTake(venue.name, "it would take")
        venue.mute.add(ids[3])

    venue.on_arrival = refuse_some
    results = await run(one, [*orders(4), limit_order("off", price=limit_order().quantity)])
    assert states(results[:4]) == [State.LIVE, State.DONE, State.DONE, State.UNKNOWN]
    refusals = [one_.record.result.refusal for one_ in results[:4] if isinstance(one_, Placed)]
    assert [None if one_ is None else one_.code for one_ in refusals] == [None, Code.INSUFFICIENT_BALANCE, None, None]
    assert isinstance(results[4], Refusal)
    assert results[4].outcome is Outcome.NOT_SENT


async def test_a_batch_whose_answer_is_lost_leaves_every_order_unknown_and_each_settles(one: Replica) -> None:
    async def lost() -> None:
        raise OutcomeUnknown(one.exchange.name, "no answer")

    one.exchange.before_answer = lost
    assert states(await run(one, orders(3))) == [State.UNKNOWN] * 3
    assert len(one.exchange.orders) == 3
    for number in range(3):
        await one.backdate(await one.known(f"o{number}"), 0)
    await one.sweep.once()
    assert {(await one.known(f"o{number}")).state for number in range(3)} == {State.LIVE}
    assert states(await run(one, orders(3))) == [State.LIVE] * 3
    assert len(one.exchange.orders) == 3


@pytest.mark.parametrize("failure", [NeverSent, Unauthorized])
async def test_a_batch_that_certainly_did_nothing_says_so_of_every_order(
    one: Replica, failure: type[VenueError]
) -> None:
    async def refused() -> None:
        raise failure(one.exchange.name, "no")

    one.exchange.on_arrival = refused
    results = await run(one, orders(2))
    if failure is NeverSent:
        assert [one_.outcome for one_ in results if isinstance(one_, Refusal)] == [Outcome.NOT_SENT] * 2
        one.exchange.on_arrival = _nothing
        assert states(await run(one, orders(2))) == [State.LIVE] * 2
    else:
        assert states(results) == [State.DONE] * 2


async def _nothing() -> None: ...


async def test_what_may_not_leave_any_more_is_left_out_of_the_call(one: Replica, other: Replica) -> None:
    async def one_is_cancelled() -> None:
        await other.cancelling.cancel(BOT, (await one.known("o1")).intent.order_id)

    one.exchange.before_begin_send = one_is_cancelled
    results = await run(one, orders(3))
    assert states(results) == [State.LIVE, State.DONE, State.LIVE]
    assert len(one.exchange.arrivals) == 2
    assert (await one.known("o1")).result.status is OrderStatus.CANCELLED


async def test_an_order_too_old_to_be_sent_frees_its_id_and_holds_up_no_other(one: Replica) -> None:
    soon = one.clock.redis_time_ms() + 150

    async def it_grows_old() -> None:
        await until(lambda: one.clock.redis_time_ms() > soon + 20)

    one.exchange.before_begin_send = it_grows_old
    results = await run(one, [limit_order("old", valid_until_ms=soon), *orders(2)])
    assert isinstance(results[0], Refusal)
    assert (results[0].code, results[0].outcome) == (Code.VALID_UNTIL_PASSED, Outcome.NOT_SENT)
    assert states(results[1:]) == [State.LIVE] * 2
    assert await one.record("old") is None


async def test_cancels_go_first_whatever_their_place_and_results_stay_in_theirs(one: Replica) -> None:
    await run(one, orders(3))
    one.exchange.calls.clear()
    first, second = await one.known("o0"), await one.known("o1")
    results = await run(
        one,
        [
            limit_order("new1"),
            CancelItem(order_id=first.intent.order_id),
            limit_order("new2"),
            CancelItem(client_order_id="o1"),
            CancelItem(client_order_id="nobody"),
        ],
    )
    assert one.exchange.calls == ["cancel_many", "place_many"]
    assert states([results[0], results[2]]) == [State.LIVE] * 2
    for result, record in ((results[1], first), (results[3], second)):
        assert isinstance(result, OrderRecord)
        assert (result.intent.order_id, result.result.status) == (record.intent.order_id, OrderStatus.CANCELLED)
    assert isinstance(results[4], Refusal)
    assert results[4].code is Code.ORDER_NOT_FOUND


async def test_as_given_nothing_overtakes_what_stands_before_it(one: Replica) -> None:
    results = await run(
        one,
        [limit_order("a"), limit_order("b"), CancelItem(client_order_id="a"), limit_order("c")],
        is_as_given=True,
    )
    assert states([*results[:2], results[3]]) == [State.LIVE] * 3
    assert isinstance(results[2], OrderRecord)
    assert results[2].result.status is OrderStatus.CANCELLED
    assert one.exchange.calls == ["place_many"]


async def test_foreign_orders_are_not_there_for_a_batch(one: Replica) -> None:
    await run(one, orders(1))
    theirs = await one.known("o0")
    results = await one.batching.run(
        client("stranger"),
        ACCOUNT,
        [CancelItem(order_id=theirs.intent.order_id), AmendItem(theirs.intent.order_id, Terms(quantity=None))],
        is_as_given=False,
    )
    assert [one_.code for one_ in results if isinstance(one_, Refusal)] == [Code.ORDER_NOT_FOUND] * 2
    assert one.exchange.cancels == 0


async def test_a_cancel_of_an_order_that_ended_says_how(one: Replica) -> None:
    await run(one, orders(2))
    one.exchange.change(await client_id(one, "o0"), status=OrderStatus.FILLED, filled_quantity=limit_order().quantity)
    results = await run(one, [CancelItem(client_order_id="o0"), CancelItem(client_order_id="o1")])
    assert isinstance(results[0], NotCancellable)
    assert results[0].record.result.status is OrderStatus.FILLED
    assert isinstance(results[1], OrderRecord)
    assert results[1].result.status is OrderStatus.CANCELLED


@pytest.mark.parametrize(
    ("count", "is_cheaper"), [(2, False), (3, False), (4, True), (20, True)], ids=["2", "3", "4", "20"]
)
def test_the_tightest_rule_decides_whether_one_call_is_cheaper(count: int, is_cheaper: bool) -> None:
    limits = Limits(
        (
            LimitRule("trade", LimitScope.IP, 30, 60_000),
            LimitRule("batch", LimitScope.IP, 10, 60_000),
            LimitRule("wide", LimitScope.ACCOUNT, 120, 60_000),
        ),
        {"trade": (("trade", 1), ("wide", 1)), "batch": (("batch", 1), ("wide", 1)), "free": ()},
    )
    single, batch = (Call(name, CallKind.ORDER, name) for name in ("trade", "batch"))
    assert (share(limits, batch, 1) < share(limits, single, count)) is is_cheaper
    assert share(limits, Call("free", CallKind.ORDER, "free"), 5) == Fraction(0)
