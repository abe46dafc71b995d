"""Zanbara's WebSocket face: dialogue, heartbeat, books that agree with REST, trades and tickers."""

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sandbox.matching import OrderRequest, OrderType, Side
from sandbox.zanbara.book_views import BookView
from tests.sandbox.clients import engine
from tests.sandbox.zanbara_desks import (
    LIVELY,
    Socket,
    golden,
    names,
    shape,
    socket,
    venue,
)

Book = dict[str, dict[str, str]]


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
    async with venue() as v:
        connection = await connect(v.urls.ws_url)
        await connection.recv()
    assert await Socket(connection).closed() == 1001


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
        update = await s.update("orderbook")
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
