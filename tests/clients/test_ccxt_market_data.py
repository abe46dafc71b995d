"""ccxt for Python reads the market."""

import time
from typing import Any

import ccxt
import pytest

from tests.clients.ccxt_python import PERP, SPOT, answer
from tests.clients.venue import Venue

HOUR_MS = 3_600_000


@pytest.mark.calls("load_markets")
async def test_spot_and_perpetual_markets_are_loaded_with_their_precision(exchange: Any) -> None:
    markets = await answer(exchange.load_markets())
    assert {SPOT, PERP, "BTC/USDC", "BTC/USDC:USDC"} <= set(markets)
    assert (markets[SPOT]["spot"], markets[PERP]["swap"], markets[PERP]["linear"]) == (True, True, True)
    assert markets[SPOT]["precision"] == markets[PERP]["precision"] | {"amount": 0.01, "price": 0.01}
    assert all(market["active"] for market in markets.values())
    assert exchange.currencies["SOL"]["networks"]["SOL"]["withdraw"]


@pytest.mark.calls("fetch_currencies")
async def test_currencies_say_where_they_can_be_deposited(exchange: Any) -> None:
    currencies = await answer(exchange.fetch_currencies())
    assert currencies["USDC"]["networks"]["SOL"]["deposit"]


@pytest.mark.calls("fetch_ticker")
async def test_a_ticker_has_a_last_price_between_its_extremes(exchange: Any) -> None:
    ticker = await answer(exchange.fetch_ticker(SPOT))
    assert ticker["symbol"] == SPOT
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["change"] == pytest.approx(ticker["last"] - ticker["open"])


@pytest.mark.calls("fetch_tickers")
async def test_all_markets_have_tickers(exchange: Any) -> None:
    assert {SPOT, PERP} <= set(await answer(exchange.fetch_tickers()))


@pytest.mark.calls("fetch_tickers")
async def test_tickers_can_be_asked_for_by_name(exchange: Any) -> None:
    assert set(await answer(exchange.fetch_tickers([PERP]))) == {PERP}


@pytest.mark.calls("fetch_order_book")
async def test_a_book_is_sorted_from_the_best_price_on_both_sides(exchange: Any) -> None:
    """The venue sends bids from the worst to the best; ccxt sorts them again."""
    book = await answer(exchange.fetch_order_book(SPOT))
    bids, asks = [price for price, _ in book["bids"]], [price for price, _ in book["asks"]]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert book["nonce"] > 0


@pytest.mark.parametrize("limit", [5, 7])
@pytest.mark.calls("fetch_order_book: limit")
async def test_a_book_is_cut_to_its_limit(exchange: Any, limit: int) -> None:
    """The venue knows only some limits: ccxt asks for the next larger one and cuts the rest off itself."""
    book = await answer(exchange.fetch_order_book(SPOT, limit))
    assert (len(book["bids"]), len(book["asks"])) == (limit, limit)


@pytest.mark.calls("fetch_l2_order_book")
async def test_a_level_two_book_is_the_same_book(exchange: Any) -> None:
    book = await answer(exchange.fetch_l2_order_book(SPOT, 5))
    assert book["bids"][0][0] < book["asks"][0][0]


@pytest.mark.parametrize("timeframe", ["1m", "15m", "1h"])
@pytest.mark.calls("fetch_ohlcv")
async def test_candles_hold_their_prices_together(exchange: Any, timeframe: str) -> None:
    candles = await answer(exchange.fetch_ohlcv(SPOT, timeframe))
    assert candles
    for start_ms, opened, high, low, closed, volume in candles:
        assert start_ms % exchange.parse_timeframe(timeframe) == 0
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        assert volume >= 0


@pytest.mark.calls("fetch_mark_ohlcv", "fetch_index_ohlcv")
async def test_mark_and_index_prices_have_candles(exchange: Any) -> None:
    """ccxt spans a hundred candles up to this second, in which the running one begins."""
    for fetch in (exchange.fetch_mark_ohlcv, exchange.fetch_index_ohlcv):
        candles = await answer(fetch(PERP, "1m"))
        assert candles
        assert all(candle[2] >= candle[3] > 0 for candle in candles)


@pytest.mark.calls("fetch_trades")
async def test_trades_come_in_order_of_time(exchange: Any) -> None:
    trades = await answer(exchange.fetch_trades(SPOT, limit=5))
    assert len(trades) == 5
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    assert trades[0]["cost"] == pytest.approx(trades[0]["price"] * trades[0]["amount"])


@pytest.mark.calls("fetch_trades: offset")
async def test_older_trades_are_reached_with_an_offset(exchange: Any) -> None:
    trades = await answer(exchange.fetch_trades(SPOT, limit=3, params={"offset": 5}))
    assert len(trades) == 3


@pytest.mark.calls("fetch_funding_rate")
async def test_the_running_funding_rate_comes_with_mark_and_index(exchange: Any) -> None:
    rate = await answer(exchange.fetch_funding_rate(PERP))
    assert rate["markPrice"] > 0
    assert rate["indexPrice"] > 0
    assert isinstance(rate["fundingRate"], float)
    assert rate["nextFundingTimestamp"] % HOUR_MS == 0
    assert rate["nextFundingTimestamp"] > time.time() * 1000 - 1000


@pytest.mark.calls("fetch_funding_rate_history")
async def test_settled_funding_rates_end_on_full_hours(exchange: Any) -> None:
    rates = await answer(exchange.fetch_funding_rate_history(PERP, limit=3))
    assert len(rates) <= 3
    assert all(rate["timestamp"] % HOUR_MS == 0 for rate in rates)


@pytest.mark.calls("fetch_open_interest")
async def test_a_perpetual_has_open_interest(exchange: Any) -> None:
    interest = await answer(exchange.fetch_open_interest(PERP))
    assert interest["symbol"] == PERP
    assert interest["openInterestValue"] >= 0


@pytest.mark.calls("fetch_status")
async def test_the_venue_is_up(exchange: Any) -> None:
    assert (await answer(exchange.fetch_status()))["status"] == "ok"


@pytest.mark.calls("fetch_time")
async def test_the_time_is_read_as_its_first_digit(exchange: Any) -> None:
    """The answer is text and ccxt reads it like a list. So `adjustForTimeDifference` breaks every signature."""
    assert await answer(exchange.fetch_time()) == 1


@pytest.mark.calls("fetch_ohlcv: BadRequest")
async def test_an_interval_that_is_none_is_refused(exchange: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="KlineInterval"):
        await answer(exchange.fetch_ohlcv(SPOT, "7m"))


@pytest.mark.calls("fetch_ticker: BadSymbol")
async def test_a_market_that_was_not_loaded_is_no_market(exchange: Any) -> None:
    with pytest.raises(ccxt.BadSymbol):
        await answer(exchange.fetch_ticker("DOGE/USDC"))


@pytest.mark.calls("fetch_order_book: maintenance")
async def test_maintenance_is_a_plain_exchange_error(exchange: Any, venue: Venue) -> None:
    """ccxt does not map it to its own `OnMaintenance`."""
    await answer(exchange.load_markets())
    maintenance = {"status": 503, "body": {"code": "MAINTENANCE", "message": "Maintenance"}}
    venue.control("faults", {"match": {"path": "/api/v1/depth"}, "do": maintenance})
    with pytest.raises(ccxt.ExchangeError, match="MAINTENANCE") as caught:
        await answer(exchange.fetch_order_book(SPOT))
    assert caught.type is ccxt.ExchangeError
    await answer(exchange.fetch_order_book(SPOT))
