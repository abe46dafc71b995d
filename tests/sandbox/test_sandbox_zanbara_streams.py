"""Zanbara's WebSocket face: dialogue, heartbeat, books that agree with REST, private channels, tokens that run out."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from sandbox.config import SandboxConfig
from sandbox.matching import OrderRequest, OrderType, Side
from sandbox.zanbara.book_views import BookView
from tests.sandbox.clients import engine
from tests.sandbox.zanbara_desks import (
    TESTNET,
    Desk,
    Socket,
    golden,
    names,
    shape,
    socket,
    venue,
)

LIVELY = SandboxConfig(venue="zanbara", tick_ms=50, zanbara=TESTNET)
Book = dict[str, dict[str, str]]


def is_data(channel: str, kind: str = "update") -> Any:
    return lambda frame: (frame["type"], frame.get("channel")) == (kind, channel)


# -- dialogue ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws", "/", ""])
async def test_a_socket_is_welcomed_and_pings_are_answered(path: str) -> None:
    async with venue() as v, socket(v, path) as s:
        assert names(s.seen[0]) == ["type", "connection_id", "server_time", "timestamp"]
        await s.send(type="ping")
        assert shape(await s.next()) == shape(golden("stream_pong"))
        await s.send(type="ping", id="x")
        assert (await s.next())["id"] == "x"


async def test_errors_leave_the_socket_open() -> None:
    async with venue() as v, socket(v) as s:
        wrong: list[tuple[dict[str, Any], str, str | None]] = [
            ({"type": "dance"}, "INVALID_PARAMETER", "type"),
            ({}, "INVALID_PARAMETER", "type"),
            ({"type": "subscribe"}, "MISSING_PARAMETER", "channel"),
            ({"type": "subscribe", "channel": "nothing", "symbol": "SOL-PERP"}, "INVALID_PARAMETER", "channel"),
            ({"type": "subscribe", "channel": ["x"]}, "INVALID_PARAMETER", "channel"),
            ({"type": "subscribe", "channel": "trades"}, "MISSING_PARAMETER", "symbol"),
            ({"type": "subscribe", "channel": "trades", "symbol": "X"}, "SYMBOL_NOT_FOUND", "symbol"),
            ({"type": "subscribe", "channel": "trades", "symbol": [1]}, "SYMBOL_NOT_FOUND", "symbol"),
            ({"type": "subscribe", "channel": "orderbook", "symbol": "SOL-PERP", "depth": 7},
             "INVALID_PARAMETER", "depth"),
            ({"type": "subscribe", "channel": "orders"}, "AUTHENTICATION_FAILED", None),
        ]  # fmt: skip
        for number, (message, code, field) in enumerate(wrong):
            await s.send(**message, id=number)
            answer = await s.next()
            assert (answer["type"], answer["id"]) == ("error", number)
            assert (answer["error"]["code"], answer["error"].get("field")) == (code, field), message
        await s.send(type="ping")
        assert (await s.next())["type"] == "pong"


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "", b"{}", "[" * 5000])
async def test_what_is_no_json_object_closes_the_socket(text: str | bytes) -> None:
    async with venue() as v, socket(v) as s:
        await s.connection.send(text)
        assert await s.closed() == 4003


async def test_a_wrong_token_closes_the_socket() -> None:
    async with venue() as v, socket(v) as s:
        await s.send(type="auth", token="x")
        assert (await s.next())["error"] == golden("stream_error_token_synthetic")["error"]
        assert await s.closed() == 4001


async def test_a_silent_socket_is_cut_off_and_a_protocol_ping_is_no_heartbeat() -> None:
    async with venue(ws_heartbeat_timeout_ms=300) as v, socket(v) as quiet, socket(v) as talking:

        async def keep_talking() -> None:
            while True:
                await talking.send(type="ping")
                await talking.until(lambda frame: frame["type"] == "pong")
                await (await quiet.connection.ping())

        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                await keep_talking()
        assert await quiet.closed() == 4000
        assert talking.connection.close_code is None


async def test_one_subscription_too_many_closes_the_socket() -> None:
    async with venue(ws_max_subscriptions=2) as v, socket(v) as s:
        for symbol in ("SOL-PERP", "ETH-PERP", "SOL-PERP"):  # the third is one it has
            await s.subscribe("funding_rate", symbol)
        await s.send(type="subscribe", channel="trades", symbol="SOL-PERP", id=9)
        refused = await s.until(lambda frame: frame["type"] == "error")
        assert (refused["id"], refused["error"]["code"]) == (9, "INVALID_PARAMETER")
        assert await s.closed() == 4002


async def test_sockets_end_with_the_venue() -> None:
    async with venue() as v, socket(v) as s:
        await v.sim("POST", "reset")
        assert await s.closed() == 1001


# -- books -------------------------------------------------------------------------------------------------------------


def book_of(data: dict[str, Any]) -> Book:
    return {side: dict(data[side]) for side in ("bids", "asks")}


def apply(book: Book, data: dict[str, Any]) -> None:
    for side in ("bids", "asks"):
        for price, quantity in data[side]:
            if quantity == "0.00000000":
                del book[side][price]  # only what was shown is taken away
            else:
                book[side][price] = quantity


@pytest.mark.parametrize("depth", [5, 20])
async def test_a_book_kept_by_updates_is_the_book_of_rest(depth: int) -> None:
    async with venue(LIVELY) as v, socket(v) as s:
        assert (await s.subscribe("orderbook", "SOL-PERP", depth=depth, id=1))["depth"] == depth
        first = await s.next()
        assert shape(first) == shape(golden("stream_orderbook_snapshot_synthetic"))
        assert first["data"]["sequence"] == first["sequence"]
        book, sequence, compared, times = book_of(first["data"]), first["sequence"], 0, []
        while compared < 3:
            frame = await s.next()
            assert frame["data"]["prev_sequence"] == sequence
            apply(book, frame["data"])
            sequence = frame["sequence"]
            times.append(frame["timestamp"])
            assert all(len(book[side]) <= depth for side in book)
            answer = await v.get(f"/v1/market/orderbook/SOL-PERP?depth={depth}")
            if answer["sequence"] == sequence:
                assert book == book_of(answer)
                compared += 1
        # Frames are timed before they are due at the earliest: no two within a tenth of a second.
        assert all(later - earlier >= 99 for earlier, later in pairwise(times))


async def test_another_depth_starts_the_book_over() -> None:
    async with venue() as v, socket(v) as s:
        await s.subscribe("orderbook", "SOL-PERP", depth=10)
        await s.next()
        await s.subscribe("orderbook", "SOL-PERP", depth=10)
        again = await s.subscribe("orderbook", "SOL-PERP", depth=5)
        assert (again["type"], again["depth"]) == ("subscribed", 5)  # no second snapshot came before it
        assert (await s.next())["type"] == "snapshot"
        await v.a.placed(price="150.10")
        update = await s.until(is_data("orderbook"))
        assert update["data"]["bids"] == [["150.10000000", "1.00000000"], ["150.05000000", "0.00000000"]]
        await s.send(type="unsubscribe", channel="orderbook", symbol="SOL-PERP", id=3)
        gone = await s.next()
        assert (gone["type"], gone["id"]) == ("unsubscribed", 3)
        assert (await v.sim("GET", "ledger/subscriptions"))["subscriptions"] == []
        await s.send(type="unsubscribe", channel="orderbook", symbol="SOL-PERP")
        assert (await s.next())["type"] == "unsubscribed"


def test_a_view_tells_what_moves_in_and_out_of_its_depth_and_nothing_beyond() -> None:
    market, (maker,) = engine("maker")

    def rest(price: str) -> None:
        request = OrderRequest("SOL_USDC", Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(price))
        market.place(maker, request, 0)

    for price in ("99", "98"):
        rest(price)
    book = market.books["SOL_USDC"]
    view = BookView(book, 2)
    rest("97")
    assert view.difference() is None
    rest("99.5")
    assert view.difference() == {
        "bids": [("99.50000000", "1.00000000"), ("98.00000000", "0.00000000")],
        "asks": [],
        "prev_sequence": 2,
    }
    market.cancel(next(iter(maker.open_orders.values())), 1)
    assert view.difference() == {
        "bids": [("98.00000000", "1.00000000"), ("99.00000000", "0.00000000")],
        "asks": [],
        "prev_sequence": 4,
    }


# -- other public channels ---------------------------------------------------------------------------------------------


async def test_trades_begin_with_the_last_ones_and_count_their_frames() -> None:
    async with venue() as v, socket(v) as s:
        await v.a.placed(price="150.11", quantity="0.01")
        await s.subscribe("trades", "SOL-PERP")
        first = await s.next()
        assert shape(first) == shape(golden("stream_trades_snapshot_synthetic"))
        assert (first["sequence"], len(first["data"]["items"])) == (1, 1)
        await v.a.placed(price="150.12", quantity="90")
        update = await s.next()
        assert (update["type"], update["sequence"]) == ("update", 2)
        ids = [trade["trade_id"] for trade in update["data"]["items"]]
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == 2


async def test_tickers_follow_changes_at_a_measured_pace() -> None:
    async with venue(LIVELY) as v, socket(v) as s:
        await s.subscribe("ticker", "SOL-PERP")
        first = await s.next()
        assert shape(first) == shape(golden("stream_ticker_snapshot_synthetic"))
        updates = [await s.next() for _ in range(4)]
        assert [frame["sequence"] for frame in (first, *updates)] == [1, 2, 3, 4, 5]
        assert all(names(frame["data"]) == names(first["data"]) for frame in updates)
        times = [frame["timestamp"] for frame in updates]
        assert all(later - earlier >= 99 for earlier, later in pairwise(times))


async def test_funding_tells_the_current_rate() -> None:
    async with venue() as v, socket(v) as s:
        await s.subscribe("funding_rate", "SOL-PERP")
        data = (await s.next())["data"]
        rest = await v.get("/v1/market/funding-rate/SOL-PERP?limit=1")
        assert {name: rest[name] for name in data} == data
        assert data["next_funding_time"] % 28_800_000 == 0


# -- private channels --------------------------------------------------------------------------------------------------


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
        assert data["realized_pnl"] == "-0.01000000"


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
        book = await v.get("/v1/market/orderbook/SOL-PERP?depth=1")
        await v.a.placed(side="sell", price=book["asks"][0][0], quantity="0.01")
        frame = await s.until(is_data("fills"))
        assert frame["data"]["liquidity"] in ("maker", "taker")
