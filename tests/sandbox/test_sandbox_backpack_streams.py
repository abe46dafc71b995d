"""Backpack's WebSocket face: silent success, errors, books that agree with REST, private updates."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from sandbox.config import BackpackConfig, SandboxConfig
from tests.sandbox.clients import Venue, eventually, venue


async def frame(socket: ClientConnection) -> dict[str, Any]:
    """The next frame; every object in it must have its keys in alphabetical order."""

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert keys == sorted(keys) or keys == ["id", "error"]
        return dict(pairs)

    async with asyncio.timeout(5):
        message: dict[str, Any] = json.loads(await socket.recv(), object_pairs_hook=checked)
    return message


async def frames_until(socket: ClientConnection, done: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    got = []
    while True:
        got.append(await frame(socket))
        if done(got[-1]):
            return got


async def subscribed(v: Venue, socket: ClientConnection, *streams: str) -> None:
    """Subscribe to public streams and wait until the venue knows."""
    await socket.send(json.dumps({"method": "SUBSCRIBE", "params": streams}))
    await known(v, set(streams))


async def known(v: Venue, streams: set[str]) -> None:
    async def all_open() -> bool:
        return streams <= await v.streams()

    await eventually(all_open)


def apply(book: dict[str, dict[str, str]], data: dict[str, Any]) -> None:
    for side in ("a", "b"):
        for price, quantity in data[side]:
            if Decimal(quantity):
                book[side][str(Decimal(price).normalize())] = str(Decimal(quantity).normalize())
            else:
                book[side].pop(str(Decimal(price).normalize()), None)


async def snapshot(v: Venue, symbol: str) -> tuple[int, dict[str, dict[str, str]]]:
    depth = await v.get("/api/v1/depth", symbol=symbol)
    sides = {"a": depth["asks"], "b": depth["bids"]}
    return int(depth["lastUpdateId"]), {
        side: {str(Decimal(price).normalize()): str(Decimal(quantity).normalize()) for price, quantity in levels}
        for side, levels in sides.items()
    }


async def test_ids_pass_on_a_still_book_if_asked_for() -> None:
    still = SandboxConfig(makers=False, book_levels=20, book_heartbeat=True, tick_ms=20)
    async with venue(still) as v, connect(v.urls.ws_url) as socket:
        await subscribed(v, socket, "depth.SOL_USDC")
        frames = [(await frame(socket))["data"] for _ in range(3)]
        assert all(data["a"] == data["b"] == [] for data in frames)
        assert [data["U"] for data in frames[1:]] == [data["u"] + 1 for data in frames[:-1]]
        assert (await snapshot(v, "SOL_USDC"))[0] >= frames[-1]["u"]


@pytest.mark.parametrize("stream", ["depth", "depth.200ms"])
async def test_snapshot_and_deltas_make_the_next_snapshot(stream: str) -> None:
    async with venue(SandboxConfig(tick_ms=50)) as v, connect(v.urls.ws_url) as socket:
        await subscribed(v, socket, f"{stream}.SOL_USDC")
        data = (await frame(socket))["data"]
        update_id, book = await snapshot(v, "SOL_USDC")
        later: dict[int, dict[str, dict[str, str]]] = {}
        compared = frames = 0
        while compared < 2 or frames < 4:
            assert list(data) == ["E", "T", "U", "a", "b", "e", "s", "u"]
            if data["u"] > update_id:
                apply(book, data)
            # A snapshot can be compared where it falls on the end of a frame: this one's or a later one's.
            later_id, later_book = await snapshot(v, "SOL_USDC")
            later[later_id] = later_book
            if data["u"] in later and data["u"] > update_id:
                assert book == later[data["u"]]
                compared += 1
            expected = data["u"] + 1
            data = (await frame(socket))["data"]
            frames += 1
            assert data["U"] == expected


async def test_public_streams_follow_trading() -> None:
    async with venue() as v, connect(f"{v.urls.ws_url}/ws") as socket:
        await subscribed(v, socket, "trade.SOL_USDC", "bookTicker.SOL_USDC", "depth.SOL_USDC")
        order = (await v.a.limit("Bid", "150.01", "0.5")).json()
        trade, depth, touch = [await frame(socket) for _ in range(3)]
        assert list(trade["data"]) == ["E", "T", "a", "b", "e", "m", "p", "q", "s", "t"]
        assert (trade["data"]["b"], trade["data"]["m"], trade["data"]["t"]) == (order["id"], False, 1)
        assert list(touch["data"]) == ["A", "B", "E", "T", "a", "b", "e", "s", "u"]
        assert touch["data"]["u"] == depth["data"]["u"]
        assert touch["data"]["a"] == "150.01"
        assert depth["data"]["a"][0][0] == "150.01"
        await v.a.limit("Bid", "140")
        quiet = await frame(socket)
        assert quiet["stream"] == "depth.SOL_USDC"
        assert quiet["data"]["U"] == depth["data"]["u"] + 1
        await v.a.call("DELETE", "/api/v1/orders", {"symbol": "SOL_USDC"})
        assert (await frame(socket))["data"]["b"] == [["140.00", "0.00"]]


async def test_tickers_and_marks_come_every_second_without_change() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await v.a.limit("Bid", "150.01", "0.5")
        await subscribed(v, socket, "ticker.SOL_USDC", "markPrice.SOL_USDC_PERP")
        by_stream = {message["stream"]: message["data"] for message in [await frame(socket) for _ in range(2)]}
        assert list(by_stream["ticker.SOL_USDC"]) == ["E", "V", "c", "e", "h", "l", "n", "o", "s", "v"]
        assert list(by_stream["markPrice.SOL_USDC_PERP"]) == ["E", "T", "e", "f", "i", "n", "p", "s"]


async def test_unsubscribing_is_silent_and_works() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await subscribed(v, socket, "depth.SOL_USDC", "trade.SOL_USDC")
        await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["depth.SOL_USDC"]}))

        async def only_trades() -> bool:
            return await v.streams() == {"trade.SOL_USDC"}

        await eventually(only_trades)
        await v.a.limit("Bid", "150.01", "0.5")
        assert (await frame(socket))["stream"] == "trade.SOL_USDC"


async def test_bad_streams_get_one_error_each_and_good_ones_work() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        streams = ["nothing.SOL_USDC", "depth.NO_SUCH", "depth.200ms", "account.orderUpdate", "trade.SOL_USDC"]
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": streams}))
        assert [await frame(socket) for _ in range(4)] == [
            {"id": None, "error": {"code": 4006, "message": "Invalid stream"}},
            {"id": None, "error": {"code": 4005, "message": "Invalid market"}},
            {"id": None, "error": {"code": 4005, "message": "Invalid market"}},
            {"id": None, "error": {"code": 4003, "message": "Invalid signature"}},
        ]
        await v.a.limit("Bid", "150.01", "0.5")
        assert (await frame(socket))["stream"] == "trade.SOL_USDC"
        await socket.send("{")
        assert (await frame(socket))["error"]["code"] == 4000


async def test_a_wrong_signature_subscribes_nothing() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        message = json.loads(v.a.subscribe("account.orderUpdate"))
        message["signature"][0] = v.b.public
        await socket.send(json.dumps(message))
        assert (await frame(socket))["error"] == {"code": 4003, "message": "Invalid signature"}
        assert (await v.get("/sim/ledger/subscriptions"))["subscriptions"] == []


ACCEPTED = ["E", "O", "Q", "S", "T", "V", "X", "Z", "c", "e", "f", "i", "o", "p", "q", "r", "s", "t", "y", "z"]
FILLED = sorted([*ACCEPTED, "L", "N", "l", "m", "n"])


async def test_private_updates_tell_an_orders_life_then_the_balances() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await socket.send(v.a.subscribe("account.orderUpdate", "account.balanceUpdate", "account.rfqUpdate"))
        await known(v, {"account.orderUpdate", "account.balanceUpdate", "account.rfqUpdate"})
        order = (await v.a.limit("Bid", "150.01", "0.5", clientId=3, timeInForce="IOC")).json()
        accepted, filled, *balances = [await frame(socket) for _ in range(4)]
        assert accepted["stream"] == "account.orderUpdate"
        assert list(accepted["data"]) == ACCEPTED
        assert accepted["data"] | {"E": 0, "T": 0} == {
            "E": 0, "O": "USER", "Q": "75.005", "S": "Bid", "T": 0, "V": "RejectTaker", "X": "New", "Z": "0", "c": 3,
            "e": "orderAccepted", "f": "IOC", "i": order["id"], "o": "LIMIT", "p": "150.01", "q": "0.5", "r": False,
            "s": "SOL_USDC", "t": None, "y": False, "z": "0",
        }  # fmt: skip
        assert list(filled["data"]) == FILLED
        assert (filled["data"]["X"], filled["data"]["l"], filled["data"]["N"]) == ("Filled", "0.50", "SOL")
        assert {message["data"]["a"] for message in balances} == {"SOL", "USDC"}
        assert [list(message["data"]) for message in balances] == [["A", "E", "L", "S", "T", "a", "e"]] * 2
        await v.a.limit("Bid", "150.01", "5000", timeInForce="FOK")
        told = await frames_until(socket, lambda message: message["data"]["e"] == "orderExpired")
        assert told[-1]["data"]["R"] == "FillOrKill"
        assert "c" not in told[-1]["data"]


async def test_updates_of_one_symbol_keep_their_stream_name() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await socket.send(v.a.subscribe("account.orderUpdate.SOL_USDC"))
        await known(v, {"account.orderUpdate.SOL_USDC"})
        await v.a.limit("Bid", "140", symbol="SOL_USDC_PERP")
        await v.b.limit("Bid", "140")
        await v.a.limit("Bid", "140")
        await v.a.call("DELETE", "/api/v1/orders", {"symbol": "SOL_USDC"})
        told = [await frame(socket) for _ in range(2)]
        assert [message["data"]["e"] for message in told] == ["orderAccepted", "orderCancelled"]
        assert {message["stream"] for message in told} == {"account.orderUpdate.SOL_USDC"}


async def test_positions_start_with_a_snapshot_without_event() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await v.a.limit("Ask", "149", "2", symbol="SOL_USDC_PERP")
        await socket.send(v.a.subscribe("account.positionUpdate"))
        first = (await frame(socket))["data"]
        assert "e" not in first
        assert (first["q"], first["B"], type(first["i"])) == ("-2", "150.09", int)
        await v.a.limit("Bid", "151", "0.5", symbol="SOL_USDC_PERP", reduceOnly=True)
        await v.a.limit("Bid", "151", "1.5", symbol="SOL_USDC_PERP")
        told = [(await frame(socket))["data"] for _ in range(2)]
        assert [(data["e"], data["q"]) for data in told] == [("positionAdjusted", "-1.5"), ("positionClosed", "0")]


async def test_resting_orders_near_the_touch_fill_by_themselves() -> None:
    async with venue(SandboxConfig(tick_ms=20)) as v, connect(v.urls.ws_url) as socket:
        await socket.send(v.a.subscribe("account.orderUpdate"))
        await known(v, {"account.orderUpdate"})
        depth = await v.get("/api/v1/depth", symbol="SOL_USDC", limit=5)
        # One on each side: wherever the price walks, it comes to one of them.
        await v.a.limit("Ask", depth["asks"][0][0], "0.01")
        await v.a.limit("Bid", depth["bids"][-1][0], "0.01")
        told = await frames_until(socket, lambda message: message["data"]["X"] == "Filled")
        assert told[-1]["data"]["e"] == "orderFill"


async def test_the_venue_pings_and_drops_who_does_not_answer() -> None:
    config = SandboxConfig(makers=False, ping_interval_s=0.05, ping_timeout_s=0.2)
    async with venue(config) as v:
        reader, writer = await raw_socket(v)
        async with asyncio.timeout(5):
            assert (await reader.readexactly(1))[0] == 0x89  # a ping, never answered
            await reader.read()  # until the venue hangs up
        writer.close()
        await writer.wait_closed()


async def raw_socket(v: Venue) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A socket after its handshake, whose client answers nothing by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", v.urls.port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_venue_that_ends_says_goodbye_and_leaves_time_to_answer() -> None:
    config = SandboxConfig(makers=False, backpack=BackpackConfig(close_grace_s=5))
    async with asyncio.timeout(5):
        async with venue(config) as v:
            reader, writer = await raw_socket(v)
            ending = asyncio.create_task(goodbye(reader, writer))
        assert await ending == 1012


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Answer a closing frame only after a while in which the venue has not hung up; its code."""
    assert (await reader.readexactly(2))[0] == 0x88
    code = int.from_bytes(await reader.readexactly(2), "big")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(), 0.2)
    writer.write(b"\x88\x80\x00\x00\x00\x00")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    return code
