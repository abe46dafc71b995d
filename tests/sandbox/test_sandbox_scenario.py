"""What a test does to a market by hand: prices, states, money, and what the ledger says of it then."""

from typing import Any

import pytest

from sandbox.config import SandboxConfig
from tests.sandbox.clients import Venue, venue

PERP = "SOL_USDC_PERP"
STILL = SandboxConfig(makers=False, book_levels=20)


async def told(v: Venue, path: str, body: Any) -> Any:
    answer = await v.http.post(f"/sim/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_pinned_price_holds_and_lets_go() -> None:
    async with venue(STILL) as v:
        before = (await v.get("/sim/prices"))[PERP]
        pinned = await told(v, "prices", {"symbol": PERP, "index": "140", "mark": "141", "funding_rate": "-0.0002"})
        assert pinned[PERP] == before | {"index": "140", "mark": "141", "funding_rate": "-0.0002"}
        (row,) = await v.get("/api/v1/markPrices", symbol=PERP)
        assert (row["indexPrice"], row["markPrice"], row["fundingRate"]) == ("140", "141", "-0.0002")
        free = await told(v, "prices", {"symbol": PERP, "index": None, "mark": None, "funding_rate": None})
        assert free[PERP] == before


async def test_makers_quote_around_a_pinned_index() -> None:
    async with venue(SandboxConfig()) as v:
        await told(v, "prices", {"symbol": PERP, "index": "120"})
        await told(v, "clock", {"advance_ms": 1_000})
        book = await v.get("/api/v1/depth", symbol=PERP, limit="5")
        assert 119 < float(book["bids"][-1][0]) < float(book["asks"][0][0]) < 121


async def test_a_closed_market_refuses_orders_and_takes_cancels() -> None:
    async with venue(STILL) as v:
        resting = (await v.a.limit("Bid", "140", symbol=PERP)).json()
        await told(v, "markets", {"symbol": PERP, "state": "cancel_only"})
        refused = (await v.a.limit("Bid", "140", symbol=PERP)).json()
        assert refused["code"] == "TRADING_PAUSED"
        cancelled = await v.a.call("DELETE", "/api/v1/order", {"symbol": PERP, "orderId": resting["id"]})
        assert cancelled.json()["status"] == "Cancelled"


async def test_money_comes_in_and_goes_out_but_not_below_zero() -> None:
    async with venue(STILL) as v:
        money = {"account": "desk-poor", "asset": "USDC"}
        assert (await told(v, "transfers", money | {"amount": "100.5"}))["available"] == "150.5"
        assert (await told(v, "transfers", money | {"amount": "-0.5"}))["available"] == "150.0"
        answer = await v.http.post("/sim/transfers", json=money | {"amount": "-151"})
        assert (answer.status_code, answer.json()) == (400, {"error": "desk-poor has less USDC available"})


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("prices", {"symbol": "NOPE", "mark": "1"}, "no market NOPE"),
        ("prices", {"symbol": PERP, "mark": "0"}, "`mark` is above zero"),
        ("prices", {"symbol": PERP, "mark": 150}, "`mark` is missing or no text"),
        ("prices", {"symbol": PERP, "price": "1"}, "prices know no price"),
        ("markets", {"symbol": PERP, "state": "shut"}, "`state` is one of open, closed, cancel_only, limit_only"),
        ("transfers", {"account": "desk-z", "asset": "USDC", "amount": "1"}, "no account desk-z"),
        ("transfers", {"account": "desk-a", "asset": "USDC", "amount": "1e5"}, "`amount` is a decimal number"),
        ("transfers", [], "the body is not a JSON object"),
    ],
)
async def test_what_cannot_be_understood_is_named(path: str, body: Any, error: str) -> None:
    async with venue(STILL) as v:
        answer = await v.http.post(f"/sim/{path}", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(error)


async def test_the_ledger_counts_a_waiting_order_once_and_what_follows_from_it_not_at_all() -> None:
    async with venue(STILL) as v:
        trigger = {"triggerPrice": "160", "triggerQuantity": "1", "triggerBy": "MarkPrice"}
        order = {"symbol": PERP, "side": "Bid", "orderType": "Limit", "price": "140", "clientId": 7} | trigger
        placed = (await v.a.call("POST", "/api/v1/order", order)).json()
        await told(v, "prices", {"symbol": PERP, "mark": "161"})
        (follower,) = (await v.a.call("GET", "/api/v1/orders")).json()
        assert follower["relatedOrderId"] == placed["id"]
        orders = (await v.get("/sim/ledger/orders"))["desk-a"]
        assert [row["order_id"] for row in orders["orders"]] == [placed["id"]]
