"""What every venue's public side does, by REST and as a stream."""

import asyncio
from collections.abc import AsyncIterator

from adapters.contract import BookSource, Channel
from adapters.models import (
    BookDelta,
    BookSnapshot,
    ChannelState,
    MarketStatus,
    OrderType,
    StreamEvent,
    StreamState,
    Ticker,
    Trade,
)
from gateway.feeds.book import Book, Load, Step
from tests.adapters.doubles import SystemClock
from tests.contract.venues import Rig


async def test_the_venues_clock_can_be_read(rig: Rig) -> None:
    assert abs(await rig.venue.market_data.server_time_ms(rig.throttle) - SystemClock().venue_time_ms()) < 2000


async def test_markets_are_on_a_grid_and_found_again(rig: Rig) -> None:
    markets = await rig.venue.market_data.markets(rig.throttle)
    assert len({market.symbol for market in markets}) == len(markets)
    assert len({market.venue_symbol for market in markets}) == len(markets)
    for market in markets:
        assert market.venue == "main"
        assert min(market.tick_size, market.step_size) > 0
        assert market.min_quantity % market.step_size == 0
        assert market.max_quantity is None or market.max_quantity >= market.min_quantity
    assert rig.market.status is MarketStatus.TRADING
    assert {market.symbol for market in await rig.venue.market_data.markets(rig.throttle)} == {
        market.symbol for market in markets
    }


async def test_the_book_is_best_first_on_the_grid_and_not_crossed(rig: Rig) -> None:
    book = await rig.venue.market_data.order_book(rig.market, 5, rig.throttle)
    assert book.symbol == rig.market.symbol
    assert min(len(book.bids), len(book.asks)) >= 5
    bids, asks = [level.price for level in book.bids], [level.price for level in book.asks]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert not any(level.price % rig.market.tick_size for level in (*book.bids, *book.asks))
    assert not any(level.quantity % rig.market.step_size for level in (*book.bids, *book.asks))


async def test_ticker_and_trades_tell_of_a_trade(rig: Rig) -> None:
    order = await rig.place(rig.request(type=OrderType.MARKET))
    trades = await rig.venue.market_data.trades(rig.market, rig.can.trades_max, rig.throttle)
    assert order.average_price in {trade.price for trade in trades}
    assert {trade.symbol for trade in trades} == {rig.market.symbol}
    times = [trade.venue_time_us for trade in trades]
    assert times == sorted(times, reverse=True)
    ticker = await rig.venue.market_data.ticker(rig.market, rig.throttle)
    assert ticker.symbol == rig.market.symbol
    assert ticker.last_price > 0
    assert ticker.last_price % rig.market.tick_size == 0


async def test_every_channel_begins_after_connected_and_goes_on(rig: Rig) -> None:
    wanted = {ChannelState, Ticker, BookDelta, Trade}
    events: list[StreamEvent] = []
    async with asyncio.timeout(20), rig.venue.streams.connect() as stream:
        for channel in rig.can.channels:
            stream.subscribe(channel, rig.market)
        async for event in stream:
            events.append(event)
            if isinstance(event, (ChannelState, Ticker)):
                await rig.place(rig.request(type=OrderType.MARKET))
            if {type(event) for event in events} >= wanted:
                break
    assert isinstance(events[0], ChannelState)
    assert events[0].state is StreamState.CONNECTED
    data = [event for event in events if isinstance(event, (Ticker, BookSnapshot, BookDelta, Trade))]
    assert {event.symbol for event in data} == {rig.market.symbol}


async def test_book_and_deltas_equal_the_venues_own_book(rig: Rig) -> None:
    """Followed over many changes, and compared whenever both are at the same id."""
    book = Book(depth=rig.can.book_depth_max, keeps_depth=rig.can.book_keeps_depth)
    async with asyncio.timeout(30), rig.venue.streams.connect() as stream:
        stream.subscribe(Channel.ORDERBOOK, rig.market)
        events = aiter(stream)
        agreed = applied = 0
        while agreed < 3 or applied < 20:
            applied += await _follow(rig, book, events)
            snapshot = await rig.venue.market_data.order_book(rig.market, rig.can.book_depth_max, rig.throttle)
            while book.update_id is not None and book.update_id < snapshot.update_id:
                applied += await _follow(rig, book, events)
            if book.update_id == snapshot.update_id:
                assert book.agrees_with(snapshot)
                agreed += 1


async def _follow(rig: Rig, book: Book, events: AsyncIterator[StreamEvent]) -> int:
    """Take the next event into the book; how many deltas that were."""
    match await anext(events):
        case BookSnapshot() as snapshot:
            assert rig.can.book_source is BookSource.STREAM
            assert book.load(snapshot) is Load.LOADED
        case BookDelta() as delta:
            step = book.apply(delta)
            assert step in {Step.APPLIED, Step.IGNORED, Step.KEPT}
            if step is Step.KEPT:
                assert rig.can.book_source is BookSource.REST
                depth = rig.can.book_depth_max
                book.load(await rig.venue.market_data.order_book(rig.market, depth, rig.throttle))
            return step is Step.APPLIED
    return 0


async def test_a_stream_that_was_subscribed_again_starts_over(rig: Rig) -> None:
    async with asyncio.timeout(20), rig.venue.streams.connect() as stream:
        stream.subscribe(Channel.ORDERBOOK, rig.market)
        events = aiter(stream)
        while not isinstance(await anext(events), BookDelta):
            pass
        stream.unsubscribe(Channel.ORDERBOOK, rig.market)
        await rig.sandbox.until(lambda ledger: not ledger["subscriptions"])
        stream.subscribe(Channel.ORDERBOOK, rig.market)
        wanted = BookSnapshot if rig.can.book_source is BookSource.STREAM else BookDelta
        while not isinstance(await anext(events), wanted):
            pass
