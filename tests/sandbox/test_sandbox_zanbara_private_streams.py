"""Zanbara's private channels: snapshots, the order of what one fill tells, and tokens that run out."""

from dataclasses import replace
from typing import Any

from tests.sandbox.zanbara_desks import LIVELY, Desk, Socket, golden, names, shape, socket, venue


async def subscribed(s: Socket, desk: Desk, *channels: str) -> list[dict[str, Any]]:
    """Authenticate and subscribe; the snapshots."""
    answer = await s.authenticate(desk)
    assert answer["type"] == "authenticated"
    snapshots = []
    for channel in channels:
        assert (await s.subscribe(channel))["type"] == "subscribed"
        if channel != "fills":
            snapshots.append(await s.next())
    return snapshots


async def test_private_channels_begin_with_what_there_is() -> None:
    async with venue() as v, socket(v) as s:
        order = await v.a.placed()
        await v.a.placed(price="150.11", quantity="0.5")
        orders, positions, balance = await subscribed(s, v.a, "orders", "fills", "positions", "balance")
        answer = next(frame for frame in s.seen if frame["type"] == "authenticated")
        assert names(answer) == names(golden("stream_authenticated_synthetic"))
        assert (orders["symbol"], orders["data"], orders["sequence"]) == (None, {"items": [order]}, 1)
        assert positions["data"]["items"] == [await v.a.get("/v1/position/SOL-PERP")]
        current = await v.a.get("/v1/account/balance")
        assert balance["data"] | {"updated_at": 0} == current | {"updated_at": 0}


async def test_one_fill_is_told_as_fill_order_position_balance() -> None:
    async with venue() as v, socket(v) as s:
        await subscribed(s, v.a, "orders", "fills", "positions", "balance")
        before = len(s.seen)
        order = await v.a.placed(price="150.11", quantity="0.5", client_order_id="f")
        told = [await s.next() for _ in range(5)]
        assert len(s.seen) == before + 5
        assert [frame["channel"] for frame in told] == ["orders", "fills", "orders", "positions", "balance"]
        assert [told[0]["data"]["status"], told[2]["data"]] == ["pending", order]
        assert shape(told[1]) == shape(golden("stream_fills_update_synthetic"))
        assert shape(told[2]["data"]) == shape(order)
        assert shape(told[3]["data"]) == shape(golden("stream_positions_update_synthetic")["data"])
        assert shape(told[4]["data"]) == shape(golden("stream_balance_update_synthetic")["data"])
        assert [frame["symbol"] for frame in told] == ["SOL-PERP"] * 4 + [None]
        assert told[3]["data"]["quantity"] == "0.50000000"
        assert told[4]["data"]["position_margin"] == "75.05500000"
        assert told[1]["sequence"] == 1


async def test_several_fills_tell_each_position_on_its_way() -> None:
    async with venue() as v, socket(v) as s:
        for price in ("150.10", "150.09"):
            await v.b.placed(price=price)
        await subscribed(s, v.a, "fills", "positions")
        await v.a.placed(side="sell", price="150.10", quantity="1")
        await v.a.placed(side="sell", price="150.08", quantity="90")
        channels: list[str] = []
        quantities: list[str] = []
        while len(quantities) < 3:
            frame = await s.next()
            channels.append(frame["channel"])
            if frame["channel"] == "positions":
                quantities.append(frame["data"]["quantity"])
        assert channels == ["fills", "positions"] * 3
        assert quantities == sorted(quantities, key=float)


async def test_a_closed_position_is_told_with_nothing_left() -> None:
    async with venue() as v, socket(v) as s:
        await v.a.placed(price="150.11", quantity="0.5")
        await subscribed(s, v.a, "positions")
        await v.a.call("POST", "/v1/position/close-all")
        data = (await s.next())["data"]
        assert (data["quantity"], data["margin"], data["liquidation_price"]) == ("0.00000000", "0.00000000", None)
        assert (data["position_side"], data["realized_pnl"]) == ("long", "-0.01000000")


async def test_orders_of_one_symbol_and_of_others_only_ones_own() -> None:
    async with venue() as v, socket(v) as s:
        await s.authenticate(v.a)
        await s.subscribe("orders", "SOL-PERP")
        await s.next()
        await v.a.placed(symbol="ETH-PERP")
        await v.b.placed()
        order = await v.a.placed(type="post_only", price="151")
        frame = await s.next()
        assert (frame["data"], order["status"]) == (order, "rejected")


async def test_other_changes_of_margin_are_told_too() -> None:
    async with venue() as v, socket(v) as s:
        await v.a.placed(price="150.11", quantity="0.5")
        await subscribed(s, v.a, "positions", "balance")
        await v.a.call("POST", "/v1/position/set-leverage", {"symbol": "SOL-PERP", "leverage": 5})
        position, balance = [await s.next() for _ in range(2)]
        assert position["data"]["leverage"] == 5
        assert balance["data"]["position_margin"] == position["data"]["margin"] == "15.01100000"
        order = await v.a.placed()
        assert (await s.next())["data"]["order_margin"] != "0.00000000"
        await v.a.call("DELETE", f"/v1/order/{order['order_id']}")
        assert (await s.next())["data"]["order_margin"] == "0.00000000"


async def test_a_token_that_runs_out_suspends_private_channels_until_a_new_one() -> None:
    async with venue(token_lifetime_s=600, ws_heartbeat_timeout_ms=10**7) as v, socket(v) as s:
        await subscribed(s, v.a, "orders")
        await s.subscribe("trades", "SOL-PERP")
        await s.next()
        await v.pass_time(600_000)
        await s.send(type="ping")
        assert (await s.next())["error"]["code"] == "AUTHENTICATION_FAILED"
        assert (await s.next())["type"] == "pong"
        await v.a.login()
        await v.a.placed(price="150.11", quantity="0.01")
        assert (await s.next())["channel"] == "trades"
        assert (await s.authenticate(v.a))["type"] == "authenticated"
        fresh = await s.next()
        assert (fresh["type"], fresh["channel"], fresh["sequence"]) == ("snapshot", "orders", 2)
        order = await v.a.placed()
        assert (await s.next())["data"] == order


async def test_tokens_ended_early_suspend_sockets_too() -> None:
    async with venue() as v, socket(v) as s:
        await subscribed(s, v.a, "orders")
        await v.sim("POST", "expire-tokens", {"account": "desk-a"})
        assert (await s.next())["error"]["code"] == "AUTHENTICATION_FAILED"
        await s.send(type="subscribe", channel="fills", id=1)
        assert (await s.next())["error"]["code"] == "AUTHENTICATION_FAILED"
        await s.authenticate(v.a)
        assert await s.closed() == 4001
        assert (await v.sim("GET", "ledger/totals"))["expired_tokens"] == {"desk-a": 1}


async def test_a_renewed_token_extends_a_session_without_repeating_itself() -> None:
    async with venue() as v, socket(v) as s:
        await subscribed(s, v.a, "orders")
        await v.a.login()
        assert (await s.authenticate(v.a))["type"] == "authenticated"
        order = await v.a.placed()
        assert (await s.next())["data"] == order


async def test_the_ledger_shows_who_listens() -> None:
    async with venue() as v, socket(v) as s:
        await subscribed(s, v.a, "orders")
        await s.subscribe("orderbook", "SOL-PERP")
        shown = await v.sim("GET", "ledger/subscriptions")
        assert [(row["account"], row["stream"]) for row in shown["subscriptions"]] == [
            (None, "orderbook.SOL-PERP.20"),
            ("desk-a", "orders"),
        ]


async def test_maker_fills_arrive_by_themselves() -> None:
    async with venue(replace(LIVELY, tick_ms=20)) as v, socket(v) as s:
        await subscribed(s, v.a, "fills")
        await v.a.placed(side="sell", price="155.00", quantity="0.01")
        await v.http.post("/sim/prices", json={"symbol": "SOL-PERP", "index": "160"})
        frame = await s.update("fills")
        assert (frame["data"]["liquidity"], frame["data"]["price"]) == ("maker", "155.00000000")
