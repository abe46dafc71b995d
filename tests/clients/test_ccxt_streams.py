"""ccxt.pro for Python follows the market and an account's orders, positions and balances."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import ccxt
import ccxt.pro
import pytest

from tests.clients.ccxt_python import PERP, SPOT, exchange_at
from tests.clients.eventually import eventually
from tests.clients.venue import Keys, Venue

pytestmark = pytest.mark.client("ccxt.pro: streams", "Python")
SOON_S = 15


@pytest.fixture
async def exchange(venue: Venue, keys: Keys) -> AsyncIterator[Any]:
    opened = exchange_at(ccxt.pro.backpack, venue, keys)
    await opened.load_markets()
    yield opened
    await opened.close()


@pytest.fixture
def trader(exchange: Any) -> Any:
    """Trades over REST with the account that is watched."""
    return exchange


@dataclass(frozen=True)
class Account:
    """The account that is watched, as the venue's control plane sees it: the venue itself confirms no subscription."""

    venue: Venue
    name: str

    async def subscribed(self, *streams: str) -> None:
        async def listed() -> bool:
            return set(streams) <= self.venue.subscriptions(self.name)

        await eventually(listed)

    async def unsubscribed(self, *streams: str) -> None:
        async def gone() -> bool:
            return not set(streams) & self.venue.subscriptions(self.name)

        await eventually(gone)


@pytest.fixture
def account(venue: Venue, keys: Keys) -> Account:
    return Account(venue, keys.account)


async def left(venue: Venue, stream: str) -> None:
    """Nobody follows a public stream any more."""

    async def gone() -> bool:
        return stream not in venue.subscriptions()

    await eventually(gone)


@pytest.mark.calls("watch_ticker")
async def test_a_ticker_ticks(exchange: Any) -> None:
    async with asyncio.timeout(SOON_S):
        ticker = await exchange.watch_ticker(SPOT)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]


@pytest.mark.calls("un_watch_ticker", "un_watch_bids_asks")
async def test_leaving_tickers_leaves_them_running(exchange: Any, venue: Venue) -> None:
    """ccxt for Python forgets the ticker but sends no frame: what it sends next arrives, and the tickers still come."""
    async with asyncio.timeout(SOON_S):
        await exchange.watch_ticker(SPOT)
        await exchange.watch_bids_asks([SPOT])
        await exchange.un_watch_ticker(SPOT)
        await exchange.un_watch_bids_asks([SPOT])
        await exchange.watch_trades(SPOT)
        assert {"ticker.SOL_USDC", "bookTicker.SOL_USDC"} <= venue.subscriptions()


@pytest.mark.calls("watch_tickers")
async def test_several_tickers_come_over_one_connection(exchange: Any) -> None:
    async with asyncio.timeout(SOON_S):
        seen: set[str] = set()
        while seen != {SPOT, PERP}:
            seen |= set(await exchange.watch_tickers([SPOT, PERP]))


@pytest.mark.calls("watch_bids_asks")
async def test_the_top_of_the_book_has_a_bid_below_its_ask(exchange: Any) -> None:
    async with asyncio.timeout(SOON_S):
        top = (await exchange.watch_bids_asks([SPOT]))[SPOT]
        assert top["bid"] < top["ask"]
        assert top["bidVolume"] > 0


@pytest.mark.calls("watch_ohlcv", "un_watch_ohlcv")
async def test_a_candle_carries_the_time_it_closes(exchange: Any, venue: Venue) -> None:
    """Unlike over REST, where it carries the time it opens."""
    async with asyncio.timeout(SOON_S):
        [candle] = await exchange.watch_ohlcv(SPOT, "1m")
        closes_ms, opened, high, low, closed, _ = candle
        assert closes_ms > exchange.milliseconds() - 5000
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        await exchange.un_watch_ohlcv(SPOT, "1m")
        await left(venue, "kline.1m.SOL_USDC")


@pytest.mark.calls("watch_trades", "un_watch_trades")
async def test_trades_come_as_they_happen(exchange: Any, venue: Venue) -> None:
    async with asyncio.timeout(SOON_S):
        [trade, *_] = await exchange.watch_trades(SPOT)
        assert trade["symbol"] == SPOT
        assert trade["price"] > 0
        assert trade["side"] in {"buy", "sell"}
        await exchange.un_watch_trades(SPOT)
        await left(venue, "trade.SOL_USDC")


@pytest.mark.calls("watch_order_book", "un_watch_order_book")
async def test_a_book_is_complete_within_seconds(exchange: Any, venue: Venue) -> None:
    """ccxt fetches the snapshot only when the eleventh change arrives: on a quiet book it would wait for ever."""
    async with asyncio.timeout(SOON_S):
        nonces = []
        for _ in range(3):
            book = await exchange.watch_order_book(SPOT)
            assert book["bids"][0][0] < book["asks"][0][0]
            nonces.append(book["nonce"])
        assert nonces == sorted(nonces)
        await exchange.un_watch_order_book(SPOT)
        await left(venue, "depth.SOL_USDC")


@pytest.mark.calls("watch_trades_for_symbols", "watch_ohlcv_for_symbols", "watch_order_book_for_symbols")
async def test_several_markets_come_over_one_connection(exchange: Any) -> None:
    symbols = [SPOT, PERP]
    async with asyncio.timeout(SOON_S):
        [trade, *_] = await exchange.watch_trades_for_symbols(symbols)
        assert trade["symbol"] in symbols
        candles = await exchange.watch_ohlcv_for_symbols([[symbol, "1m"] for symbol in symbols])
        assert set(candles) <= set(symbols)
        assert (await exchange.watch_order_book_for_symbols(symbols))["symbol"] in symbols


@pytest.mark.calls("watch_orders")
async def test_orders_of_every_market_are_told(exchange: Any, trader: Any, account: Account) -> None:
    """ccxt subscribes quotes along with orders, and the venue takes both in silence."""
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_orders())
        await account.subscribed("account.orderUpdate", "account.rfqUpdate")
        placed = await trader.create_order(SPOT, "limit", "buy", 0.5, 120)
        [order] = await watching
        assert (order["id"], order["status"], order["price"]) == (placed["id"], "open", 120)


@pytest.mark.calls("watch_orders: fills")
async def test_a_fill_is_told_with_its_last_part(exchange: Any, trader: Any, account: Account) -> None:
    """ccxt shows the quantity of the last fill as `filled`; the order's own sum is in `info`."""
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_orders(SPOT))
        await account.subscribed("account.orderUpdate.SOL_USDC")
        placed = await trader.create_order(SPOT, "market", "buy", 0.2)
        [*_, order] = await watching
        while order["status"] != "closed":
            [*_, order] = await exchange.watch_orders(SPOT)
        assert (order["id"], order["fee"]["currency"]) == (placed["id"], "SOL")
        assert order["filled"] == float(order["info"]["l"])
        assert float(order["info"]["z"]) == 0.2


@pytest.mark.calls("un_watch_orders")
async def test_orders_of_one_market_can_be_left(exchange: Any, trader: Any, account: Account) -> None:
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_orders(SPOT))
        await account.subscribed("account.orderUpdate.SOL_USDC")
        await trader.create_order(SPOT, "limit", "buy", 0.5, 120)
        await watching
        await exchange.un_watch_orders(SPOT)
        await account.unsubscribed("account.orderUpdate.SOL_USDC")


@pytest.mark.calls("un_watch_orders: all")
async def test_leaving_the_orders_of_all_markets_stumbles_over_its_own_cache(
    exchange: Any, trader: Any, account: Account
) -> None:
    """ccxt sends the frame and then fails on what it remembers, once an order was seen."""
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_orders())
        await account.subscribed("account.orderUpdate")
        await trader.create_order(SPOT, "limit", "buy", 0.5, 120)
        await watching
        with pytest.raises(AttributeError):
            await exchange.un_watch_orders()
        await account.unsubscribed("account.orderUpdate", "account.rfqUpdate")


@pytest.mark.calls("watch_positions")
async def test_positions_open_change_and_close(exchange: Any, trader: Any, account: Account) -> None:
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_positions())
        await account.subscribed("account.positionUpdate")
        await trader.create_order(PERP, "market", "sell", 0.3)
        [position, *_] = await watching
        assert (position["symbol"], position["side"], float(position["contracts"])) == (PERP, "short", 0.3)
        assert float(position["entryPrice"]) > 0
        await trader.create_order(PERP, "market", "buy", 0.3)
        while position["info"]["e"] != "positionClosed":
            [*_, position] = await exchange.watch_positions()


@pytest.mark.calls("watch_positions: symbols")
async def test_positions_of_one_market_are_told(exchange: Any, trader: Any, account: Account) -> None:
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_positions([PERP]))
        await account.subscribed("account.positionUpdate.SOL_USDC_PERP")
        await trader.create_order(PERP, "market", "buy", 0.3)
        [position, *_] = await watching
        assert (position["symbol"], position["side"]) == (PERP, "long")


@pytest.mark.calls("un_watch_positions")
async def test_positions_of_one_market_can_be_left(exchange: Any, trader: Any, account: Account) -> None:
    """Leaving those of all markets sends its frame and then fails, like leaving all orders does."""
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_positions([PERP]))
        await account.subscribed("account.positionUpdate.SOL_USDC_PERP")
        await trader.create_order(PERP, "market", "buy", 0.3)
        await watching
        await exchange.un_watch_positions([PERP])
        await account.unsubscribed("account.positionUpdate.SOL_USDC_PERP")
        with pytest.raises(AttributeError):
            await exchange.un_watch_positions()


@pytest.mark.calls("watch_balance", "un_watch_balance")
async def test_a_balance_is_told_when_it_changes(exchange: Any, trader: Any, account: Account) -> None:
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_balance())
        await account.subscribed("account.balanceUpdate")
        await trader.create_order(SPOT, "limit", "buy", 0.5, 120)
        balance = await watching
        assert balance["USDC"] == {"free": 999_940, "used": 60, "total": 1_000_000}
        await exchange.un_watch_balance()
        await account.unsubscribed("account.balanceUpdate")


@pytest.mark.calls("watch_trades: invalid stream")
async def test_one_refused_stream_fails_everything_on_the_connection(exchange: Any, account: Account) -> None:
    """ccxt rejects every pending call of a connection when the venue refuses one stream."""
    async with asyncio.timeout(SOON_S):
        watching = asyncio.ensure_future(exchange.watch_orders())
        await account.subscribed("account.orderUpdate")
        with pytest.raises(ccxt.ExchangeError, match="Invalid"):
            await exchange.watch_ohlcv(SPOT, "7m")
        with pytest.raises(ccxt.ExchangeError, match="Invalid"):
            await watching
