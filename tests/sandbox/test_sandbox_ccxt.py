"""An unmodified third-party client trades on the sandbox: stock ccxt, its synchronous REST class."""

import asyncio
from typing import Any

import ccxt
import pytest

from sandbox.config import SandboxConfig
from tests.sandbox.clients import Venue, venue


async def exchange_for(v: Venue, name: str) -> Any:
    accounts = {account["name"]: account for account in (await v.get("/sim/accounts"))["accounts"]}
    keys = accounts[name]
    exchange = ccxt.backpack(
        {"apiKey": keys["public_key"], "secret": keys["secret_key"], "enableRateLimit": False, "timeout": 5000}
    )
    exchange.urls["api"] = {"public": v.urls.url, "private": v.urls.url}
    return exchange


def trade(exchange: Any) -> None:
    """What a small bot would do, in ccxt's own words."""
    markets = exchange.load_markets()
    assert {"SOL/USDC", "BTC/USDC", "SOL/USDC:USDC", "BTC/USDC:USDC"} <= set(markets)
    assert markets["SOL/USDC"]["precision"]["price"] == 0.01
    book = exchange.fetch_order_book("SOL/USDC", 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert exchange.fetch_ticker("SOL/USDC")["last"] > 0
    price = round(book["bids"][0][0] * 0.9, 2)
    placed = exchange.create_order("SOL/USDC", "limit", "buy", 0.5, price, {"clientOrderId": "42"})
    found = exchange.fetch_open_order(placed["id"], "SOL/USDC")
    assert (found["status"], found["price"], str(found["clientOrderId"])) == ("open", price, "42")
    assert [order["id"] for order in exchange.fetch_open_orders("SOL/USDC")] == [placed["id"]]
    assert exchange.fetch_balance()["USDC"]["used"] == pytest.approx(price * 0.5)
    assert exchange.cancel_order(placed["id"], "SOL/USDC")["status"] == "canceled"
    bought = exchange.create_order("SOL/USDC", "market", "buy", 0.1)
    assert exchange.fetch_order(bought["id"], "SOL/USDC")["status"] == "closed"
    (fill,) = exchange.fetch_my_trades("SOL/USDC")
    assert (fill["order"], fill["amount"], fill["fee"]["currency"]) == (bought["id"], 0.1, "SOL")
    exchange.create_order("SOL/USDC:USDC", "market", "sell", 0.2)
    (position,) = exchange.fetch_positions()
    assert position["symbol"] == "SOL/USDC:USDC"
    with pytest.raises(ccxt.InvalidOrder):
        exchange.create_order("SOL/USDC", "limit", "buy", 0.5, book["asks"][-1][0] * 1.01, {"postOnly": True})
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("SOL/USDC", "limit", "buy", 9000, price)
    exchange.secret = "A" * 43 + "="
    with pytest.raises(ccxt.BadRequest, match="Invalid signature"):
        exchange.fetch_balance()


async def test_ccxt_trades() -> None:
    async with venue(SandboxConfig()) as v:
        exchange = await exchange_for(v, "desk-a")
        await asyncio.to_thread(trade, exchange)
        await asyncio.to_thread(exchange.session.close)
