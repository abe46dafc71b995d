"""Zanbara's accounts: balance and margin, positions and what closes them, leverage, the account's ledger."""

from dataclasses import replace
from typing import Any

from tests.sandbox.zanbara_desks import STILL, Desk, golden, refusal, shape, venue


async def post(desk: Desk, path: str, **body: Any) -> Any:
    answer = await desk.call("POST", f"/v1/{path}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def refused(desk: Desk, path: str, **body: Any) -> tuple[int, str, str | None]:
    answer = await desk.call("POST", f"/v1/{path}", body)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("field")


async def test_an_order_and_a_position_hold_margin() -> None:
    """The sample account: ten long at ten-fold leverage, isolated, and a resting order for four."""
    async with venue() as v:
        trader, seller = v.desks["usr_1001"], v.b
        await post(trader, "position/set-leverage", symbol="SOL-PERP", leverage=10)
        await post(trader, "position/set-margin-mode", symbol="SOL-PERP", margin_mode="isolated")
        await seller.placed(side="sell", price="150.10", quantity="10")
        await trader.placed(price="150.10", quantity="10")
        await trader.placed(price="150", quantity="4")
        answer = (await trader.call("GET", "/v1/account/balance")).json()
        assert shape(answer) == shape(golden("balance_synthetic"))
        balance = answer["data"]
        assert balance["balance"] == "9999.24950000"  # the taker's fee is 0.7505
        assert (balance["position_margin"], balance["order_margin"]) == ("150.10000000", "60.30000000")
        assert balance["available_balance"] == "9788.84950000"
        positions = (await trader.call("GET", "/v1/position/list?limit=100")).json()
        assert shape(positions) == shape(golden("positions_synthetic"))
        (position,) = positions["data"]["items"]
        assert (position["margin"], position["margin_ratio"]) == ("150.10000000", "2.000000")
        assert position["liquidation_price"] == "142.95238095"
        assert await trader.get("/v1/position/SOL-PERP") == position
        assert (await trader.get("/v1/account/positions"))["items"] == [position]


async def test_cross_margin_counts_the_whole_account() -> None:
    async with venue() as v:
        trader = v.desks["usr_1001"]
        await v.b.placed(price="150.10", quantity="10")
        await trader.placed(side="sell", price="150.10", quantity="10")
        position = await trader.get("/v1/position/SOL-PERP")
        assert (position["position_side"], position["quantity"]) == ("short", "10.00000000")
        balance = await trader.get("/v1/account/balance")
        assert position["margin_ratio"] == balance["margin_ratio"] == "133.234504"
        # At this mark: 9999.2495 - (P - 150.1) * 10 = 1.1 * 0.05 * 10 * P
        assert position["liquidation_price"] == "1090.07104265"


async def test_a_position_closes_and_its_profit_is_booked() -> None:
    async with venue(replace(STILL, book_levels=0)) as v:
        assert refusal(await v.a.call("GET", "/v1/position/SOL-PERP")) == (404, "POSITION_NOT_FOUND", None)
        await v.b.placed(side="sell", price="150.10", quantity="2")
        await v.a.placed(price="150.10", quantity="2")
        await v.b.placed(price="150.50", quantity="1.5")
        closed = await post(v.a, "position/close", symbol="SOL-PERP", quantity="1.5")
        assert (closed["status"], closed["reduce_only"], closed["type"]) == ("filled", True, "market")
        assert (await v.a.get("/v1/position/SOL-PERP"))["realized_pnl"] == "0.60000000"
        (fill, *_) = (await v.a.get("/v1/trade/history"))["items"]
        assert fill["realized_pnl"] == "0.60000000"
        entries = (await v.a.get("/v1/account/ledger"))["items"]
        assert [entry["type"] for entry in entries] == ["trading_fee", "realized_pnl", "trading_fee", "deposit"]
        assert entries[1]["amount"] == "0.60000000"
        assert entries[0]["balance"] == (await v.a.get("/v1/account/balance"))["balance"]
        await v.b.placed(price="150.10", quantity="2")
        (order,) = (await post(v.a, "position/close-all"))["orders"]
        assert order["filled_quantity"] == "0.50000000"
        assert await refused(v.a, "position/close", symbol="SOL-PERP") == (404, "POSITION_NOT_FOUND", None)


async def test_reduce_only_orders_trade_what_there_is_and_end_with_it() -> None:
    async with venue() as v:
        await v.b.placed(side="sell", price="150.10", quantity="1")
        await v.a.placed(price="150.10", quantity="1")
        resting = await v.a.placed(side="sell", price="151", quantity="5", reduce_only=True)
        assert (await v.a.get("/v1/account/balance"))["order_margin"] == "0.00000000"
        taking = await v.a.placed(side="sell", price="150", quantity="3", reduce_only=True)
        assert (taking["status"], taking["reason"], taking["filled_quantity"]) == (
            "cancelled",
            "REDUCE_ONLY",
            "1.00000000",
        )
        ended = await v.a.get(f"/v1/order/{resting['order_id']}")
        assert (ended["status"], ended["reason"]) == ("cancelled", "REDUCE_ONLY")


async def test_leverage_frees_margin_within_its_bounds() -> None:
    async with venue() as v:
        assert await refused(v.poor, "order/place", symbol="SOL-PERP", side="buy", type="limit", quantity="1",
                             price="140") == (400, "INSUFFICIENT_BALANCE", "quantity")  # fmt: skip
        told = await post(v.poor, "position/set-leverage", symbol="SOL-PERP", leverage=10)
        assert (told["leverage"], told["max_leverage"]) == (10, 10)
        order = await v.poor.placed()
        assert order["leverage"] == 10
        path = "position/set-leverage"
        assert await refused(v.a, path, symbol="SOL-PERP", leverage=11) == (400, "LEVERAGE_EXCEEDED", "leverage")
        for wrong in (0, "5", 2.5, True):
            assert await refused(v.a, path, symbol="SOL-PERP", leverage=wrong) == (400, "INVALID_PARAMETER", "leverage")
        assert await refused(v.a, path, symbol="X", leverage=2) == (404, "SYMBOL_NOT_FOUND", "symbol")
        mode = {"symbol": "SOL-PERP", "margin_mode": "isolated"}
        assert await refused(v.poor, "position/set-margin-mode", **mode) == (400, "MARGIN_MODE_LOCKED", "margin_mode")


async def test_lower_leverage_must_be_paid_for_and_added_margin_is_held() -> None:
    async with venue() as v:
        trader = v.desks["usr_1001"]
        await post(trader, "position/set-leverage", symbol="SOL-PERP", leverage=10)
        await v.b.placed(side="sell", price="150.10", quantity="99")
        await trader.placed(price="150.10", quantity="99")
        short = await refused(trader, "position/set-leverage", symbol="SOL-PERP", leverage=1)
        assert short == (400, "INSUFFICIENT_BALANCE", "leverage")
        await post(trader, "position/set-leverage", symbol="SOL-PERP", leverage=5)
        assert (await trader.get("/v1/account/balance"))["position_margin"] == "2971.98000000"
        cross = await refused(trader, "position/add-margin", symbol="SOL-PERP", amount="50")
        assert cross == (400, "INVALID_PARAMETER", "symbol")
        await post(v.a, "position/set-margin-mode", symbol="SOL-PERP", margin_mode="isolated")
        await v.b.placed(side="sell", price="150.10", quantity="1")
        await v.a.placed(price="150.10", quantity="1")
        position = await post(v.a, "position/add-margin", symbol="SOL-PERP", amount="50")
        assert position["margin"] == "200.10000000"


async def test_account_info_tells_the_key() -> None:
    async with venue() as v:
        info = await v.desks["usr_1001#2"].get("/v1/account/info")
        assert (info["user_id"], info["scopes"]) == ("usr_1001", ["read", "withdraw"])
        assert (info["vip_level"], info["margin_ratio"], info["status"]) == (0, None, "active")
