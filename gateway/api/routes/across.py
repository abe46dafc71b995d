"""One symbol across venues: tickers side by side, and the best bid and offer with every leg's age.

A venue that cannot tell is a leg with a reason; it never spoils the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from adapters import models
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, Meta, Shape
from gateway.api.deps import PublicReader, TheServices
from gateway.api.market_bodies import Ticker
from gateway.errors import Code, Refusal
from gateway.market_reads import Read
from gateway.services import Services

T = TypeVar("T")

router = APIRouter(prefix="/v1", tags=["across venues"], responses=ERRORS)

MaxAge = Annotated[
    int, Query(ge=1, le=60_000, description="A leg that is older, and not followed live, does not count.")
]


class TickerLeg(Shape):
    venue: str
    ticker: Ticker | None
    meta: Meta | None
    excluded: str | None
    """Why there is no ticker."""


class Tickers(Shape):
    symbol: str
    legs: list[TickerLeg]


class Quote(Shape):
    venue: str
    price: str
    quantity: str


class BestLeg(Shape):
    venue: str
    bid: tuple[str, str] | None
    """`[price, quantity]`."""
    ask: tuple[str, str] | None
    meta: Meta | None
    excluded: str | None
    """Why this leg does not count."""


class Best(Shape):
    symbol: str
    bid: Quote | None
    ask: Quote | None
    legs: list[BestLeg]


@router.get("/tickers/{symbol}", response_model=Answer[Tickers])
async def tickers(the: TheServices, reader: PublicReader, symbol: str, max_age_ms: MaxAge = 2_000) -> Response:
    """Every venue's ticker of one symbol."""

    def read(market: models.Market) -> Awaitable[Read]:
        return the.market_reads.ticker(
            market, max_age_ms, the.public_throttle(market.venue, reader.name, reader.max_wait_s)
        )

    legs = [_ticker_leg(market, found) for market, found in await _every(the, symbol, read)]
    return ok(Tickers, Tickers(symbol=symbol, legs=legs))


@router.get("/best/{symbol}", response_model=Answer[Best])
async def best(the: TheServices, reader: PublicReader, symbol: str, max_age_ms: MaxAge = 2_000) -> Response:
    """The best bid and the best offer of one symbol over all venues."""

    def read(market: models.Market) -> Awaitable[Read]:
        return the.market_reads.order_book(
            market, 5, max_age_ms, the.public_throttle(market.venue, reader.name, reader.max_wait_s)
        )

    legs = [_best_leg(market, found, max_age_ms) for market, found in await _every(the, symbol, read)]
    counted = [leg for leg in legs if leg.excluded is None]
    bids = [(leg.bid, leg.venue) for leg in counted if leg.bid is not None]
    asks = [(leg.ask, leg.venue) for leg in counted if leg.ask is not None]
    return ok(
        Best,
        Best(
            symbol=symbol,
            bid=_quote(*max(bids, key=lambda one: Decimal(one[0][0]))) if bids else None,
            ask=_quote(*min(asks, key=lambda one: Decimal(one[0][0]))) if asks else None,
            legs=legs,
        ),
    )


async def _every(
    the: Services, symbol: str, read: Callable[[models.Market], Awaitable[T]]
) -> Sequence[tuple[models.Market, T | Refusal]]:
    """Read the symbol at every venue that has it, at once. Raises `Refusal` if none has."""
    found = [market for venue in the.venues if (market := the.markets.find(venue, symbol)) is not None]
    if not found:
        raise Refusal(Code.MARKET_NOT_FOUND, f"no venue has a market {symbol!r}", field="symbol")
    answers = await asyncio.gather(*(_refusal_as_answer(read(market)) for market in found))
    return list(zip(found, answers, strict=True))


async def _refusal_as_answer(answer: Awaitable[T]) -> T | Refusal:
    try:
        return await answer
    except Refusal as refusal:
        return refusal


def _ticker_leg(market: models.Market, found: Read | Refusal) -> TickerLeg:
    if isinstance(found, Refusal):
        return TickerLeg(venue=market.venue, ticker=None, meta=None, excluded=_why(found))
    ticker = Ticker(venue=market.venue, symbol=market.symbol, **found.data)
    return TickerLeg(venue=market.venue, ticker=ticker, meta=_meta(found), excluded=None)


def _best_leg(market: models.Market, found: Read | Refusal, max_age_ms: int) -> BestLeg:
    if isinstance(found, Refusal):
        return BestLeg(venue=market.venue, bid=None, ask=None, meta=None, excluded=_why(found))
    meta = _meta(found)
    # A book that is followed live is as new as can be, however long ago it last changed.
    is_old = meta.source != "stream" and meta.age_ms > max_age_ms
    return BestLeg(
        venue=market.venue,
        bid=_top(found.data["bids"]),
        ask=_top(found.data["asks"]),
        meta=meta,
        excluded=f"{meta.age_ms} ms old" if is_old else None,
    )


def _top(levels: Sequence[Any]) -> tuple[str, str] | None:
    return (levels[0][0], levels[0][1]) if levels else None


def _quote(level: tuple[str, str], venue: str) -> Quote:
    return Quote(venue=venue, price=level[0], quantity=level[1])


def _meta(read: Read) -> Meta:
    return meta_of(read.source, read.as_of_us, read.integrity)


def _why(refusal: Refusal) -> str:
    return f"{refusal.code}: {refusal.message}"
