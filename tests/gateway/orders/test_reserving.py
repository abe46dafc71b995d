"""Orders and their limits: what counts from when to when, and that nothing leaks when replicas die."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.contract import AmendField
from adapters.errors import InvalidRequest, NoAnswer
from adapters.models import OrderStatus
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.record import State
from gateway.orders.terms import Terms
from gateway.risk.ledger import Use
from gateway.risk.limits import units
from gateway.settings import LimitSettings
from gateway.store import keys
from tests.gateway.orders.exchange import CAPABILITIES, Exchange
from tests.gateway.orders.replica import ACCOUNT, BOT, Replica, limit_order, limited, market_order, replica
from tests.redis_process import RedisProcess

Limited = Callable[..., AbstractAsyncContextManager[Replica]]


@pytest.fixture
def under(orders_redis: RedisProcess, exchange: Exchange) -> Limited:
    """A replica at which the account has these limits; levels of tests never meet, since accounts' names are theirs."""

    def start(name: str = "a", **limits: Any) -> AbstractAsyncContextManager[Replica]:
        return replica(orders_redis.url, exchange, name=name, limits=LimitSettings.model_validate(limits))

    return start


@pytest.fixture(autouse=True)
async def nothing_counted(one: Replica) -> AsyncIterator[None]:
    """All tests have one account of one name: what they counted goes."""
    yield
    for key in await one.store.command("KEYS", "cg:{risk}:*"):
        await one.store.command("DEL", key)


async def use(on: Replica) -> Use:
    market = on.markets.get(on.venue, "SOL-USDC")
    [(_, found)] = await on.risk.state("bot", ACCOUNT, [market])
    return found


async def refused(on: Replica, order: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await on.placing.place(BOT, order)
    return caught.value


async def test_a_batch_sends_what_fits_and_says_what_does_not(under: Limited, exchange: Exchange) -> None:
    exchange.capabilities = replace(CAPABILITIES, place_batch_max=5)
    async with under(max_open_orders=2) as here:
        results = await here.batching.run(BOT, ACCOUNT, [limit_order(f"o{n}") for n in range(4)], is_as_given=False)
        assert [one.code for one in results if isinstance(one, Refusal)] == [Code.RISK_REJECTED] * 2
        assert (exchange.calls, len(exchange.orders)) == (["place_many"], 2)
        assert (await use(here)).open_orders == 2


async def test_an_amend_keeps_to_the_limits_and_counts_what_the_order_may_come_to(
    under: Limited, exchange: Exchange
) -> None:
    exchange.capabilities = replace(CAPABILITIES, amend=frozenset(AmendField))
    async with under(max_notional="150", daily_notional="110") as here:
        order_id = (await here.placing.place(BOT, limit_order())).record.intent.order_id
        for terms, limit in ((Terms(quantity=Decimal(2)), "max_notional"), (Terms(Decimal(120)), "daily_notional")):
            with pytest.raises(Refusal) as caught:
                await here.amending.amend(BOT, order_id, terms)
            assert (caught.value.code, caught.value.outcome) == (Code.RISK_REJECTED, Outcome.NOT_SENT)
            assert (caught.value.details or {})["limit"] == limit
        assert exchange.calls == []
        assert (await here.amending.amend(BOT, order_id, Terms(Decimal(105)))).price == Decimal(105)
        assert (await use(here)).reserved_units == units(Decimal(105))


async def test_two_replicas_together_admit_exactly_as_many_as_are_allowed(under: Limited, exchange: Exchange) -> None:
    async with under(max_open_orders=4) as here, under("b", max_open_orders=4) as there:
        orders = [(here, there)[number % 2].placing.place(BOT, limit_order(f"o{number}")) for number in range(20)]
        answers = await asyncio.gather(*orders, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(exchange.arrivals) == len(answers) - len(refusals) == 4
    assert {(one.code, one.outcome) for one in refusals} == {(Code.RISK_REJECTED, Outcome.NOT_SENT)}
    assert refusals[0].details == {
        "level": "account", "name": ACCOUNT, "limit": "max_open_orders", "allowed": "4", "would_be": "5",
    }  # fmt: skip


async def test_a_refused_order_leaves_its_id_free_and_a_retry_of_an_accepted_one_is_answered(under: Limited) -> None:
    async with under(max_open_orders=1) as one:
        first = await one.placing.place(BOT, limit_order("first"))
        await refused(one, limit_order("second"))
        again = await one.placing.place(BOT, limit_order("first"))
        assert not again.is_new
        await one.cancelling.cancel(BOT, first.record.intent.order_id)
        assert (await one.placing.place(BOT, limit_order("second"))).is_new


async def test_a_filled_order_counts_by_what_it_traded_and_is_open_no_more(under: Limited) -> None:
    async with under(max_open_orders=5, daily_notional="250") as one:
        one.prices.now = Decimal(110)
        await one.placing.place(BOT, market_order("one"))
        assert await use(one) == Use(0, 0, 1_000_000, 0)  # it was worth 110 by the market, and traded at 100
        refusal = await refused(one, market_order("two", quantity=Decimal(2)))
        assert (refusal.field, refusal.details and refusal.details["would_be"]) == ("quantity", "320")


async def test_what_the_venue_refused_gives_all_back_but_its_turn(under: Limited) -> None:
    async with under(max_open_orders=5, daily_notional="500", order_rate={"count": 5, "period_ms": 60_000}) as one:

        async def no() -> None:
            raise InvalidRequest(one.venue, "no", venue_code="NO", http_status=400)

        one.exchange.on_arrival = no
        record = (await one.placing.place(BOT, limit_order())).record
        assert record.result.status is OrderStatus.REJECTED
        assert await use(one) == Use(0, 0, 0, 1)


async def test_an_unknown_order_goes_on_counting(under: Limited) -> None:
    async with under(max_open_orders=5, daily_notional="500") as one:

        async def lost() -> None:
            raise NoAnswer(one.venue, "gone")

        one.exchange.before_answer = lost
        assert (await one.placing.place(BOT, limit_order())).record.state is State.UNKNOWN
        assert await use(one) == Use(1, 1_000_000, 0, 0)


async def test_an_order_that_could_not_be_sent_gives_all_back(under: Limited) -> None:
    async with under(max_open_orders=5, order_rate={"count": 5, "period_ms": 60_000}) as one:

        async def too_late() -> None:
            raise Refusal(Code.RATE_LIMIT_EXCEEDED, "no budget")

        one.exchange.before_begin_send = too_late
        await refused(one, limit_order())
        assert await use(one) == Use(0, 0, 0, 0)


async def test_reduce_only_passes_when_everything_is_used_up(under: Limited) -> None:
    async with under(max_open_orders=0, daily_notional="0", max_quantity="0", max_notional="0") as one:
        one.prices.now = None
        await refused(one, limit_order("plain"))
        assert (await one.placing.place(BOT, market_order("flat", reduce_only=True))).is_new


async def test_validating_says_what_placing_would_and_counts_nothing(under: Limited) -> None:
    async with under(max_open_orders=1) as one:
        for _ in range(3):
            await one.placing.validate(BOT, limit_order("other"))
        await one.placing.place(BOT, limit_order("one"))
        with pytest.raises(Refusal, match="open order 2 of 1"):
            await one.placing.validate(BOT, limit_order("other"))


async def test_what_a_dead_replica_left_is_released_and_what_nobody_counted_is_counted(under: Limited) -> None:
    async with under(max_open_orders=5, daily_notional="500") as one:
        record = (await one.placing.place(BOT, limit_order())).record
        await one.store.command("DEL", *await one.store.command("KEYS", "cg:{risk}:*"))
        await one.risk.reserve(
            await one.risk.check("bot", ACCOUNT, one.markets.get(one.venue, "SOL-USDC"), limit_order()),
            one.venue,
            ACCOUNT,
            claim="a claim that is gone",
            order_id=record.intent.order_id,
        )
        await one.reserving.repair(one.account)
        assert await use(one) == Use(1, 1_000_000, 0, 0)
        reserved = await one.store.command("HKEYS", keys.risk_reservations(one.venue, ACCOUNT))
        assert reserved == [record.nonce.encode()]


async def test_an_order_that_ended_unseen_is_released_by_the_repair(under: Limited) -> None:
    async with under(max_open_orders=5, daily_notional="500") as one:
        placed = await one.placing.place(BOT, limit_order())
        record = await one.known()
        ended = record.with_result(
            State.DONE,
            replace(record.result, status=OrderStatus.FILLED, filled_quantity=Decimal(1), average_price=Decimal(99)),
        )
        assert await one.records.write(ended)
        assert (await use(one)).open_orders == 1
        await one.reserving.repair(one.account)
        assert await use(one) == Use(0, 0, 990_000, 0)
        assert placed.is_new


async def test_an_amendment_is_judged_and_counted(under: Limited) -> None:
    async with under(daily_notional="250") as one:
        record = (await one.placing.place(BOT, limit_order())).record
        market = one.markets.get(one.venue, "SOL-USDC")
        larger = replace(record.intent, quantity=Decimal(2))
        await one.risk.amend("bot", ACCOUNT, market, larger, claim=record.nonce)
        assert (await use(one)).reserved_units == 2_000_000
        with pytest.raises(Refusal, match="daily_notional"):
            await one.risk.amend("bot", ACCOUNT, market, replace(larger, price=Decimal(126)), claim=record.nonce)


async def test_limits_that_are_taken_up_hold_from_then_on(under: Limited) -> None:
    async with under() as one:
        await one.placing.place(BOT, limit_order("one"))
        one.risk.take_up(limited(one.venue, LimitSettings(max_open_orders=1)))
        await one.reserving.repair(one.account)
        await refused(one, limit_order("two"))
