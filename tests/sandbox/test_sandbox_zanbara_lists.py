"""Zanbara's lists and batches: pages, filters, several orders at once, and calls that name an order."""

from typing import Any

import httpx

from tests.sandbox.zanbara_desks import LIMIT, Desk, golden, refusal, shape, venue


async def identifiers(desk: Desk, query: str) -> list[str]:
    return [item["client_order_id"] for item in (await desk.get(f"/v1/order/list?{query}"))["items"]]


async def test_lists_are_paged_newest_first() -> None:
    async with venue() as v:
        for number in range(5):
            await v.a.placed(client_order_id=f"n{number}")
        answer = (await v.a.call("GET", "/v1/order/list?limit=2")).json()
        assert shape(answer) == shape(golden("orders_synthetic"))
        page = answer["data"]
        assert [item["client_order_id"] for item in page["items"]] == ["n4", "n3"]
        counts = {name: value for name, value in page.items() if name != "items"}
        assert counts == {
            **{"total": 5, "page": 1, "limit": 2, "total_pages": 3},
            **{"has_next": True, "has_prev": False},
        }
        last = await v.a.get("/v1/order/list?limit=2&page=3")
        assert (len(last["items"]), last["has_next"], last["has_prev"]) == (1, False, True)
        beyond = await v.a.get("/v1/order/list?limit=2&page=4")
        assert (beyond["items"], beyond["has_next"]) == ([], False)
        nothing = await v.b.get("/v1/order/list")
        assert (nothing["total"], nothing["total_pages"], nothing["limit"]) == (0, 0, 20)
        for query, field in (("page=0", "page"), ("limit=0", "limit"), ("limit=101", "limit"), ("page=x", "page")):
            answer = await v.a.call("GET", f"/v1/order/list?{query}")
            assert refusal(answer) == (400, "INVALID_PARAMETER", field)


async def test_orders_of_every_status_are_listed_unless_filtered() -> None:
    async with venue() as v:
        await v.a.placed(client_order_id="rests")
        filled = await v.a.placed(client_order_id="filled", price="150.11", quantity="0.01")
        gone = await v.a.placed(client_order_id="gone", side="sell", price="3100", symbol="ETH-PERP")
        await v.a.call("DELETE", f"/v1/order/{gone['order_id']}")
        assert await identifiers(v.a, "") == ["gone", "filled", "rests"]
        assert await identifiers(v.a, "status=pending,partial_filled") == ["rests"]
        assert await identifiers(v.a, "status=filled") == ["filled"]
        assert await identifiers(v.a, "symbol=ETH-PERP&side=sell&type=limit") == ["gone"]
        assert await identifiers(v.a, "client_order_id=filled&side=sell") == []
        assert await identifiers(v.a, f"end_time={filled['created_at'] - 60_000}") == []
        for query, code, field in (
            ("status=new", "INVALID_PARAMETER", "status"),
            ("symbol=NO", "SYMBOL_NOT_FOUND", "symbol"),
            ("start_time=2&end_time=1", "INVALID_PARAMETER", "start_time"),
        ):
            assert refusal(await v.a.call("GET", f"/v1/order/list?{query}"))[1:] == (code, field)


async def test_a_batch_tells_each_order_by_itself() -> None:
    async with venue() as v:
        await v.a.placed(client_order_id="known")
        orders = [LIMIT | {"client_order_id": "known"}, LIMIT | {"price": "1.001"}, 7, LIMIT]
        answer = await v.a.call("POST", "/v1/order/place-batch", {"orders": orders})
        assert answer.status_code == 200
        results = answer.json()["data"]["results"]
        assert [result["success"] for result in results] == [True, False, False, True]
        assert results[1]["error"]["code"] == "INVALID_PRECISION"
        ids = [results[0]["order"]["order_id"], "nothing", results[3]["order"]["order_id"]]
        cancelled = (await v.a.call("POST", "/v1/order/cancel-batch", {"order_ids": ids})).json()["data"]
        assert cancelled["cancelled"] == [ids[0], ids[2]]
        assert cancelled["failed"] == [{"order_id": "nothing", "code": "ORDER_NOT_FOUND", "message": "Order not found"}]
        wrong: list[tuple[dict[str, Any], str]] = [({}, "MISSING_PARAMETER"), ({"order_ids": []}, "INVALID_PARAMETER")]
        for body, code in wrong:
            assert refusal(await v.a.call("POST", "/v1/order/cancel-batch", body)) == (400, code, "order_ids")
        too_many = {"orders": [LIMIT] * 21}
        assert refusal(await v.a.call("POST", "/v1/order/place-batch", too_many))[2] == "orders"


async def test_a_cancel_names_exactly_one_order() -> None:
    async with venue() as v:
        order = await v.a.placed(client_order_id="c")

        async def cancelled(**body: str) -> tuple[int, str, str | None]:
            return refusal(await v.a.call("POST", "/v1/order/cancel", body))

        assert await cancelled() == (400, "MISSING_PARAMETER", "order_id")
        both = await cancelled(order_id=order["order_id"], client_order_id="c")
        assert both == (400, "INVALID_PARAMETER", "client_order_id")
        assert await cancelled(client_order_id="d") == (404, "ORDER_NOT_FOUND", None)
        assert refusal(await v.b.call("DELETE", f"/v1/order/{order['order_id']}"))[0] == 404


async def test_an_amended_order_keeps_its_id() -> None:
    async with venue() as v:
        order = await v.a.placed(client_order_id="am", price="150.10", quantity="2")

        async def amended(**body: str) -> httpx.Response:
            return await v.a.call("POST", "/v1/order/amend", {"client_order_id": "am"} | body)

        await v.b.placed(price="150.10")
        assert (await amended(quantity="1.5")).json()["data"]["order_id"] == order["order_id"]
        await v.b.placed(side="sell", price="150.10", quantity="1")  # less quantity kept its place
        assert (await v.a.get(f"/v1/order/{order['order_id']}"))["filled_quantity"] == "1.00000000"
        assert refusal(await amended(quantity="1")) == (400, "INVALID_QUANTITY", "quantity")
        assert refusal(await amended(price="150.101")) == (400, "INVALID_PRECISION", "price")
        assert refusal(await amended()) == (400, "MISSING_PARAMETER", "price")
        crossed = (await amended(price="150.11")).json()["data"]
        assert (crossed["status"], crossed["price"]) == ("filled", "150.11000000")
        assert refusal(await amended(price="150")) == (400, "ORDER_NOT_AMENDABLE", None)
        shy = await v.a.placed(type="post_only", price="150")
        answer = await v.a.call("POST", "/v1/order/amend", {"order_id": shy["order_id"], "price": "160"})
        assert refusal(answer) == (400, "INVALID_PRICE", "price")
        assert await v.a.get(f"/v1/order/{shy['order_id']}") == shy


async def test_fills_and_movements_are_filtered() -> None:
    async with venue() as v:
        sol = await v.a.placed(price="150.11", quantity="0.01")
        eth = await v.a.placed(symbol="ETH-PERP", price="3001", quantity="0.01")
        path = "/v1/trade/history"
        newest, oldest = (await v.a.get(path))["items"]
        assert [newest["order_id"], oldest["order_id"]] == [eth["order_id"], sol["order_id"]]
        assert (await v.a.get(f"{path}?symbol=SOL-PERP"))["items"] == [oldest]
        assert (await v.a.get(f"{path}?order_id={eth['order_id']}"))["items"] == [newest]
        assert (await v.a.get(f"{path}?start_time={newest['timestamp']}"))["items"][0] == newest
        assert (await v.a.get(f"{path}?end_time={oldest['timestamp'] - 1}"))["items"] == []
        ledger = "/v1/account/ledger"
        fees = (await v.a.get(f"{ledger}?type=trading_fee&symbol=ETH-PERP"))["items"]
        assert [(entry["reference_id"], entry["amount"]) for entry in fees] == [
            (newest["trade_id"], f"-{newest['fee']}"),
        ]
        assert [entry["type"] for entry in (await v.a.get(f"{ledger}?limit=2"))["items"]] == ["trading_fee"] * 2
        assert (await v.a.get(f"{ledger}?type=referral_rebate"))["total"] == 0
        for query, code, field in (
            ("type=gift", "INVALID_PARAMETER", "type"),
            ("symbol=NO", "SYMBOL_NOT_FOUND", "symbol"),
            ("start_time=2&end_time=1", "INVALID_PARAMETER", "start_time"),
        ):
            assert refusal(await v.a.call("GET", f"{ledger}?{query}"))[1:] == (code, field)
