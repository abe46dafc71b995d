"""The venue's clock: real, scaled, stepped; and that with a stepped clock two runs are the same to the byte."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey
from websockets.asyncio.client import ClientConnection, connect

from sandbox.clock import SteadyClock, SteppedClock, clock_of
from sandbox.config import ClockKind, SandboxConfig
from tests.sandbox.clients import TLS, Desk, signing_string
from tests.sandbox.clients import venue as backpack

START_MS = 1_759_800_000_000
STEPPED = SandboxConfig(clock=ClockKind.STEPPED, clock_start_ms=START_MS)


def test_a_stepped_clock_stands_still_until_it_is_told() -> None:
    clock = clock_of(STEPPED)
    assert [clock.now_us(), clock.now_us()] == [START_MS * 1000] * 2
    clock.leap(250)
    assert clock.now_us() == START_MS * 1000 + 250_000


@pytest.mark.parametrize("rate", [1, 1000])
def test_a_clock_goes_as_many_times_as_fast(rate: int) -> None:
    clock = SteadyClock(START_MS * 1000, rate=rate)
    outer_ns = time.monotonic_ns()
    first_us = clock.now_us()
    inner_ns = time.monotonic_ns()
    while time.monotonic_ns() < inner_ns + 2_000_000:
        pass
    least_us = (time.monotonic_ns() - inner_ns) * rate // 1000
    passed_us = clock.now_us() - first_us
    most_us = (time.monotonic_ns() - outer_ns) * rate // 1000
    assert least_us - 1 <= passed_us <= most_us + 1


def test_without_a_start_a_venue_lives_now_and_a_skew_is_added() -> None:
    before_us = time.time_ns() // 1000
    clock = clock_of(SandboxConfig(clock_skew_ms=60_000))
    assert before_us + 60_000_000 <= clock.now_us() <= time.time_ns() // 1000 + 61_000_000
    skewed = clock_of(SandboxConfig(clock=ClockKind.STEPPED, clock_start_ms=START_MS, clock_skew_ms=-5))
    assert isinstance(skewed, SteppedClock)
    assert skewed.now_us() == (START_MS - 5) * 1000


async def test_the_venue_lives_by_its_clock() -> None:
    async with backpack(STEPPED) as v:
        clock = {"time": START_MS, "kind": "stepped", "rate": 1, "drift_ppm": 0, "stepped_ms": 0}
        assert await v.get("/sim/clock") == clock
        assert (await v.http.get("/api/v1/time")).text == str(START_MS)
        assert (await v.a.call("GET", "/api/v1/capital")).json()["message"].startswith("Invalid timestamp")
        assert (await v.a.call("GET", "/api/v1/capital", timestamp=START_MS)).status_code == 200
        before = await v.get("/api/v1/depth", symbol="SOL_USDC")
        assert await v.get("/api/v1/depth", symbol="SOL_USDC") == before
        stepped = (await v.http.post("/sim/clock", json={"advance_ms": 1000})).json()
        assert stepped == clock | {"time": START_MS + 1000}
        assert (await v.get("/api/v1/depth", symbol="SOL_USDC"))["lastUpdateId"] > before["lastUpdateId"]


async def test_a_scaled_clock_moves_markets_along() -> None:
    config = SandboxConfig(clock=ClockKind.SCALED, clock_rate=40, clock_start_ms=START_MS, tick_ms=2000)
    async with backpack(config) as v, connect(v.urls.ws_url) as socket, asyncio.timeout(5):
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": ["markPrice.SOL_USDC_PERP"]}))
        seconds = [json.loads(await socket.recv())["data"]["E"] // 1_000_000 for _ in range(10)]
        assert seconds == sorted(seconds)
        assert START_MS // 1000 < seconds[0] < seconds[-1]


# -- two runs ----------------------------------------------------------------------------------------------------------


class Run:
    """One venue in a process of its own; keeps everything it says."""

    def __init__(self, http: httpx.AsyncClient, socket: ClientConnection) -> None:
        self.http = http
        self.socket = socket
        self.now_ms = START_MS
        self.said: list[str] = []

    async def ask(self, method: str, target: str, content: str = "", headers: dict[str, str] | None = None) -> Any:
        answer = await self.http.request(method, target, content=content, headers=headers)
        self.said.append(f"{method} {target} {answer.status_code} {answer.text}")
        return answer

    async def step(self, forward_ms: int, *, put_by_ms: int = 0) -> None:
        """Put the clock forward or back, then let time pass."""
        await self.ask("POST", "/sim/clock", json.dumps({"step_ms": put_by_ms}))
        await self.ask("POST", "/sim/clock", json.dumps({"advance_ms": forward_ms}))
        self.now_ms += put_by_ms + forward_ms

    async def hear(self, marker: str, until: str) -> None:
        """Keep every frame up to the answer to a last one: by then all that was to be told has been."""
        await self.socket.send(marker)
        async with asyncio.timeout(10):
            while until not in (frame := str(await self.socket.recv())):
                self.said.append(frame)


@contextlib.asynccontextmanager
async def run(venue: str, path: str, hash_seed: int) -> AsyncIterator[Run]:
    """Python's hashes differ from run to run, and with them the order of sets: it must not show."""
    arguments = ("--venue", venue, "--port", "0", "--clock", "stepped", "--clock-start-ms", str(START_MS))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--with-parent", *arguments),
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            ready = json.loads(await process.stdout.readline())
        async with (
            httpx.AsyncClient(base_url=ready["url"], timeout=10, trust_env=False, verify=TLS) as http,
            connect(ready["ws_url"] + path) as socket,
        ):
            yield Run(http, socket)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def trade_on_backpack(one: Run) -> None:
    account = (await one.ask("GET", "/sim/accounts")).json()["accounts"][0]
    desk = Desk(one.http, account["public_key"], SigningKey(base64.b64decode(account["secret_key"])))

    async def call(method: str, path: str, **params: Any) -> Any:
        answer = await desk.call(method, path, params, timestamp=one.now_ms)
        one.said.append(f"{method} {path} {answer.status_code} {answer.text}")
        return answer

    symbols = ("SOL_USDC", "BTC_USDC", "SOL_USDC_PERP", "BTC_USDC_PERP")
    public = [
        f"{kind}.{symbol}"
        for symbol in symbols
        for kind in ("depth", "depth.200ms", "trade", "bookTicker", "ticker", "kline.1m")
    ]
    private = ["account.orderUpdate", "account.balanceUpdate", "account.positionUpdate"]
    signature = desk.signature(signing_string("subscribe", {}, one.now_ms, 5000))
    await one.socket.send(
        json.dumps(
            {
                "method": "SUBSCRIBE",
                "params": [*public, *private],
                "signature": [desk.public, signature, str(one.now_ms), "5000"],
            }
        )
    )
    marker = json.dumps({"method": "SUBSCRIBE", "params": ["nothing.SOL_USDC"]})
    await one.hear(marker, '"error"')
    order = {"symbol": "SOL_USDC_PERP", "orderType": "Limit", "quantity": "2.5"}
    await call("POST", "/api/v1/order", **order, side="Bid", price="120", clientId=1)
    await call("POST", "/api/v1/order", **order, side="Ask", price="180", clientId=2)
    for forward_ms in (100, 100, 900, 2500):
        await call("POST", "/api/v1/order", **order, side="Bid", price="160", timeInForce="IOC")
        await call("POST", "/api/v1/order", symbol="SOL_USDC", side="Ask", orderType="Market", quantity="0.7")
        await one.step(forward_ms, put_by_ms=-400 if forward_ms == 900 else 0)
        await one.hear(marker, '"error"')
    await call("DELETE", "/api/v1/order", symbol="SOL_USDC_PERP", clientId=1)
    await one.hear(marker, '"error"')
    for path in ("/api/v1/capital", "/api/v1/position", "/api/v1/orders", "/wapi/v1/history/fills"):
        await call("GET", path)
    for symbol in symbols:
        await one.ask("GET", f"/api/v1/depth?symbol={symbol}")
    await one.ask("GET", "/api/v1/tickers")
    await one.ask("GET", "/sim/ledger")


async def trade_on_zanbara(one: Run) -> None:
    account = (await one.ask("GET", "/sim/accounts")).json()["accounts"][0]["credentials"]
    answer = await one.ask("POST", "/v1/auth/token", json.dumps(account), {"Content-Type": "application/json"})
    token = answer.json()["data"]["token"]

    async def call(method: str, target: str, **members: Any) -> Any:
        content = json.dumps(members) if members else ""
        text = f"{one.now_ms}{method}{target}{content}".encode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-API-Key": account["api_key"],
            "X-API-Timestamp": str(one.now_ms),
            "X-API-Signature": hmac.new(account["api_secret"].encode(), text, hashlib.sha256).hexdigest(),
        }
        return await one.ask(method, target, content, headers)

    symbols = ("SOL-PERP", "ETH-PERP", "BTC-PERP")
    await one.socket.send(json.dumps({"type": "auth", "token": token}))
    for channel in ("orderbook", "trades", "ticker", "funding_rate"):
        for symbol in symbols:
            await one.socket.send(json.dumps({"type": "subscribe", "channel": channel, "symbol": symbol}))
    for channel in ("orders", "fills", "positions", "balance"):
        await one.socket.send(json.dumps({"type": "subscribe", "channel": channel}))
    marker = json.dumps({"type": "ping", "id": "heard"})
    await one.hear(marker, '"heard"')
    order = {"symbol": "SOL-PERP", "type": "limit", "quantity": "2.5"}
    await call("POST", "/v1/order/place", **order, side="buy", price="120", client_order_id="first")
    await call("POST", "/v1/order/place", **order, side="sell", price="180")
    for forward_ms in (100, 100, 900, 2500):
        await call("POST", "/v1/order/place", **order, side="buy", price="160", time_in_force="IOC")
        await call("POST", "/v1/order/place", symbol="BTC-PERP", type="market", side="sell", quantity="0.01")
        await one.step(forward_ms, put_by_ms=-400 if forward_ms == 900 else 0)
        await one.hear(marker, '"heard"')
    await call("POST", "/v1/order/cancel", client_order_id="first")
    await one.hear(marker, '"heard"')
    for target in ("/v1/account/balance", "/v1/position/list", "/v1/order/list", "/v1/trade/history"):
        await call("GET", target)
    for symbol in symbols:
        await one.ask("GET", f"/v1/market/orderbook/{symbol}")
        await one.ask("GET", f"/v1/market/ticker/{symbol}")
    await one.ask("GET", "/sim/ledger")


@pytest.mark.parametrize(
    ("venue", "path", "trade", "ok"),
    [("backpack", "", trade_on_backpack, " 200 "), ("zanbara", "/ws", trade_on_zanbara, " 20")],
)
async def test_with_a_stepped_clock_two_runs_say_the_same_to_the_byte(
    venue: str, path: str, trade: Any, ok: str
) -> None:
    async def said_by(hash_seed: int) -> list[str]:
        async with run(venue, path, hash_seed) as one:
            await trade(one)
            return one.said

    first, second = await asyncio.gather(said_by(1), said_by(2))
    assert first == second
    answers = [line for line in first if line.startswith(("GET", "POST", "DELETE"))]
    assert [line for line in answers if ok not in line] == []
    assert len(first) - len(answers) > 100  # frames
