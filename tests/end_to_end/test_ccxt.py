"""The simulated venue is Backpack enough for others: stock ccxt trades on it, only URL and keys changed."""

import asyncio
from typing import Any

import ccxt

from gateway.cli.stack import Stack
from tests.end_to_end.bots import VENUE, VenueControl


async def test_stock_ccxt_trades_at_the_simulated_venue(stack: Stack, venue: VenueControl) -> None:
    keys = next(account for account in stack.venues[VENUE].accounts if account["name"] == "desk-b")["credentials"]
    exchange = ccxt.backpack({"apiKey": keys["api_key"], "secret": keys["api_secret"], "timeout": 5000})
    exchange.urls["api"] = {"public": stack.venues[VENUE].url, "private": stack.venues[VENUE].url}
    before = await venue.orders("desk-b")
    order_id = await asyncio.to_thread(trade, exchange)
    await asyncio.to_thread(exchange.session.close)
    assert await venue.orders("desk-b") == [*before, order_id]


def trade(exchange: Any) -> str:
    """A small bot, in ccxt's own words; answers with its order's id."""
    assert "SOL/USDC" in exchange.load_markets()
    book = exchange.fetch_order_book("SOL/USDC", 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    price = round(book["bids"][0][0] * 0.95, 2)
    placed = exchange.create_order("SOL/USDC", "limit", "buy", 0.5, price)
    found = exchange.fetch_open_order(placed["id"], "SOL/USDC")
    assert (found["id"], found["status"], found["price"], found["amount"]) == (placed["id"], "open", price, 0.5)
    assert exchange.cancel_order(placed["id"], "SOL/USDC")["status"] == "canceled"
    assert exchange.fetch_open_orders("SOL/USDC") == []
    return str(placed["id"])
