"""Market data over REST: one question for all who ask, none of them harmed by another's leaving."""

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest

from adapters.errors import NoAnswer
from adapters.models import VenueName
from gateway import market_reads
from gateway.errors import Code, Refusal
from gateway.fanout.hub import Hub
from gateway.market_reads import MarketReads
from tests.gateway.feeds.fleet import replica
from tests.gateway.feeds.scripted import SYMBOL, VENUE, OpenThrottle, ScriptedVenue, levels, snapshot, ticker, trade
from tests.gateway.feeds.scripted import market as scripted_market
from tests.gateway.orders.exchange import Exchange, read_nothing
from tests.redis_process import RedisProcess

V = VenueName("sim")


class Gate:
    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, _source: str) -> None:
        self.reached.set()
        await self.open.wait()


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(V)


@pytest.fixture
def reads(exchange: Exchange) -> MarketReads:
    """Of a venue without streams, which never asks the hub."""
    return MarketReads(cast("Hub", None), {V: exchange.venue()})


async def test_one_who_leaves_does_not_take_the_answer_from_the_others(reads: MarketReads, exchange: Exchange) -> None:
    gate = exchange.on_read = Gate()
    market = exchange.markets[0]
    callers = [asyncio.create_task(reads.ticker(market, 1_000, OpenThrottle())) for _ in range(3)]
    await gate.reached.wait()
    callers[0].cancel()
    gate.open.set()
    assert [(await caller).data["last_price"] for caller in callers[1:]] == ["100.5"] * 2
    assert callers[0].cancelled()
    assert exchange.reads == ["ticker"]


async def test_when_all_have_left_the_question_is_given_up(reads: MarketReads, exchange: Exchange) -> None:
    ended = asyncio.Event()

    async def wait(_source: str) -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    reached = asyncio.Event()
    exchange.on_read = wait
    caller = asyncio.create_task(reads.ticker(exchange.markets[0], 1_000, OpenThrottle()))
    await reached.wait()
    caller.cancel()
    async with asyncio.timeout(1):
        await ended.wait()


async def test_one_who_comes_when_all_are_leaving_gets_an_answer(reads: MarketReads, exchange: Exchange) -> None:
    """The question the others gave up is still ending; its cancellation is nobody else's."""
    reached = asyncio.Event()

    async def end_slowly(_source: str) -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            exchange.on_read = read_nothing
            for _ in range(5):
                await asyncio.sleep(0)

    exchange.on_read = end_slowly
    first = asyncio.create_task(reads.ticker(exchange.markets[0], 1_000, OpenThrottle()))
    await reached.wait()
    first.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = await reads.ticker(exchange.markets[0], 1_000, OpenThrottle())
    assert second.data["last_price"] == "100.5"


async def test_a_failure_is_told_to_all_who_asked_and_to_nobody_later(reads: MarketReads, exchange: Exchange) -> None:
    async def fail(_source: str) -> None:
        await asyncio.sleep(0)
        raise NoAnswer(V, "silence")

    exchange.on_read = fail
    asking = [reads.trades(exchange.markets[0], 1_000, OpenThrottle()) for _ in range(3)]
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, Refusal)] == [Code.VENUE_TIMEOUT] * 3
    exchange.on_read = read_nothing
    assert (await reads.trades(exchange.markets[0], 60_000, OpenThrottle())).source == "venue"


async def test_depths_are_different_questions(reads: MarketReads, exchange: Exchange) -> None:
    for depth in (5, 10, 5):
        await reads.order_book(exchange.markets[0], depth, 60_000, OpenThrottle())
    assert exchange.reads == ["order_book"] * 2


async def test_answers_that_are_kept_are_bounded(
    reads: MarketReads, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_reads, "_FETCHES_MAX", 3)
    for depth in (1, 2, 3, 4):
        await reads.order_book(exchange.markets[0], depth, 0, OpenThrottle())
    for depth in (4, 3, 2):
        assert (await reads.order_book(exchange.markets[0], depth, 60_000, OpenThrottle())).source == "cache"
    assert (await reads.order_book(exchange.markets[0], 1, 60_000, OpenThrottle())).source == "venue"


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    with RedisProcess() as process:
        yield process


async def test_a_live_stream_answers_and_zero_age_asks_the_venue(redis: RedisProcess) -> None:
    script = ScriptedVenue()
    script.books[SYMBOL] = snapshot(10, levels(("99", "1")), levels(("101", "1")))
    script.tickers[SYMBOL], script.trades[SYMBOL] = ticker("100"), [trade(1), trade(2)]
    async with replica(redis.url, script, "a") as feeds:
        reads = MarketReads(feeds.hub, {VENUE: script.venue()})
        live = await reads.order_book(scripted_market(), 5, 1_000, OpenThrottle())
        assert (live.source, live.integrity, live.data["bids"]) == ("stream", "ok", [("99", "1")])
        before = script.calls["order_book"]
        asked = await reads.order_book(scripted_market(), 5, 0, OpenThrottle())
        assert (asked.source, script.calls["order_book"]) == ("venue", before + 1)
