"""Cancelling everything: what is the client's, on its way or resting, and nobody else's unless it is asked for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.contract import CancelAllScope
from adapters.errors import OutcomeUnknown
from adapters.models import OrderRequest, OrderStatus, OrderType, Side, VenueClientId
from gateway.auth import Client
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.cancelling_all import AllCancelled, Wanted, outcome_of
from gateway.orders.record import State
from gateway.settings import AccountAccess
from tests.gateway.orders.exchange import CAPABILITIES, Exchange, nothing
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, client, limit_order, replica
from tests.redis_process import RedisProcess

BOSS = client("boss", access=AccountAccess.ACCOUNT)
OTHER = client("other")


@pytest.fixture
def exchange(exchange: Exchange) -> Exchange:
    exchange.capabilities = replace(CAPABILITIES, cancel_batch_max=100, cancel_all=frozenset({CancelAllScope.MARKET}))
    return exchange


async def place(on: Replica, *client_order_ids: str, who: Client = BOT, **changes: Any) -> None:
    for client_order_id in client_order_ids:
        await on.placing.place(who, limit_order(client_order_id, **changes))


def counted(done: AllCancelled) -> Counter[str]:
    return Counter(outcome_of(one) for one in (*done.results, *done.foreign))


def resting(on: Replica) -> set[VenueClientId | None]:
    return {order.venue_client_id for order in on.exchange.resting()}


async def test_a_client_cancels_its_own_orders_and_no_other(one: Replica) -> None:
    await place(one, "a", "b", "c")
    await place(one, "theirs", who=OTHER)
    done = await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))
    assert counted(done) == {"cancelled": 3}
    assert one.exchange.calls == ["cancel_many"]
    theirs = await one.record("theirs", "other")
    assert theirs is not None
    assert resting(one) == {theirs.intent.venue_client_id}
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))) == {}


async def test_a_single_order_is_cancelled_by_a_single_call(one: Replica) -> None:
    await place(one, "a")
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))) == {"cancelled": 1}
    assert (one.exchange.cancels, one.exchange.calls) == (1, [])


async def test_conditions_narrow_what_is_cancelled(one: Replica) -> None:
    await place(one, "buy", labels=("x", "y"))
    await place(one, "sell", side=Side.SELL, labels=("x",))
    for wanted in (
        Wanted(ACCOUNT, side=Side.SELL, labels=frozenset({"y"})),
        Wanted(ACCOUNT, labels=frozenset({"x", "z"})),
    ):
        assert counted(await one.cancelling_all.cancel(BOT, wanted)) == {}
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT, labels=frozenset({"x", "y"})))) == {
        "cancelled": 1
    }
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT, side=Side.SELL))) == {"cancelled": 1}
    with pytest.raises(Refusal) as caught:
        await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT, symbol="NO-SUCH"))
    assert caught.value.code is Code.MARKET_NOT_FOUND


async def test_orders_whose_answer_was_lost_are_cancelled_too(one: Replica) -> None:
    async def lost() -> None:
        raise OutcomeUnknown(one.exchange.name, "no answer")

    one.exchange.before_answer = lost
    await place(one, "lost")
    one.exchange.before_answer = nothing
    assert (await one.known("lost")).state is State.UNKNOWN
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))) == {"cancelled": 1}
    assert resting(one) == set()


async def test_each_order_says_how_it_ended(one: Replica) -> None:
    await place(one, "filled", "open")
    filled = (await one.known("filled")).intent.venue_client_id
    one.exchange.change(filled, status=OrderStatus.FILLED, filled_quantity=limit_order().quantity)
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))) == {"cancelled": 1, "failed": 1}


async def test_a_lost_answer_to_the_cancels_is_unknown_and_they_may_be_repeated(one: Replica) -> None:
    async def lost() -> None:
        raise OutcomeUnknown(one.exchange.name, "no answer")

    await place(one, "a", "b")
    one.exchange.before_cancel_answer = lost
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))) == {"unknown": 2}
    one.exchange.before_cancel_answer = nothing
    assert counted(await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT))) == {"cancelled": 2}


async def test_all_of_the_account_is_for_those_it_was_granted_to(one: Replica) -> None:
    with pytest.raises(Refusal) as caught:
        await one.cancelling_all.cancel(BOT, Wanted(ACCOUNT, is_whole_account=True))
    assert (caught.value.code, caught.value.outcome) == (Code.PERMISSION_DENIED, Outcome.NOT_SENT)


async def test_all_of_the_account_is_one_call_for_each_market_with_orders(one: Replica) -> None:
    await place(one, "a", "b")
    await place(one, "theirs", who=OTHER)
    placed_past_us(one)
    done = await one.cancelling_all.cancel(BOSS, Wanted(ACCOUNT, is_whole_account=True))
    assert counted(done) == {"cancelled": 4}
    assert [len(done.results), len(done.foreign)] == [3, 1]
    assert one.exchange.calls == ["cancel_all"]
    assert resting(one) == set()


async def test_of_the_account_one_side_can_be_cancelled_also_what_is_nobodys(one: Replica) -> None:
    await place(one, "buy")
    placed_past_us(one)
    done = await one.cancelling_all.cancel(BOSS, Wanted(ACCOUNT, side=Side.SELL, is_whole_account=True))
    assert (counted(done), one.exchange.calls) == ({"cancelled": 1}, [])
    assert resting(one) == {(await one.known("buy")).intent.venue_client_id}


def placed_past_us(on: Replica) -> None:
    """An order that no record of ours knows, to sell."""
    request = OrderRequest(
        on.exchange.markets[0],
        VenueClientId("4"),
        Side.SELL,
        OrderType.LIMIT,
        quantity=limit_order().quantity,
        price=limit_order().price,
    )
    on.exchange.take(request)


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


async def test_without_the_store_only_all_of_the_account_can_be_cancelled(
    own_redis: RedisProcess, exchange: Exchange
) -> None:
    async with replica(own_redis.url, exchange) as alone:
        await place(alone, "a", "b")
        own_redis.kill()
        with pytest.raises(Refusal) as caught:
            await alone.cancelling_all.cancel(BOT, Wanted(ACCOUNT))
        assert (caught.value.code, caught.value.outcome) == (Code.STORE_UNAVAILABLE, Outcome.NOT_SENT)
        assert len(resting(alone)) == 2
        done = await alone.cancelling_all.cancel(BOSS, Wanted(ACCOUNT, is_whole_account=True))
        assert counted(done) == {"cancelled": 2}
        assert resting(alone) == set()
