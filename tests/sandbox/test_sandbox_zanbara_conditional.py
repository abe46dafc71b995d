"""Zanbara's orders that wait for a price, and icebergs: what they need, when they fire, how they are amended."""

from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox.zanbara_desks import STILL, Desk, golden, names, refusal, shape, socket, venue

MARKETLIKE = {"price": None, "quantity": "0.5"}
STOP: dict[str, Any] = {"type": "stop_market", "stop_price": "151", **MARKETLIKE}
TRAIL: dict[str, Any] = {"type": "trailing_stop", "side": "sell", "callback_rate": "0.01", **MARKETLIKE}
ICEBERG: dict[str, Any] = {"type": "iceberg", "price": "150.10", "quantity": "5", "visible_quantity": "2"}


def state(order: dict[str, Any]) -> tuple[str, bool, str | None]:
    return order["status"], order["triggered"], order["reason"]


# -- triggers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "far", "near"),
    [
        ({"type": "stop_market", "side": "buy", "stop_price": "151"}, "150.99", "151"),
        ({"type": "stop_market", "side": "sell", "stop_price": "149"}, "149.01", "149"),
        ({"type": "take_profit", "side": "buy", "stop_price": "149"}, "149.01", "149"),
        ({"type": "take_profit", "side": "sell", "stop_price": "151"}, "150.99", "151"),
    ],
)
async def test_a_conditional_order_fires_when_the_mark_reaches_its_price(
    changes: dict[str, Any], far: str, near: str
) -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        order = await v.a.placed(**MARKETLIKE | changes)
        assert (order["trigger_price_type"], order["time_in_force"]) == ("mark", "IOC")
        assert state(order) == ("pending", False, None)
        await v.pin(mark=far)
        assert state(await v.a.order(order)) == ("pending", False, None)
        await v.pin(mark=near)
        assert state(await v.a.order(order)) == ("filled", True, None)


async def test_a_conditional_order_may_look_at_the_last_trade() -> None:
    async with venue(replace(STILL, book_levels=0)) as v:
        order = await v.a.placed(**STOP, trigger_price_type="last")
        await v.pin(mark="160")
        assert state(await v.a.order(order)) == ("pending", False, None)
        for price in ("151", "152"):
            await v.b.placed(side="sell", price=price)
        await v.desks["usr_1001"].placed(price="151")  # the last trade, which brings the stop to the ask at 152
        fired = await v.a.order(order)
        assert (state(fired), fired["average_price"]) == (("filled", True, None), "152.00000000")


async def test_a_stop_limit_rests_at_its_price_once_it_has_fired() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        order = await v.a.placed(type="stop_limit", stop_price="151", price="150", quantity="2")
        assert shape(order) == shape(golden("order_conditional_synthetic")["data"])
        before = await v.get("/v1/market/orderbook/SOL-PERP?depth=100")
        assert (await v.a.get("/v1/account/balance"))["order_margin"] == "300.15000000"  # it is reserved for already
        await v.pin(mark="151")
        fired = await v.a.order(order)
        assert (state(fired), fired["stop_price"]) == (("pending", True, None), "151.00000000")
        after = await v.get("/v1/market/orderbook/SOL-PERP?depth=100")
        assert ["150.00000000", "2.00000000"] in after["bids"]
        assert ["150.00000000", "2.00000000"] not in before["bids"]
        assert (await v.a.get("/v1/account/balance"))["order_margin"] == "300.15000000"
        refused = await v.a.refused("order/amend", order_id=order["order_id"], price="149")
        assert refused == (400, "ORDER_NOT_AMENDABLE", None)


async def test_a_price_that_is_reached_already_fires_at_once() -> None:
    async with venue() as v:
        await v.pin(mark="152")
        order = await v.a.placed(**STOP)
        assert state(order) == ("filled", True, None)


async def test_a_trailing_stop_follows_the_best_price() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        order = await v.a.placed(**TRAIL)
        assert (order["callback_rate"], order["activation_price"], order["stop_price"]) == ("0.010000", None, None)
        for mark in ("160", "158.41"):
            await v.pin(mark=mark)
            assert state(await v.a.order(order)) == ("pending", False, None)
        await v.pin(mark="158.40")  # one per cent below 160
        assert state(await v.a.order(order)) == ("filled", True, None)


async def test_a_trailing_stop_waits_for_its_activation() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        order = await v.a.placed(**TRAIL | {"side": "buy"}, activation_price="145")
        assert order["activation_price"] == "145.00000000"
        for mark in ("146", "160", "145", "140", "141.39"):
            await v.pin(mark=mark)
            assert state(await v.a.order(order)) == ("pending", False, None), mark
        await v.pin(mark="141.40")  # one per cent above 140
        assert state(await v.a.order(order)) == ("filled", True, None)


async def test_what_an_account_cannot_carry_any_more_ends_when_it_fires() -> None:
    async with venue() as v:
        trader = v.desks["usr_1001"]
        await v.pin(mark="150.10")
        order = await trader.placed(type="stop_market", stop_price="151", price=None, quantity="60")
        await v.sim("POST", "transfers", {"account": "usr_1001", "asset": "USDC", "amount": "-9000"})
        await v.pin(mark="151")
        assert state(await trader.order(order)) == ("cancelled", True, "INSUFFICIENT_BALANCE")


async def test_an_order_that_fires_into_nothing_ends_for_want_of_liquidity() -> None:
    async with venue(replace(STILL, book_levels=0)) as v:
        order = await v.a.placed(**STOP)
        await v.pin(mark="151")
        assert state(await v.a.order(order)) == ("cancelled", True, "NO_LIQUIDITY")


async def test_a_waiting_order_ends_with_its_time() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        now_ms = await v.pass_time(0)
        order = await v.a.placed(
            type="stop_limit", stop_price="151", price="150", time_in_force="GTT", expire_time=now_ms + 60_000
        )
        await v.pass_time(60_001)
        ended = await v.a.order(order)
        assert (state(ended), ended["time_in_force"]) == (("expired", False, "GTT_EXPIRED"), "GTT")


async def test_waiting_orders_are_listed_told_and_cancelled_like_others() -> None:
    async with venue() as v, socket(v) as s:
        await v.pin(mark="150.10")
        await s.authenticate(v.a)
        await s.subscribe("orders")
        await s.next()
        order = await v.a.placed(**STOP, client_order_id="w")
        assert (await s.next())["data"] == order
        assert (await v.a.get("/v1/order/list?status=pending&type=stop_market"))["items"] == [order]
        again = await v.a.place(**STOP, client_order_id="w")
        assert (again.status_code, again.json()["data"]) == (200, order)
        await v.pin(mark="151")
        told = [(await s.next())["data"] for _ in range(2)]
        assert [state(item) for item in told] == [("pending", True, None), ("filled", True, None)]
        assert names(told[0]) == names(order)
        other = await v.a.placed(**STOP | {"stop_price": "155"})
        cancelled = await v.a.post("order/cancel", order_id=other["order_id"])
        assert state(cancelled) == ("cancelled", False, "USER_CANCELLED")
        await v.pin(mark="155")
        assert await v.a.order(other) == cancelled


async def test_a_halted_symbol_refuses_conditional_orders() -> None:
    async with venue() as v:
        await v.sim("POST", "markets", {"symbol": "SOL-PERP", "state": "closed"})
        assert refusal(await v.a.place(**STOP)) == (503, "TRADING_HALTED", "symbol")


async def test_a_halt_holds_back_what_waits_until_it_is_over() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        order = await v.a.placed(**STOP)
        await v.sim("POST", "markets", {"symbol": "SOL-PERP", "state": "closed"})
        await v.pin(mark="151")
        assert state(await v.a.order(order)) == ("pending", False, None)
        await v.sim("POST", "markets", {"symbol": "SOL-PERP", "state": "open"})
        await v.pin(mark="151")
        assert state(await v.a.order(order)) == ("filled", True, None)


# -- icebergs ----------------------------------------------------------------------------------------------------------


async def level(desk_book: Any, price: str) -> str | None:
    return dict(desk_book["bids"]).get(price)


async def test_an_iceberg_shows_a_part_and_refills_it_behind_the_others() -> None:
    async with venue() as v:
        path = "/v1/market/orderbook/SOL-PERP"
        iceberg = await v.a.placed(**ICEBERG)
        assert (iceberg["visible_quantity"], iceberg["status"]) == ("2.00000000", "pending")
        assert await level(await v.get(path), "150.10000000") == "2.00000000"
        other = await v.b.placed(price="150.10", quantity="1")
        seller = v.desks["usr_1001"]
        await seller.placed(side="sell", price="150.10", quantity="2")  # takes what shows; the next part queues up
        assert await level(await v.get(path), "150.10000000") == "3.00000000"
        await seller.placed(side="sell", price="150.10", quantity="1")
        assert (await v.b.order(other))["status"] == "filled"
        await seller.placed(side="sell", price="150.10", quantity="2")
        rest = await v.a.order(iceberg)
        assert (rest["filled_quantity"], rest["remaining_quantity"]) == ("4.00000000", "1.00000000")
        assert await level(await v.get(path), "150.10000000") == "1.00000000"


async def test_an_iceberg_is_amended_but_not_below_what_it_shows() -> None:
    async with venue() as v:
        order = await v.a.placed(**ICEBERG)

        async def amended(**body: str) -> tuple[int, str, str | None]:
            return await v.a.refused("order/amend", order_id=order["order_id"], **body)

        assert await amended(quantity="1.99") == (400, "INVALID_QUANTITY", "quantity")
        more = await v.a.post("order/amend", order_id=order["order_id"], quantity="7", price="150.09")
        assert (more["quantity"], more["visible_quantity"]) == ("7.00000000", "2.00000000")
        assert await level(await v.get("/v1/market/orderbook/SOL-PERP"), "150.10000000") is None


async def test_waiting_orders_are_amended_where_they_have_something_to_amend() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        stop = await v.a.placed(**STOP)
        order = await v.a.placed(type="stop_limit", stop_price="151", price="150", quantity="2")
        amended = await v.a.post("order/amend", order_id=order["order_id"], price="149", quantity="3")
        assert (amended["price"], amended["quantity"], state(amended)) == (
            *("149.00000000", "3.00000000"),
            ("pending", False, None),
        )
        margins = (await v.a.get("/v1/account/balance"))["order_margin"]
        assert margins == "522.31602750"  # 3 x 149 and 0.5 x 150.11, each with the taker's fee
        refused = await v.a.refused("order/amend", order_id=stop["order_id"], price="149")
        assert refused == (400, "ORDER_NOT_AMENDABLE", "price")
        assert (await v.a.post("order/amend", order_id=stop["order_id"], quantity="0.25"))["quantity"] == "0.25000000"


# -- refusals ----------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "stop_limit"}, "MISSING_PARAMETER", "stop_price"),
    ({"type": "stop_limit", "stop_price": "151", "price": None}, "INVALID_PRICE", "price"),
    ({"type": "stop_limit", "stop_price": "0"}, "INVALID_PRICE", "stop_price"),
    ({"type": "stop_limit", "stop_price": "151.001"}, "INVALID_PRECISION", "stop_price"),
    ({"type": "stop_limit", "stop_price": "151", "trigger_price_type": "index"}, "INVALID_PARAMETER",
     "trigger_price_type"),
    ({"type": "stop_market", "stop_price": "151"}, "INVALID_PRICE", "price"),
    (STOP | {"time_in_force": "GTC"}, "INVALID_PARAMETER", "time_in_force"),
    (STOP | {"time_in_force": "FOK"}, "INVALID_PARAMETER", "time_in_force"),
    ({"type": "take_profit", "stop_price": "151", "price": None, "time_in_force": "GTC"}, "INVALID_PARAMETER",
     "time_in_force"),
    (TRAIL | {"callback_rate": None}, "MISSING_PARAMETER", "callback_rate"),
    (TRAIL | {"callback_rate": "0.000999"}, "INVALID_PARAMETER", "callback_rate"),
    (TRAIL | {"callback_rate": "0.200001"}, "INVALID_PARAMETER", "callback_rate"),
    (TRAIL | {"callback_rate": "0.0123456"}, "INVALID_PRECISION", "callback_rate"),
    (TRAIL | {"stop_price": "151"}, "INVALID_PARAMETER", "stop_price"),
    (TRAIL | {"activation_price": "0"}, "INVALID_PRICE", "activation_price"),
    (TRAIL | {"price": "140"}, "INVALID_PRICE", "price"),
    ({"stop_price": "151"}, "INVALID_PARAMETER", "stop_price"),
    ({"trigger_price_type": "mark"}, "INVALID_PARAMETER", "trigger_price_type"),
    ({"type": "iceberg"}, "MISSING_PARAMETER", "visible_quantity"),
    (ICEBERG | {"price": None}, "INVALID_PRICE", "price"),
    (ICEBERG | {"visible_quantity": "5.01"}, "INVALID_QUANTITY", "visible_quantity"),
    (ICEBERG | {"visible_quantity": "0"}, "INVALID_QUANTITY", "visible_quantity"),
    (ICEBERG | {"visible_quantity": "0.001"}, "INVALID_PRECISION", "visible_quantity"),
    (ICEBERG | {"time_in_force": "IOC"}, "INVALID_PARAMETER", "time_in_force"),
    (STOP | {"reduce_only": True}, "REDUCE_ONLY_REJECTED", "reduce_only"),
    (STOP | {"symbol": "BTC-PERP", "stop_price": "1", "quantity": "5"}, "INSUFFICIENT_BALANCE", "quantity"),
]  # fmt: skip


async def test_refused_conditional_and_iceberg_orders() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        for changes, code, field in REFUSED:
            assert refusal(await v.poor.place(**changes)) == (400, code, field), changes
        assert (await v.poor.get("/v1/order/list"))["items"] == []


async def test_the_widest_and_narrowest_trails_are_taken() -> None:
    async with venue() as v:
        for rate in ("0.001", "0.2"):
            order = await v.a.placed(**TRAIL | {"callback_rate": rate})
            assert state(order) == ("pending", False, None)


async def test_waiting_orders_count_against_the_cap() -> None:
    async with venue(max_open_orders=2) as v:
        await v.pin(mark="150.10")
        await v.a.placed()
        await v.a.placed(**STOP)
        assert refusal(await v.a.place()) == (400, "TOO_MANY_OPEN_ORDERS", None)
        assert refusal(await v.a.place(**STOP)) == (400, "TOO_MANY_OPEN_ORDERS", None)
        assert (await v.a.place(symbol="ETH-PERP")).status_code == 201


async def test_a_batch_places_every_type_and_keeps_their_ids() -> None:
    async with venue() as v:
        await v.pin(mark="150.10")
        orders = [
            {"symbol": "SOL-PERP", "side": "buy", "type": "stop_market", "quantity": "1", "stop_price": "151",
             "client_order_id": "one"},
            {"symbol": "SOL-PERP", "side": "buy", **ICEBERG, "client_order_id": "two"},
        ]  # fmt: skip
        first = await place_batch(v.a, orders)
        again = await place_batch(v.a, orders)
        assert [item["order"]["type"] for item in first] == ["stop_market", "iceberg"]
        assert first == again


async def place_batch(desk: Desk, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = (await desk.post("order/place-batch", orders=orders))["results"]
    return results


async def test_without_the_announced_version_there_are_neither_batches_nor_icebergs() -> None:
    async with venue(enable_v1_1=False) as v:
        assert await v.a.refused("order/place-batch", orders=[]) == (404, "ENDPOINT_NOT_FOUND", None)
        assert refusal(await v.a.place(**ICEBERG)) == (400, "INVALID_PARAMETER", "type")
        assert (await v.a.place(**STOP)).status_code == 201
