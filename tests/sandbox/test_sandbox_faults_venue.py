"""A whole venue that goes wrong on command: its sockets, its door, its books' ids, its service."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sandbox.config import SandboxConfig
from tests.sandbox import zanbara_desks as zanbara
from tests.sandbox.clients import TLS, Venue, eventually, venue

STILL = SandboxConfig(makers=False)
TRADES = json.dumps({"method": "SUBSCRIBE", "params": ["trade.SOL_USDC"]})


async def told(v: Venue, path: str, **body: Any) -> Any:
    answer = await v.http.post(f"/sim/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def is_reset(socket: ClientConnection) -> bool:
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(socket.recv(), 5)
    return isinstance(closed.value.__cause__, ConnectionResetError)


async def test_sockets_are_closed_by_topic_by_account_and_all() -> None:
    async with (
        venue(STILL) as v,
        connect(v.urls.ws_url) as trades,
        connect(v.urls.ws_url) as orders,
        connect(v.urls.ws_url) as idle,
    ):
        await trades.send(TRADES)
        await orders.send(v.a.subscribe("account.orderUpdate"))
        for socket in (trades, orders, idle):
            await (await socket.ping())
        assert await told(v, "sockets", do="close", code=1013, topic="depth.*") == {"struck": 0}
        assert await told(v, "sockets", do="close", account="desk-b") == {"struck": 0}
        for socket, code, where in ((trades, 1013, {"topic": "trade.*"}), (orders, 3001, {"account": "desk-a"})):
            assert await told(v, "sockets", do="close", code=code, **where) == {"struck": 1}
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == code
        await told(v, "sockets", do="close")
        await asyncio.wait_for(idle.wait_closed(), 5)
        assert idle.close_code == 1012


async def test_sockets_are_reset() -> None:
    async with venue(STILL) as v, connect(v.urls.ws_url) as socket:
        assert await told(v, "sockets", do="reset") == {"struck": 1}
        assert await is_reset(socket)


async def test_a_half_open_socket_is_silent_and_ends_with_its_client() -> None:
    async with venue() as v, connect(v.urls.ws_url, close_timeout=0.05) as socket:
        await socket.send(TRADES)
        await (await socket.ping())
        assert await told(v, "sockets", do="half_open") == {"struck": 1}
        pong = await socket.ping()
        await v.a.limit("Bid", "151", "0.1")
        done, _ = await asyncio.wait([asyncio.ensure_future(pong)], timeout=0.1)
        assert not done
        assert (await v.get("/sim/ledger/subscriptions"))["connections"] == 1
        await socket.close()
        assert socket.close_code == 1006  # nobody answered the goodbye
        await eventually(lambda: gone(v))


async def gone(v: Venue) -> bool:
    return not (await v.get("/sim/ledger/subscriptions"))["connections"]


async def test_a_reset_ends_half_open_sockets() -> None:
    async with venue(STILL) as v, connect(v.urls.ws_url) as socket:
        await told(v, "sockets", do="half_open")
        await v.http.post("/sim/reset")
        await asyncio.wait_for(socket.wait_closed(), 5)
        assert socket.close_code == 1006


def client(v: Venue, timeout_s: float = 5) -> httpx.AsyncClient:
    """A client with a connection of its own."""
    return httpx.AsyncClient(base_url=v.urls.url, timeout=timeout_s, trust_env=False, verify=TLS)


async def is_up(v: Venue) -> bool:
    async with client(v) as other:
        try:
            return (await other.get("/api/v1/ping")).text == "pong"
        except httpx.ConnectError:
            return False


async def test_new_connections_are_refused_for_a_while_and_old_ones_go_on() -> None:
    async with venue(STILL) as v, connect(v.urls.ws_url) as socket:
        await told(v, "outage", do="refuse", for_ms=600_000)
        assert not await is_up(v)
        assert (await v.http.get("/api/v1/ping")).text == "pong"
        await (await socket.ping())
        again = await v.http.post("/sim/outage", json={"do": "hang", "for_ms": 1})
        assert again.json() == {"error": "there is an outage already"}
        await v.http.post("/sim/reset")
        await eventually(lambda: is_up(v))
        await told(v, "outage", do="refuse", for_ms=50)
        await eventually(lambda: is_up(v))


async def test_connections_wait_for_the_end_of_an_outage_that_hangs() -> None:
    async with venue(STILL) as v, client(v, 0.05) as hasty, client(v) as patient:
        await told(v, "outage", do="hang", for_ms=600_000)
        with pytest.raises(httpx.TimeoutException):
            await hasty.get("/api/v1/ping")
        waiting = asyncio.ensure_future(patient.get("/api/v1/ping"))
        await v.http.post("/sim/reset")
        assert (await waiting).text == "pong"


async def test_an_outage_may_cut_what_is_connected() -> None:
    async with venue(STILL) as v, connect(v.urls.ws_url) as socket:
        answer = await told(v, "outage", do="refuse", for_ms=600_000, cut=True)
        assert answer == {"do": "refuse", "for_ms": 600_000, "cut": 2}
        await asyncio.wait_for(socket.wait_closed(), 5)
        assert socket.close_code == 1006
        with pytest.raises(httpx.TransportError):
            await v.http.get("/api/v1/ping")


async def test_a_venue_may_end_while_nobody_gets_in() -> None:
    async with venue(STILL) as v:
        await told(v, "outage", do="hang", for_ms=600_000)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", v.urls.port)


@pytest.mark.parametrize("stream", ["depth.SOL_USDC", "depth.200ms.SOL_USDC"])
async def test_skipped_ids_are_a_gap_between_differences(stream: str) -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [stream]}))
        await (await socket.ping())
        before = int((await v.get("/api/v1/depth", symbol="SOL_USDC"))["lastUpdateId"])
        await v.a.limit("Bid", "140")
        assert await told(v, "books", symbol="SOL_USDC", skip_ids=5) == {"symbol": "SOL_USDC", "update_id": before + 6}
        assert (await v.get("/api/v1/depth", symbol="SOL_USDC"))["lastUpdateId"] == str(before + 6)
        await v.a.limit("Bid", "141")
        async with asyncio.timeout(5):
            ids = [(data["U"], data["u"]) for data in [json.loads(await socket.recv())["data"] for _ in range(2)]]
        assert ids == [(before + 1, before + 1), (before + 7, before + 7)]


async def test_skipped_ids_are_a_gap_in_every_view_and_a_new_snapshot_leads_on() -> None:
    async with zanbara.venue() as v, zanbara.socket(v) as s, zanbara.socket(v) as late:
        await s.subscribe("orderbook", "SOL-PERP", depth=5)
        before = (await s.next())["sequence"]
        await v.sim("POST", "books", {"symbol": "SOL-PERP", "skip_ids": 9})
        await late.subscribe("orderbook", "SOL-PERP", depth=5)
        assert (await late.next())["sequence"] == before + 9
        await v.a.place(type="market", price=None)
        for socket in (s, late):
            update = await socket.update("orderbook")
            assert (update["data"]["prev_sequence"], update["sequence"]) == (before + 9, before + 10)


async def test_backpack_under_maintenance_answers_reads_alone() -> None:
    async with venue() as v:
        await told(v, "maintenance", on=True, message="Back soon")
        assert await v.get("/api/v1/status") == {"message": "Back soon", "status": "Maintenance"}
        refused = await v.a.limit("Bid", "140")
        assert (refused.status_code, refused.json()) == (503, {"code": "MAINTENANCE", "message": "Back soon"})
        assert (await v.a.call("GET", "/api/v1/orders")).json() == []
        await told(v, "maintenance", on=False)
        assert await v.get("/api/v1/status") == {"message": None, "status": "Ok"}
        assert (await v.a.limit("Bid", "140")).status_code == 200


async def test_zanbara_under_maintenance_answers_reads_and_logins_alone() -> None:
    async with zanbara.venue() as v:
        window = {"start_time": 1_759_800_000_000, "end_time": 1_759_803_600_000}
        times = {"start_ms": window["start_time"], "end_ms": window["end_time"]}
        await v.sim("POST", "maintenance", {"on": False, **times})
        status = await v.get("/v1/system/status")
        assert (status["status"], status["maintenance"]) == ("normal", window)
        await v.a.placed()
        await v.sim("POST", "maintenance", {"on": True})
        assert (await v.get("/v1/system/status"))["status"] == "maintenance"
        assert zanbara.refusal(await v.a.place()) == (503, "SERVICE_UNAVAILABLE", None)
        await v.a.login()
        assert len((await v.a.get("/v1/order/list"))["items"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("sockets", {}, "close, reset, half_open"),
        ("sockets", {"do": "close", "code": 1006}, "close code"),
        ("sockets", {"do": "reset", "code": 1000}, "`code`"),
        ("sockets", {"do": "reset", "symbol": "x"}, "symbol"),
        ("outage", {"do": "refuse"}, "`for_ms`"),
        ("outage", {"do": "refuse", "for_ms": 600_001}, "`for_ms`"),
        ("outage", {"do": "explode", "for_ms": 1}, "refuse, hang"),
        ("books", {"symbol": "NO", "skip_ids": 1}, "no market NO"),
        ("books", {"symbol": "SOL_USDC", "skip_ids": 0}, "`skip_ids`"),
        ("maintenance", {}, "`on`"),
        ("maintenance", {"on": True, "start_ms": 1}, "`end_ms`"),
    ],
)
async def test_what_cannot_be_understood_is_refused_by_name(path: str, body: dict[str, Any], named: str) -> None:
    async with venue(STILL) as v:
        answer = await v.http.post(f"/sim/{path}", json=body)
        assert answer.status_code == 400
        assert named in answer.json()["error"]
