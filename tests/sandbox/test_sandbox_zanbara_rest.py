"""Zanbara's REST face: shapes, orders' lives, idempotency, refusals and the order of checks."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox.zanbara_desks import LIMIT, STILL, golden, names, refusal, shape, venue

ORDER = golden("order_synthetic")["data"]


# -- public ------------------------------------------------------------------------------------------------------------


async def test_the_system_answers_in_the_envelope() -> None:
    async with venue() as v:
        answer = await v.http.get("/v1/system/time")
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        body = answer.json()
        assert names(body) == ["success", "data", "timestamp"]
        assert body["success"] is True
        assert abs(body["data"]["server_time"] - body["timestamp"]) < 1000
        status = await v.get("/v1/system/status")
        assert names(status) == ["status", "message", "version", "server_time", "maintenance"]
        assert (status["status"], status["maintenance"]) == ("normal", None)
        assert (await v.get("/v1/health"))["services"] == {"matching": "ok", "websocket": "ok", "settlement": "ok"}
        for method, path in (("GET", "/v1/nothing"), ("PUT", "/v1/order/place"), ("GET", "/v1/auth/token")):
            assert refusal(await v.http.request(method, path)) == (404, "ENDPOINT_NOT_FOUND", None)


async def test_symbols_have_the_published_figures() -> None:
    async with venue() as v:
        answer = (await v.http.get("/v1/market/symbols?limit=100")).json()
        assert shape(answer) == shape(golden("symbols_synthetic"))
        sol, eth, btc = answer["data"]["items"]
        assert sol == golden("symbols_synthetic")["data"]["items"][0]
        figures = ("tick_size", "lot_size", "max_quantity", "max_leverage", "maintenance_margin_rate")
        assert [eth[name] for name in figures] == ["0.10000000", "0.01000000", "50.00000000", 20, "0.025000"]
        assert [btc[name] for name in figures] == ["1.00000000", "0.00100000", "5.00000000", 20, "0.025000"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ticker/SOL-PERP", "ticker_synthetic"),
        ("orderbook/SOL-PERP", "orderbook_synthetic"),
        ("trades/SOL-PERP?limit=100", "trades_synthetic"),
    ],
)
async def test_market_data_has_the_shape_of_the_samples(path: str, name: str) -> None:
    async with venue() as v:
        await v.a.placed(price="151", quantity="0.5")
        assert shape((await v.http.get(f"/v1/market/{path}")).json()) == shape(golden(name))


async def test_a_book_is_best_first_and_as_deep_as_asked_for() -> None:
    async with venue() as v:
        book = await v.get("/v1/market/orderbook/SOL-PERP?depth=2")
        assert [price for price, _ in book["bids"]] == ["150.09000000", "150.08000000"]
        assert [price for price, _ in book["asks"]] == ["150.11000000", "150.12000000"]
        await v.a.placed(price="150.10")
        later = await v.get("/v1/market/orderbook/SOL-PERP?depth=1")
        assert later["bids"] == [["150.10000000", "1.00000000"]]
        assert later["sequence"] == book["sequence"] + 1
        for depth in ("0", "101", "x"):
            answer = await v.http.get(f"/v1/market/orderbook/SOL-PERP?depth={depth}")
            assert refusal(answer) == (400, "INVALID_PARAMETER", "depth")
        answer = await v.http.get("/v1/market/orderbook/sol-perp")
        assert refusal(answer) == (404, "SYMBOL_NOT_FOUND", "symbol")


async def test_the_still_book_is_the_same_in_every_run() -> None:
    async with venue() as v, venue(STILL) as other:
        path = "/v1/market/orderbook/BTC-PERP"
        assert (await v.get(path))["bids"] == (await other.get(path))["bids"]


async def test_bars_run_forward_inside_pages_that_run_back() -> None:
    async with venue() as v:
        await v.a.placed(price="150.11", quantity="0.5")
        await v.pass_time(180_000)
        await v.a.placed(side="sell", price="150.09", quantity="0.25")
        newest = await v.get("/v1/market/klines/SOL-PERP?interval=1m&limit=2")
        older = await v.get("/v1/market/klines/SOL-PERP?interval=1m&limit=2&page=2")
        assert (newest["total"], newest["has_next"]) == (4, True)
        bars = older["items"] + newest["items"]
        opened = [bar["open_time"] for bar in bars]
        assert opened == [opened[0] + minute * 60_000 for minute in range(4)]
        assert [bar["trades"] for bar in bars] == [1, 0, 0, 1]
        assert (bars[1]["open"], bars[1]["volume"], bars[3]["close"]) == ("150.11000000", "0.00000000", "150.09000000")
        assert bars[0]["close_time"] == bars[0]["open_time"] + 59_999
        answer = await v.http.get("/v1/market/klines/SOL-PERP")
        assert refusal(answer) == (400, "MISSING_PARAMETER", "interval")


# -- orders ------------------------------------------------------------------------------------------------------------


async def test_an_order_lives_and_ends() -> None:
    async with venue() as v:
        placed = await v.a.place(client_order_id="mine-1")
        assert placed.status_code == 201
        order = placed.json()["data"]
        assert names(order) == names(ORDER)
        fresh = {"price": "140.00000000", "quantity": "1.00000000", "remaining_quantity": "1.00000000"}
        nothing = {"filled_quantity": "0.00000000", "filled_amount": "0.00000000", "fee": "0.00000000"}
        own = {name: order[name] for name in ("order_id", "created_at", "updated_at")}
        settings = {"client_order_id": "mine-1", "leverage": 1, "status": "pending", "average_price": None}
        assert order == ORDER | fresh | nothing | own | settings
        path = f"/v1/order/{order['order_id']}"
        assert await v.a.get(path) == order
        assert refusal(await v.b.call("GET", path)) == (404, "ORDER_NOT_FOUND", None)
        cancelled = (await v.a.call("POST", "/v1/order/cancel", {"client_order_id": "mine-1"})).json()["data"]
        assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "USER_CANCELLED")
        again = await v.a.call("DELETE", path)
        assert refusal(again) == (400, "ORDER_NOT_CANCELLABLE", None)
        assert again.json()["error"]["details"] == {"status": "cancelled"}
        assert await v.a.get(path) == cancelled


async def test_fills_have_fees_and_the_order_knows_their_sum() -> None:
    async with venue() as v:
        maker = await v.b.placed(side="sell", price="150.10", quantity="4")
        taker = await v.a.placed(price="150.10", quantity="10", client_order_id="unique-id-12345")
        assert (taker["status"], taker["filled_quantity"]) == ("partial_filled", "4.00000000")
        assert (taker["average_price"], taker["filled_amount"]) == ("150.10000000", "600.40000000")
        assert taker["fee"] == "0.30020000"
        fills = (await v.a.call("GET", "/v1/trade/history?limit=100")).json()
        assert shape(fills) == shape(golden("fills_synthetic"))
        (fill,) = fills["data"]["items"]
        (other,) = (await v.b.get("/v1/trade/history"))["items"]
        assert (fill["liquidity"], other["liquidity"], other["fee"]) == ("taker", "maker", "0.12008000")
        assert (fill["trade_id"], other["order_id"]) == (other["trade_id"], maker["order_id"])
        (trade, *_) = (await v.get("/v1/market/trades/SOL-PERP"))["items"]
        assert (trade["trade_id"], trade["side"]) == (fill["trade_id"], "buy")


@pytest.mark.parametrize(
    ("changes", "status", "reason", "filled"),
    [
        ({"type": "market", "price": None, "quantity": "0.5"}, "filled", None, "0.50000000"),
        ({"type": "market", "price": None, "quantity": "100"}, "cancelled", "NO_LIQUIDITY", None),
        ({"time_in_force": "IOC", "price": "150.11", "quantity": "100"}, "cancelled", "IOC_REMAINDER", None),
        ({"time_in_force": "FOK", "price": "150.11", "quantity": "100"}, "cancelled", "FOK_NOT_FILLED", "0.00000000"),
        ({"type": "post_only", "price": "150.11"}, "rejected", "POST_ONLY_WOULD_MATCH", "0.00000000"),
        ({"type": "post_only", "price": "150.10"}, "pending", None, "0.00000000"),
    ],
)
async def test_what_the_engine_decides_is_an_order_all_the_same(
    changes: dict[str, Any], status: str, reason: str | None, filled: str | None
) -> None:
    async with venue(replace(STILL, book_levels=1)) as v:  # a book with less than a hundred to take
        order = await v.a.placed(**changes, client_order_id="once")
        assert (order["status"], order["reason"]) == (status, reason)
        assert filled is None or order["filled_quantity"] == filled
        assert (await v.a.place(client_order_id="once")).json()["data"]["order_id"] == order["order_id"]
        assert (await v.a.get("/v1/order/list"))["items"] == [order]


async def test_an_order_ends_when_its_time_is_over() -> None:
    async with venue() as v:
        now_ms = await v.pass_time(0)
        order = await v.a.placed(time_in_force="GTT", expire_time=now_ms + 60_000)
        assert (order["time_in_force"], order["expire_time"]) == ("GTT", now_ms + 60_000)
        await v.pass_time(60_001)
        ended = await v.a.get(f"/v1/order/{order['order_id']}")
        assert (ended["status"], ended["reason"]) == ("expired", "GTT_EXPIRED")
        assert (await v.a.get("/v1/account/balance"))["order_margin"] == "0.00000000"


async def test_trading_with_oneself_cancels_the_taker() -> None:
    async with venue() as v:
        await v.a.placed(side="sell", price="150.10")
        order = await v.a.placed(price="150.10")
        assert (order["status"], order["reason"]) == ("cancelled", "SELF_TRADE")


async def test_the_same_client_order_id_gives_the_same_order_for_ever() -> None:
    async with venue() as v:
        first = await v.a.placed(client_order_id="once")
        again = await v.a.place(client_order_id="once", quantity="7", side="sell")
        assert (again.status_code, again.json()["data"]) == (200, first)
        nonsense = await v.a.call("POST", "/v1/order/place", {"client_order_id": "once", "symbol": 7})
        assert (nonsense.status_code, nonsense.json()["data"]) == (200, first)
        await v.a.call("DELETE", f"/v1/order/{first['order_id']}")
        late = await v.a.place(client_order_id="once")
        assert (late.status_code, late.json()["data"]["status"]) == (200, "cancelled")
        assert (await v.b.place(client_order_id="once")).status_code == 201  # an account's ids are its own
        assert (await v.a.get("/v1/order/list"))["total"] == 1


async def test_of_two_simultaneous_placements_one_creates() -> None:
    async with venue() as v:
        answers = await asyncio.gather(*(v.a.place(client_order_id="race") for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
        assert len({answer.json()["data"]["order_id"] for answer in answers}) == 1


async def test_a_refused_order_leaves_its_client_order_id_free() -> None:
    async with venue() as v:
        assert (await v.a.place(client_order_id="free", price="140.001")).status_code == 400
        assert (await v.a.place(client_order_id="free")).status_code == 201


REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"symbol": None}, 400, "MISSING_PARAMETER", "symbol"),
    ({"side": None}, 400, "MISSING_PARAMETER", "side"),
    ({"type": None}, 400, "MISSING_PARAMETER", "type"),
    ({"quantity": None}, 400, "MISSING_PARAMETER", "quantity"),
    ({"symbol": "DOGE-PERP"}, 404, "SYMBOL_NOT_FOUND", "symbol"),
    ({"symbol": 7}, 400, "INVALID_PARAMETER", "symbol"),
    ({"side": "Buy"}, 400, "INVALID_PARAMETER", "side"),
    ({"type": "twap"}, 400, "INVALID_PARAMETER", "type"),
    ({"time_in_force": "gtc"}, 400, "INVALID_PARAMETER", "time_in_force"),
    ({"reduce_only": "true"}, 400, "INVALID_PARAMETER", "reduce_only"),
    ({"client_order_id": "a b"}, 400, "INVALID_PARAMETER", "client_order_id"),
    ({"client_order_id": "x" * 65}, 400, "INVALID_PARAMETER", "client_order_id"),
    ({"price": "+140"}, 400, "INVALID_PARAMETER", "price"),
    ({"price": "1e2"}, 400, "INVALID_PARAMETER", "price"),
    ({"price": "140."}, 400, "INVALID_PARAMETER", "price"),
    ({"price": "140.001"}, 400, "INVALID_PRECISION", "price"),
    ({"price": "140.000000001"}, 400, "INVALID_PRECISION", "price"),
    ({"quantity": "1.001"}, 400, "INVALID_PRECISION", "quantity"),
    ({"quantity": "0"}, 400, "INVALID_QUANTITY", "quantity"),
    ({"quantity": "100.01"}, 400, "ORDER_SIZE_TOO_LARGE", "quantity"),
    ({"price": "0"}, 400, "INVALID_PRICE", "price"),
    ({"price": None}, 400, "INVALID_PRICE", "price"),
    ({"type": "market"}, 400, "INVALID_PRICE", "price"),
    ({"type": "market", "price": None, "time_in_force": "GTC"}, 400, "INVALID_PARAMETER", "time_in_force"),
    ({"type": "post_only", "time_in_force": "IOC"}, 400, "INVALID_PARAMETER", "time_in_force"),
    ({"time_in_force": "GTT"}, 400, "MISSING_PARAMETER", "expire_time"),
    ({"time_in_force": "GTT", "expire_time": 1}, 400, "INVALID_PARAMETER", "expire_time"),
    ({"time_in_force": "GTT", "expire_time": "1"}, 400, "INVALID_PARAMETER", "expire_time"),
    ({"expire_time": 9_999_999_999_999}, 400, "INVALID_PARAMETER", "expire_time"),
    ({"reduce_only": True}, 400, "REDUCE_ONLY_REJECTED", "reduce_only"),
    ({}, 400, "INSUFFICIENT_BALANCE", "quantity"),
]


async def test_refused_orders() -> None:
    async with venue() as v:
        for changes, *expected in REFUSED:
            assert refusal(await v.poor.place(**changes)) == tuple(expected), changes
        assert (await v.poor.get("/v1/order/list"))["items"] == []


async def test_the_first_failing_check_speaks() -> None:
    """Each order has every fault from its row on; one fault fewer, and the next one is told."""
    faults: list[tuple[dict[str, Any], str]] = [
        ({"client_order_id": "?"}, "client_order_id"),
        ({"quantity": None}, "quantity"),
        ({"side": "up"}, "side"),
        ({"symbol": "X-PERP"}, "symbol"),
        ({"price": "140.001"}, "price"),
        ({"quantity": "1000"}, "quantity"),
        ({"time_in_force": "GTT"}, "expire_time"),
        ({"reduce_only": True}, "reduce_only"),
        ({}, "quantity"),
    ]
    async with venue() as v:
        told = []
        for number in range(len(faults)):
            order: dict[str, Any] = {}
            for changes, _ in reversed(faults[number:]):
                order |= changes
            told.append(refusal(await v.poor.place(**order))[2])
        assert told == [field for _, field in faults]


async def test_missing_money_is_told_in_words_and_figures() -> None:
    async with venue() as v:
        error = (await v.poor.place(price="150", quantity="1")).json()["error"]
        assert error == golden("error_insufficient_balance")["error"] | {
            "message": "Insufficient balance: available=50.00 USDC, required=150.08 USDC",
            "details": {"available": "50.00000000", "required": "150.07500000", "asset": "USDC"},
        }


async def test_no_more_than_two_hundred_orders_rest_in_a_symbol() -> None:
    async with venue() as v:
        order = LIMIT | {"quantity": "0.01"}
        for _ in range(10):
            await v.a.call("POST", "/v1/order/place-batch", {"orders": [order] * 20})
        assert refusal(await v.a.place()) == (400, "TOO_MANY_OPEN_ORDERS", None)
        assert (await v.a.place(symbol="ETH-PERP")).status_code == 201
        everything = (await v.a.call("POST", "/v1/order/cancel-all")).json()["data"]
        assert (everything["count"], len(everything["cancelled"])) == (201, 201)


async def test_a_halted_symbol_takes_no_orders_but_answers_and_cancels() -> None:
    async with venue(halted=("ETH-PERP",)) as v:
        assert refusal(await v.a.place(symbol="ETH-PERP")) == (503, "TRADING_HALTED", "symbol")
        halted = await v.get("/v1/market/symbols?status=halted")
        assert [item["symbol"] for item in halted["items"]] == ["ETH-PERP"]
        assert (await v.a.call("POST", "/v1/order/cancel-all", {"symbol": "ETH-PERP"})).status_code == 200


async def test_bodies_must_be_json_objects_and_say_so() -> None:
    async with venue() as v:
        headers = {"Authorization": f"Bearer {v.a.token}", "Content-Type": "application/json"}

        async def posted(content: bytes, **more: str) -> tuple[int, str, str | None]:
            return refusal(await v.http.post("/v1/order/place", content=content, headers=headers | more))

        wrong = (400, "INVALID_REQUEST", None)
        for content in (b"", b"{", b"[]", b'"x"', b'{"symbol":"\\ud800"}', b'{"quantity":NaN}', b"\xff{}", b"[" * 9999):
            assert await posted(content) == wrong, content
        assert await posted(json.dumps(LIMIT).encode(), **{"Content-Type": "text/plain"}) == wrong
        charset = {"Content-Type": "application/json; charset=utf-8"}
        answer = await v.http.post("/v1/order/place", json=LIMIT | {"unknown": 1}, headers=headers | charset)
        assert answer.status_code == 201
        exact = b'{"symbol":"SOL-PERP","side":"buy","type":"limit","quantity":1,"price":140.10,"expire_time":null}'
        answer = await v.http.post("/v1/order/place", content=exact, headers=headers)
        assert answer.json()["data"]["price"] == "140.10000000"
        assert await posted(exact.replace(b"1,", b"1e0,")) == (400, "INVALID_PARAMETER", "quantity")
        assert await posted(exact.replace(b":1,", b":" + b"9" * 500 + b",")) == (400, "INVALID_PARAMETER", "quantity")


async def test_strict_numbers_are_text() -> None:
    async with venue(strict_numbers=True) as v:
        assert refusal(await v.a.place(price=140.5)) == (400, "INVALID_PARAMETER", "price")
        assert (await v.a.place(price="140.5")).status_code == 201
