"""bpx-py reads the market, in both flavours."""

import inspect
import time

import pytest

from tests.clients.bpx_py import PERP, SPOT, Bpx
from tests.clients.ccxt_python import answer

HOUR_S = 3600


@pytest.mark.calls("get_status", "get_ping", "get_time")
async def test_the_venue_is_up_and_tells_the_time(bpx: Bpx) -> None:
    """The time is a number in the one flavour and text in the other."""
    assert (await answer(bpx.public.get_status()))["status"] == "Ok"
    assert await answer(bpx.public.get_ping()) == "pong"
    told = await answer(bpx.public.get_time())
    assert isinstance(told, str if bpx.is_async else int)
    assert int(told) == pytest.approx(time.time() * 1000, abs=5000)


@pytest.mark.calls("get_assets", "get_markets")
async def test_assets_and_markets_are_listed(bpx: Bpx) -> None:
    assert {"SOL", "USDC"} <= {asset["symbol"] for asset in await answer(bpx.public.get_assets())}
    markets = {market["symbol"]: market for market in await answer(bpx.public.get_markets())}
    assert markets[SPOT]["filters"]["price"]["tickSize"] == "0.01"
    assert markets[PERP]["marketType"] == "PERP"


@pytest.mark.calls("get_collateral: public")
async def test_collateral_has_a_weight(bpx: Bpx) -> None:
    collateral = {row["symbol"]: row for row in await answer(bpx.public.get_collateral())}
    assert float(collateral["USDC"]["haircutFunction"]["weight"]) == 1


@pytest.mark.calls("get_ticker", "get_tickers")
async def test_tickers_have_a_last_price(bpx: Bpx) -> None:
    assert float((await answer(bpx.public.get_ticker(SPOT)))["lastPrice"]) > 0
    assert {SPOT, PERP} <= {ticker["symbol"] for ticker in await answer(bpx.public.get_tickers())}


@pytest.mark.calls("get_depth")
async def test_the_best_bid_is_the_last_one(bpx: Bpx) -> None:
    depth = await answer(bpx.public.get_depth(SPOT))
    bids = [float(price) for price, _ in depth["bids"]]
    assert bids == sorted(bids)
    assert bids[-1] < float(depth["asks"][0][0])


@pytest.mark.calls("get_klines")
async def test_candles_are_asked_for_in_seconds(bpx: Bpx) -> None:
    candles = await answer(bpx.public.get_klines(SPOT, "1m", int(time.time()) - HOUR_S))
    assert candles
    assert [candle["start"] for candle in candles] == sorted(candle["start"] for candle in candles)


@pytest.mark.calls("get_open_interest", "get_all_mark_prices")
async def test_a_perpetual_has_open_interest_and_a_mark_price(bpx: Bpx) -> None:
    """The synchronous flavour has a coroutine for the mark prices by accident: it is waited for all the same."""
    [interest] = await answer(bpx.public.get_open_interest(PERP))
    assert float(interest["openInterest"]) >= 0
    mark_prices = bpx.public.get_all_mark_prices(PERP)
    assert inspect.iscoroutine(mark_prices)
    [mark] = await mark_prices
    assert float(mark["markPrice"]) > 0


@pytest.mark.calls("get_recent_trades", "get_history_trades")
async def test_trades_come_newest_first(bpx: Bpx) -> None:
    recent = await answer(bpx.public.get_recent_trades(SPOT, 5))
    assert len(recent) == 5
    assert [trade["id"] for trade in recent] == sorted((trade["id"] for trade in recent), reverse=True)
    assert len(await answer(bpx.public.get_history_trades(SPOT, 3, 5))) == 3
