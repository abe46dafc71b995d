"""Around the face: limits over HTTP, ledger, reset, the process, and a simulation that repeats itself."""

import asyncio
import json
import signal
import sys

import httpx
from websockets.asyncio.client import connect

from sandbox.backpack.markets import LISTINGS
from sandbox.config import LimitConfig, SandboxConfig, numbered_accounts
from sandbox.matching.events import BookChange, Event, Trade
from sandbox.simulation import Simulation
from tests.sandbox.clients import venue, wish


async def test_limits_refuse_per_account_and_per_address() -> None:
    limits = LimitConfig.strict(period_ms=60_000, limits={"standard": 3, "historical": 1})
    async with venue(SandboxConfig(makers=False, limits=limits)) as v:
        statuses = [(await v.a.call("GET", "/api/v1/capital")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = await v.a.call("GET", "/api/v1/capital")
        assert refused.text == '{"code":"TOO_MANY_REQUESTS","message":"Too many requests"}'
        assert (await v.b.call("GET", "/api/v1/capital")).status_code == 200
        history = "/api/v1/trades/history?symbol=SOL_USDC"
        assert [(await v.http.get(history)).status_code for _ in range(2)] == [200, 429]
        assert (await v.http.get("/api/v1/depth?symbol=SOL_USDC")).status_code == 200
        report = await v.get("/sim/ledger/limits")
        assert report["breaches"] == 3
        assert report["callers"]["desk-a"]["standard"]["breaches"] == 2
        assert report["callers"]["127.0.0.1"]["historical"]["arrivals"] == 2


async def test_an_order_refused_for_the_limit_is_not_placed() -> None:
    limits = LimitConfig(limits={"standard": 1, "historical": 1})
    async with venue(SandboxConfig(makers=False, limits=limits)) as v:
        assert [(await v.a.limit("Bid", "150")).status_code for _ in range(2)] == [200, 429]
        orders = await v.get("/sim/ledger/orders")
        assert orders["desk-a"]["accepted"] == 1


async def test_the_ledger_tells_what_happened() -> None:
    async with venue() as v:
        first = (await v.a.limit("Bid", "140", clientId=1)).json()
        await v.b.limit("Bid", "140")
        await v.a.limit("Bid", "140.001")
        ledger = await v.get("/sim/ledger", account="desk-a")
        assert [(row["path"], row["status"]) for row in ledger["requests"]] == [
            ("/api/v1/order", 200),
            ("/api/v1/order", 400),
        ]
        assert list(ledger["orders"]) == ["desk-a"]
        assert [(row["order_id"], row["client_id"]) for row in ledger["orders"]["desk-a"]["orders"]] == [
            (first["id"], 1)
        ]
        totals = await v.get("/sim/ledger/totals")
        assert totals["orders_accepted"] == {"desk-a": 1, "desk-b": 1}
        assert totals["by_call"] == {"POST /api/v1/order": 3}
        later = await v.get("/sim/ledger", since=str(ledger["requests"][-1]["time"] + 60_000))
        assert later["requests"] == []


async def test_reset_starts_over_and_closes_sockets() -> None:
    async with venue() as v, connect(v.urls.ws_url) as socket:
        await socket.send(v.a.subscribe("account.orderUpdate"))
        await v.a.limit("Bid", "140")
        before = await v.get("/api/v1/depth", symbol="SOL_USDC")
        assert (await v.http.post("/sim/reset")).json() == {"reset": True}
        async with asyncio.timeout(5):
            await socket.wait_closed()
        assert socket.close_code == 1012
        assert (await v.a.call("GET", "/api/v1/orders")).json() == []
        after = await v.get("/api/v1/depth", symbol="SOL_USDC")
        assert int(after["lastUpdateId"]) == int(before["lastUpdateId"]) - 1
        assert (await v.get("/sim/ledger/totals"))["orders_accepted"] == {}


def replay(seed: int) -> list[str]:
    start_us = 1_700_000_000_000_000
    simulation = Simulation(SandboxConfig(seed=seed), (listing.market for listing in LISTINGS), now_us=start_us)
    told: list[str] = []

    def listen(events: list[Event], now_us: int) -> None:
        told.extend(repr(event) for event in events if isinstance(event, Trade | BookChange))

    simulation.listeners.append(listen)
    desk = simulation.engine.accounts["desk-a"]
    for step in range(30):
        now_us = start_us + step * 70_000
        price = simulation.engine.books["SOL_USDC"].asks.prices[0]
        order = simulation.place(desk, wish("buy", str(price), "0.5"), now_us)
        told.append(f"{order.id} {order.status}")
    return told


def test_the_same_seed_and_requests_give_the_same_market() -> None:
    first = replay(7)
    assert first == replay(7)
    assert first != replay(8)


def test_a_stalled_house_does_not_trade_a_day_in_one_step() -> None:
    start_us = 1_700_000_000_000_000
    simulation = Simulation(SandboxConfig(), (listing.market for listing in LISTINGS), now_us=start_us)
    before = simulation.engine.books["SOL_USDC"].update_id
    simulation.advance(start_us + 86_400_000_000)
    assert 0 < simulation.engine.books["SOL_USDC"].update_id - before < 10_000


async def test_the_process_says_when_it_is_ready_and_ends_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--port", "0", "--accounts", "2", "--no-makers", "--with-parent", "--strict",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        ready = json.loads(await process.stdout.readline())
        assert (ready["event"], ready["venue"]) == ("ready", "backpack")
        assert ready["ws_url"] == ready["url"].replace("http", "ws")
        async with httpx.AsyncClient(base_url=ready["url"]) as http:
            names = [account["name"] for account in (await http.get("/sim/accounts")).json()["accounts"]]
            assert names == ["desk-a", "desk-b", "desk-poor", "acct-01", "acct-02"]
            assert len((await http.get("/sim/ledger/limits")).json()["counting"]) == 4
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_a_taken_port_is_a_clear_error() -> None:
    async with venue(SandboxConfig(makers=False, accounts=numbered_accounts(1))) as v:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sandbox", "--port", str(v.urls.port), stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
        assert process.returncode == 1
        assert errors.startswith(b"sandbox: ")
        assert b"Traceback" not in errors
