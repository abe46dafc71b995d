"""What a test does to a market by hand: prices, states, money, and what the ledger says of it then."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.config import SandboxConfig
from sandbox.records import Lateness, Shelf
from tests.sandbox import zanbara_desks as zanbara
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


async def test_a_market_s_grid_and_bounds_change_live() -> None:
    async with venue(STILL) as v:
        old = (await v.a.limit("Bid", "140.05", symbol=PERP)).json()
        bounds = {"min_quantity": "2", "max_quantity": "50", "min_price": "100", "max_price": "200"}
        await told(v, "markets", {"symbol": PERP, "tick": "0.1", "step": "1"} | bounds)
        filters = (await v.get("/api/v1/market", symbol=PERP))["filters"]
        assert filters["quantity"] == {"maxQuantity": "50", "minQuantity": "2", "stepSize": "1"}
        shown = {name: filters["price"][name] for name in ("tickSize", "minPrice", "maxPrice")}
        assert shown == {"tickSize": "0.1", "minPrice": "100", "maxPrice": "200"}
        orders = (("140.05", "2"), ("140.1", "1"), ("140.1", "2.5"), ("140.1", "51"), ("99", "2"), ("140.1", "2"))
        answers = [(await v.a.limit("Bid", *order, symbol=PERP)).status_code for order in orders]
        assert answers == [400, 400, 400, 400, 400, 200]
        (first, second) = (await v.a.call("GET", "/api/v1/orders", {"symbol": PERP})).json()
        assert {first["price"], second["price"]} == {"140.05", "140.1"}
        assert old["id"] in (first["id"], second["id"])
        depth = await v.get("/api/v1/depth", symbol=PERP)
        assert ["140.05", "1"] in depth["bids"]
        assert await told(v, "markets", {"symbol": PERP, "max_quantity": None})
        assert (await v.a.limit("Bid", "140.1", "51", symbol=PERP)).status_code == 200


async def test_zanbara_s_market_changes_as_well_and_amending_looks_at_it() -> None:
    async with zanbara.venue(zanbara.STILL) as v:
        await v.a.login()
        order = await v.a.placed(price="140.05")
        await v.sim("POST", "markets", {"symbol": "SOL-PERP", "tick": "0.1"})
        (row,) = [row for row in (await v.get("/v1/market/symbols"))["items"] if row["symbol"] == "SOL-PERP"]
        assert row["tick_size"] == "0.10000000"
        assert zanbara.refusal(await v.a.place(price="140.05"))[1] == "INVALID_PRECISION"
        identifier = order["order_id"]
        assert (await v.a.refused("order/amend", order_id=identifier, price="140.15"))[1] == "INVALID_PRECISION"
        assert (await v.a.post("order/amend", order_id=identifier, price="140.2"))["price"] == "140.20000000"


async def test_makers_take_up_another_grid() -> None:
    async with venue(SandboxConfig()) as v:
        await told(v, "markets", {"symbol": PERP, "tick": "0.5", "step": "2", "min_quantity": "3"})
        await told(v, "clock", {"advance_ms": 1_000})
        depth = await v.get("/api/v1/depth", symbol=PERP)
        levels = [[Decimal(number) for number in level] for side in ("bids", "asks") for level in depth[side]]
        assert len(levels) > 10
        assert [(price, quantity) for price, quantity in levels if price % Decimal("0.5") or quantity % 2] == []


async def test_histories_are_late_while_it_is_said() -> None:
    async def fills() -> int:
        return len((await v.a.call("GET", "/wapi/v1/history/fills")).json())

    async with venue(STILL) as v:
        await v.a.limit("Bid", "160", "0.1")
        assert await fills() == 1
        await told(v, "history", {"lag_ms": 600_000})
        assert await fills() == 0
        await told(v, "history", {"lag_ms": 0})
        assert await fills() == 1


def test_with_a_seed_each_row_is_late_by_its_own_part() -> None:
    def seen_at(now_us: int, seed: int) -> list[int]:
        shelf: Shelf[int] = Shelf(Lateness(1_000, seed))
        for row in range(20):
            shelf.add("desk-a", row, 0)
        return list(shelf.newest_first("desk-a", now_us))

    assert seen_at(500, 1) == seen_at(500, 1) != seen_at(500, 2)
    assert 0 < len(seen_at(500, 1)) < 20
    assert set(seen_at(400, 1)) < set(seen_at(700, 1))
    assert seen_at(1_000, 1) == list(reversed(range(20)))


async def test_limits_change_live_and_say_what_they_count_anew() -> None:
    async with venue(STILL) as v:
        changed = await told(v, "limits", {"limits": {"standard": 3}, "period_ms": 60_000})
        assert (changed["restarted"], changed["limits"]["standard"]) == (["standard"], 3)
        answers = [(await v.http.get("/api/v1/time")).status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429]
        assert (await told(v, "limits", {"limits": {"standard": None}}))["restarted"] == ["standard"]
        assert (await v.http.get("/api/v1/time")).status_code == 200


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
        ("markets", {"symbol": PERP, "tick": "0"}, "`tick` is above zero"),
        ("markets", {"symbol": PERP, "tick": None}, "`tick` is a number, as text"),
        ("markets", {"symbol": PERP, "max_price": "0.001"}, "a maximum of 0.001 is below the minimum of 0.01"),
        ("markets", {"symbol": PERP, "lot": "1"}, "no member lot; there are symbol, state, tick"),
        ("limits", {"limits": {"standard": 0}}, "`limits` says of each class"),
        ("limits", {"limits": {"fast": 1}}, "no class fast; there are historical, standard, withdrawal"),
        ("limits", {"period_ms": 0}, "`period_ms` is 1 or more"),
        ("history", {}, "`lag_ms` is how many milliseconds late"),
        ("history", {"lag_ms": 1, "jitter_seed": "x"}, "`jitter_seed` is a whole number"),
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
