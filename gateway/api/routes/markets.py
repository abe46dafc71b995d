"""Markets and their data at one venue."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from adapters.models import MarketType, VenueName
from gateway.api.answers import ERRORS, meta_of, ok
from gateway.api.bodies import Answer, Meta, Page, page_of
from gateway.api.deps import PageLimit, PageNumber, PublicCaller, PublicReader, TheServices
from gateway.api.market_bodies import Market, OrderBook, Ticker, Trade
from gateway.api.routes.venues import find
from gateway.limiter import Throttle
from gateway.market_reads import Read
from gateway.services import Services

router = APIRouter(prefix="/v1", tags=["markets"], responses=ERRORS)

MaxAge = Annotated[int, Query(ge=0, le=60_000, description="The oldest answer that will do; 0 asks the venue.")]


@router.get("/markets", response_model=Answer[Page[Market]])
async def markets(
    the: TheServices,
    _reader: PublicReader,
    venue: str | None = None,
    type: MarketType | None = None,  # noqa: A002 - the public name
    base: str | None = None,
    quote: str | None = None,
    page: PageNumber = 1,
    limit: PageLimit = 20,
) -> Response:
    """All markets: the grid their prices and quantities live on, fees, leverage."""
    if venue is not None:
        find(the, venue)
    shapes = [
        Market.of(market)
        for market in sorted(the.markets.all(), key=lambda one: (one.venue, one.symbol))
        if (venue is None or market.venue == venue)
        and (type is None or market.type is type)
        and (base is None or market.base == base)
        and (quote is None or market.quote == quote)
    ]
    return ok(Page[Market], page_of(shapes, page=page, limit=limit))


@router.get("/venues/{venue}/markets/{symbol}", response_model=Answer[Market])
async def market(the: TheServices, _reader: PublicReader, venue: str, symbol: str) -> Response:
    """One market; the venue's own name of it works too."""
    return ok(Market, Market.of(the.markets.get(venue, symbol)))


@router.get("/venues/{venue}/markets/{symbol}/ticker", response_model=Answer[Ticker])
async def ticker(
    the: TheServices, reader: PublicReader, venue: str, symbol: str, max_age_ms: MaxAge = 2_000
) -> Response:
    """Last price and the past day."""
    found = the.markets.get(venue, symbol)
    read = await the.market_reads.ticker(found, max_age_ms, _throttle(the, found.venue, reader))
    shape = Ticker(venue=found.venue, symbol=found.symbol, **read.data)
    return ok(Ticker, shape, meta=_meta(read))


@router.get("/venues/{venue}/markets/{symbol}/orderbook", response_model=Answer[OrderBook])
async def orderbook(
    the: TheServices,
    reader: PublicReader,
    venue: str,
    symbol: str,
    depth: Annotated[int, Query(ge=1, le=1_000)] = 20,
    max_age_ms: MaxAge = 1_000,
) -> Response:
    """The best levels of each side."""
    found = the.markets.get(venue, symbol)
    read = await the.market_reads.order_book(found, depth, max_age_ms, _throttle(the, found.venue, reader))
    shape = OrderBook(
        venue=found.venue,
        symbol=found.symbol,
        bids=read.data["bids"][:depth],
        asks=read.data["asks"][:depth],
        update_id=read.data["update_id"],
    )
    return ok(OrderBook, shape, meta=_meta(read))


@router.get("/venues/{venue}/markets/{symbol}/trades", response_model=Answer[Page[Trade]])
async def trades(
    the: TheServices,
    reader: PublicReader,
    venue: str,
    symbol: str,
    max_age_ms: MaxAge = 1_000,
    page: PageNumber = 1,
    limit: PageLimit = 20,
) -> Response:
    """The latest public trades, newest first."""
    found = the.markets.get(venue, symbol)
    read = await the.market_reads.trades(found, max_age_ms, _throttle(the, found.venue, reader))
    newest_first = [Trade(**item) for item in reversed(read.data["items"])]
    return ok(Page[Trade], page_of(newest_first, page=page, limit=limit), meta=_meta(read))


def _meta(read: Read) -> Meta:
    return meta_of(read.source, read.as_of_us, read.integrity)


def _throttle(the: Services, venue: VenueName, reader: PublicCaller) -> Throttle:
    return the.public_throttle(venue, reader.name, reader.max_wait_s)
