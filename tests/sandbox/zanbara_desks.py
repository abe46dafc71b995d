"""What the tests of the simulated Zanbara use: a started venue with desks that hold tokens, sockets, and shapes."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from sandbox.config import SandboxConfig, ZanbaraConfig
from sandbox.server import Urls, running
from tests.sandbox.clients import TLS

GOLDEN = Path(__file__).parents[1] / "golden/zanbara"
TESTNET = ZanbaraConfig(environment="testnet")
STILL = SandboxConfig(venue="zanbara", makers=False, book_levels=5, zanbara=TESTNET)
LIVELY = SandboxConfig(venue="zanbara", tick_ms=50, zanbara=TESTNET)
LIMIT = {"symbol": "SOL-PERP", "side": "buy", "type": "limit", "quantity": "1", "price": "140"}


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def shape(value: Any) -> Any:
    """Names in their order and kinds of values; of a list only its first element, texts by what they look like."""
    match value:
        case dict():
            return [(name, shape(item)) for name, item in value.items()]
        case list():
            return [shape(value[0])] if value else []
        case str() if value.replace(".", "", 1).lstrip("-").isdigit() and "." in value:
            return f"decimal with {len(value.partition('.')[2])} places"
        case _:
            return type(value).__name__


def refusal(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of an answer that must be a refusal."""
    body = response.json()
    assert names(body) == ["success", "error", "timestamp"]
    assert body["success"] is False
    return response.status_code, body["error"]["code"], body["error"].get("field")


def names(value: dict[str, Any]) -> list[str]:
    return list(value)


@dataclass
class Desk:
    """One API key's client."""

    http: httpx.AsyncClient
    api_key: str
    api_secret: str
    token: str = ""
    ahead_ms: int = 0  # how far the venue's clock is ahead of ours

    async def login(self) -> None:
        credentials = {"api_key": self.api_key, "api_secret": self.api_secret}
        answer = await self.http.post("/v1/auth/token", json=credentials)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["data"]["token"]

    async def call(
        self, method: str, target: str, body: Any = None, *, signed: bool = False, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        content = b"" if body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | (headers or {})
        if signed:
            timestamp = str(int(time.time() * 1000) + self.ahead_ms)
            text = f"{timestamp}{method}{target}".encode() + content
            given |= {
                "X-API-Key": self.api_key,
                "X-API-Timestamp": timestamp,
                "X-API-Signature": hmac.new(self.api_secret.encode(), text, hashlib.sha256).hexdigest(),
            }
        return await self.http.request(method, target, content=content, headers=given)

    async def get(self, target: str) -> Any:
        """The data of a private query that must succeed."""
        answer = await self.call("GET", target)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def post(self, path: str, **body: Any) -> Any:
        """The data of a call that must succeed."""
        answer = await self.call("POST", f"/v1/{path}", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def refused(self, path: str, **body: Any) -> tuple[int, str, str | None]:
        """Status, code and field of a call that must be refused."""
        return refusal(await self.call("POST", f"/v1/{path}", body))

    async def order(self, order: dict[str, Any]) -> Any:
        """An order as it is now."""
        return await self.get(f"/v1/order/{order['order_id']}")

    async def place(self, **changes: Any) -> httpx.Response:
        """A resting buy order, unless changed; a member changed to None is left out."""
        body = {name: value for name, value in (LIMIT | changes).items() if value is not None}
        return await self.call("POST", "/v1/order/place", body)

    async def placed(self, **changes: Any) -> dict[str, Any]:
        answer = await self.place(**changes)
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()["data"]
        return order


@dataclass
class Venue:
    """A running Zanbara and who trades on it."""

    urls: Urls
    http: httpx.AsyncClient
    desks: dict[str, Desk] = field(default_factory=dict)

    @property
    def a(self) -> Desk:
        return self.desks["desk-a"]

    @property
    def b(self) -> Desk:
        return self.desks["desk-b"]

    @property
    def poor(self) -> Desk:
        return self.desks["desk-poor"]

    async def get(self, target: str) -> Any:
        """The data of a public call."""
        answer = await self.http.get(target)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/sim/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pin(self, symbol: str = "SOL-PERP", **prices: str | None) -> None:
        """Hold index, mark or funding rate; None lets go."""
        await self.sim("POST", "prices", {"symbol": symbol, **prices})

    async def pass_time(self, forward_ms: int) -> int:
        """Let the venue's clock leap; what it says then, in milliseconds."""
        now_ms: int = (await self.sim("POST", "clock", {"advance_ms": forward_ms}))["time"]
        for desk in self.desks.values():
            desk.ahead_ms = now_ms - int(time.time() * 1000)
        return now_ms


@contextlib.asynccontextmanager
async def venue(config: SandboxConfig = STILL, **options: Any) -> AsyncIterator[Venue]:
    """Start a venue, by default with a still book and no limits; every account's first key is logged in."""
    config = replace(config, zanbara=replace(config.zanbara, **options))
    async with (
        running(config) as urls,
        httpx.AsyncClient(base_url=urls.url, timeout=5, trust_env=False, verify=TLS) as http,
    ):
        started = Venue(urls, http)
        for account in (await started.sim("GET", "accounts"))["accounts"]:
            for number, key in enumerate(account["keys"], 1):
                name = account["name"] if number == 1 else f"{account['name']}#{number}"
                started.desks[name] = desk = Desk(http, key["api_key"], key["api_secret"])
                if config.zanbara.environment == "testnet":
                    await desk.login()
        yield started


class Socket:
    """A client's socket. Frames other than the awaited ones are kept in `seen`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[dict[str, Any]] = []

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
        self.seen.append(frame)
        return frame

    async def until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not is_it(frame := await self.next()):
            pass
        return frame

    async def update(self, channel: str) -> dict[str, Any]:
        return await self.until(lambda frame: (frame["type"], frame.get("channel")) == ("update", channel))

    async def subscribe(self, channel: str, symbol: str | None = None, **more: Any) -> dict[str, Any]:
        """Subscribe and return the acknowledgement."""
        await self.send(type="subscribe", channel=channel, symbol=symbol, **more)
        return await self.next()

    async def authenticate(self, desk: Desk) -> dict[str, Any]:
        await self.send(type="auth", token=desk.token)
        return await self.next()

    async def closed(self) -> int | None:
        """The code the venue closed with."""
        async with asyncio.timeout(5):
            await self.connection.wait_closed()
        return self.connection.close_code


@contextlib.asynccontextmanager
async def socket(v: Venue, path: str = "/ws") -> AsyncIterator[Socket]:
    """A socket that has been welcomed."""
    async with connect(f"{v.urls.ws_url}{path}") as connection:
        opened = Socket(connection)
        assert (await opened.next())["type"] == "welcome"
        yield opened
