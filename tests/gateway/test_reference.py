"""Markets: known by our name and the venue's, refreshed, and kept while a refresh fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.errors import NoAnswer
from adapters.models import VenueName
from gateway import reference
from gateway.errors import Code, Refusal
from gateway.reference import Markets
from tests.gateway.feeds.scripted import OpenThrottle
from tests.gateway.orders.exchange import Exchange, market
from tests.gateway.orders.replica import until

V = VenueName("sim")


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(V)


@asynccontextmanager
async def kept(exchange: Exchange) -> AsyncIterator[Markets]:
    markets = Markets({V: exchange.venue()}, lambda _: OpenThrottle())
    task = asyncio.create_task(markets.keep_fresh(V))
    yield markets
    task.cancel()
    await asyncio.wait([task])


async def test_a_market_is_found_by_both_names(exchange: Exchange) -> None:
    async with kept(exchange) as markets:
        await markets.wait_loaded(V)
        assert markets.get("sim", "SOL-USDC") is markets.get("sim", "SOL_USDC")
        assert markets.find("sim", "sol-usdc") is None
        assert markets.find("elsewhere", "SOL-USDC") is None
        assert [each.symbol for each in markets.all()] == [each.symbol for each in markets.of(V)] == ["SOL-USDC"]


async def test_our_name_goes_before_another_markets_alias(exchange: Exchange) -> None:
    exchange.markets = [market(V, "A-B"), replace(market(V, "C-D"), venue_symbol="A-B")]  # type: ignore[arg-type]
    async with kept(exchange) as markets:
        await markets.wait_loaded(V)
        assert markets.get("sim", "A-B").symbol == "A-B"


@pytest.mark.parametrize(
    ("venue", "symbol", "code"),
    [("nowhere", "SOL-USDC", Code.VENUE_NOT_FOUND), ("sim", "NO-SUCH", Code.MARKET_NOT_FOUND)],
)
async def test_what_is_not_there_is_refused(exchange: Exchange, venue: str, symbol: str, code: Code) -> None:
    async with kept(exchange) as markets:
        await markets.wait_loaded(V)
        with pytest.raises(Refusal) as caught:
            markets.get(venue, symbol)
        assert caught.value.code is code


async def test_before_the_venue_has_told_its_markets_none_is_missing(exchange: Exchange) -> None:
    """A bot must not learn from a start-up that its market is gone."""
    markets = Markets({V: exchange.venue()}, lambda _: OpenThrottle())
    with pytest.raises(Refusal) as caught:
        markets.get("sim", "SOL-USDC")
    assert (caught.value.code, caught.value.retry_after_s) == (Code.VENUE_UNAVAILABLE, 1)


async def test_a_venue_that_is_down_at_first_is_asked_again(exchange: Exchange) -> None:
    failures = iter([NoAnswer(V, "silence"), Refusal(Code.RATE_LIMIT_EXCEEDED, "later")])

    async def fail_twice(_source: str) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    exchange.on_read = fail_twice
    async with kept(exchange) as markets, asyncio.timeout(5):
        await markets.wait_loaded(V)
    assert exchange.reads == ["markets"] * 3


async def test_a_change_is_taken_up_and_a_failed_refresh_keeps_what_was(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "REFRESH_S", 0.01)
    async with kept(exchange) as markets:
        await markets.wait_loaded(V)
        exchange.markets = [market(V, tick_size=Decimal("0.5"))]
        await until(lambda: markets.get("sim", "SOL-USDC").tick_size == Decimal("0.5"))

        async def fail(_source: str) -> None:
            raise NoAnswer(V, "silence")

        exchange.on_read = fail
        asked = len(exchange.reads)
        await until(lambda: len(exchange.reads) > asked + 1)
        assert markets.get("sim", "SOL-USDC").tick_size == Decimal("0.5")
