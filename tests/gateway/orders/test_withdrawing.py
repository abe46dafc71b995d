"""Orders that shall end do, wherever they are when that is decided; others are left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import NoAnswer, OutcomeUnknown
from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.record import OrderRecord, Result, State
from gateway.orders.withdrawing import Move, When, next_move
from gateway.store import keys
from tests.gateway.orders.exchange import nothing
from tests.gateway.orders.replica import BOT, Replica, limit_order, until
from tests.gateway.orders.samples import INTENT
from tests.redis_process import eventually

OPEN = {State.CLAIMED, State.SENT, State.UNKNOWN, State.LIVE}
AT_MS, LATER_MS = 1_000, 2_000


def in_state(state: State, *, was_unknown: bool = False, created_ms: int = AT_MS, flag: bool = True) -> OrderRecord:
    intent = replace(INTENT, cancel_if_unknown=flag)
    return OrderRecord(intent, state, 1, created_ms, created_ms, Result(unknown_since_ms=1 if was_unknown else None))


def move_of(record: OrderRecord | None, when: When, now_ms: int = LATER_MS) -> Move:
    return next_move(record, when, AT_MS, now_ms=now_ms)


@pytest.mark.parametrize(
    ("state", "was_unknown", "always", "if_unknown"),
    [
        (State.CLAIMED, False, Move.RELEASE, Move.WAIT),
        (State.SENT, False, Move.CANCEL, Move.WAIT),
        (State.UNKNOWN, True, Move.CANCEL, Move.CANCEL),
        (State.LIVE, False, Move.CANCEL, Move.NOTHING),
        (State.LIVE, True, Move.CANCEL, Move.CANCEL),
        (State.DONE, True, Move.NOTHING, Move.NOTHING),
    ],
)
def test_what_is_done_follows_from_how_far_the_order_got(
    state: State, always: Move, if_unknown: Move, *, was_unknown: bool
) -> None:
    record = in_state(state, was_unknown=was_unknown)
    assert (move_of(record, When.ALWAYS), move_of(record, When.UNKNOWN)) == (always, if_unknown)


@given(st.sampled_from(sorted(OPEN)), st.booleans())
def test_no_order_that_has_not_ended_is_given_up(state: State, was_unknown: bool) -> None:
    assert move_of(in_state(state, was_unknown=was_unknown), When.ALWAYS) is not Move.NOTHING


@given(st.sampled_from(sorted(State)), st.booleans())
def test_another_order_under_an_id_that_was_freed_is_left_alone(state: State, was_unknown: bool) -> None:
    assert move_of(in_state(state, was_unknown=was_unknown, created_ms=AT_MS + 1), When.ALWAYS) is Move.NOTHING
    assert move_of(in_state(state, was_unknown=was_unknown, flag=False), When.UNKNOWN) is Move.NOTHING


def test_an_order_that_may_still_be_sent_is_waited_for() -> None:
    assert move_of(None, When.UNKNOWN, now_ms=AT_MS) is Move.WAIT
    assert move_of(None, When.UNKNOWN, now_ms=AT_MS + 1) is Move.NOTHING
    assert move_of(None, When.ALWAYS, now_ms=AT_MS) is Move.NOTHING


@asynccontextmanager
async def withdrawing(on: Replica) -> AsyncIterator[None]:
    task = asyncio.create_task(on.withdrawing.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def withdraw(on: Replica, record: OrderRecord) -> None:
    await on.withdrawing.withdraw(on.venue, [record.intent.order_id], at_ms=record.created_ms)


async def left(on: Replica) -> int:
    waiting: int = await on.store.command("ZCARD", keys.withdrawals(on.venue))
    return waiting


async def nothing_is_left(on: Replica) -> None:
    async def is_so() -> bool:
        return await left(on) == 0

    await eventually(is_so)


def losing_answers(on: Replica) -> None:
    async def lose() -> None:
        raise OutcomeUnknown(on.venue, "no answer")

    on.exchange.before_answer = lose


async def test_an_order_at_rest_is_cancelled_though_the_venue_fails_at_first(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record
    tries = 0

    async def fail_once() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OutcomeUnknown(one.venue, "no answer")

    one.exchange.before_cancel = fail_once
    async with withdrawing(one):
        for _ in range(2):
            await withdraw(one, record)
        await nothing_is_left(one)
    assert (await one.known()).result.status is OrderStatus.CANCELLED
    assert tries == 2


@pytest.mark.usefixtures("the_long_way")
async def test_an_order_that_was_not_sent_yet_never_is(one: Replica) -> None:
    waiting = asyncio.Event()
    go_on = asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await go_on.wait()

    one.exchange.before_begin_send = wait
    call = asyncio.create_task(one.placing.place(BOT, limit_order()))
    await waiting.wait()
    async with withdrawing(one):
        await withdraw(one, await one.known())
        await nothing_is_left(one)
    go_on.set()
    with pytest.raises(Refusal) as refused:
        await call
    assert refused.value.outcome is Outcome.NOT_SENT
    assert one.exchange.arrivals == []
    assert await one.record() is None


async def test_an_order_whose_answer_is_lost_is_cancelled_if_it_asked_for_that(one: Replica) -> None:
    losing_answers(one)
    async with withdrawing(one):
        record = (await one.placing.place(BOT, limit_order(cancel_if_unknown=True))).record
        assert record.state is State.UNKNOWN
        await nothing_is_left(one)
    record = await one.known()
    assert (record.state, record.result.status) == (State.DONE, OrderStatus.CANCELLED)
    assert record.result.evidence == "cancel"


async def test_an_order_that_arrives_after_the_first_cancel_is_cancelled_too(one: Replica) -> None:
    """No such order, says the venue, and then it comes: the stream shows it before it is cancelled again."""
    losing_answers(one)
    one.exchange.hidden.add("resting")
    async with withdrawing(one):
        record = (await one.placing.place(BOT, limit_order(cancel_if_unknown=True))).record
        await until(lambda: one.exchange.cancels >= 1)
        assert (await one.known()).state is State.UNKNOWN
        one.exchange.hidden.clear()
        [order] = one.exchange.of(record.intent.venue_client_id)
        await one.settling.seen(record, order, "private stream")
        await nothing_is_left(one)
    assert [order.status for order in one.exchange.of(record.intent.venue_client_id)] == [OrderStatus.CANCELLED]
    assert (await one.known()).result.status is OrderStatus.CANCELLED


async def test_an_order_that_was_answered_rests_though_it_asked_for_that(one: Replica) -> None:
    async with withdrawing(one):
        record = (await one.placing.place(BOT, limit_order(cancel_if_unknown=True))).record
        assert await left(one) == 0
    assert record.state is State.LIVE
    assert one.exchange.cancels == 0


async def test_a_replica_that_died_over_the_send_leaves_the_order_to_be_cancelled(one: Replica, other: Replica) -> None:
    async def hold() -> None:
        await asyncio.Event().wait()

    one.exchange.before_answer = hold
    call = asyncio.create_task(one.placing.place(BOT, limit_order(cancel_if_unknown=True)))
    await until(lambda: bool(one.exchange.orders))
    one.exchange.before_answer = nothing
    await other.abandon(await other.known())
    async with withdrawing(other):
        await other.sweep.once()
        await nothing_is_left(other)
    assert (await other.known()).result.status is OrderStatus.CANCELLED
    call.cancel()


async def test_the_wish_to_cancel_is_part_of_what_an_order_is(one: Replica) -> None:
    await one.placing.place(BOT, limit_order())
    with pytest.raises(Refusal) as refused:
        await one.placing.place(BOT, limit_order(cancel_if_unknown=True))
    assert refused.value.code is Code.IDEMPOTENCY_CONFLICT


async def test_an_account_that_cannot_be_asked_now_is_asked_later(one: Replica) -> None:
    record = (await one.placing.place(BOT, limit_order())).record

    async def fail() -> None:
        raise NoAnswer(one.venue, "down")

    one.exchange.before_cancel = fail
    async with withdrawing(one):
        await withdraw(one, record)
        await until(lambda: one.exchange.cancels >= 1)
        one.accounts.take_up([])
        one.exchange.before_cancel = nothing
        assert await left(one) == 1
        one.accounts.take_up([one.account])
        await nothing_is_left(one)
    assert (await one.known()).result.status is OrderStatus.CANCELLED
