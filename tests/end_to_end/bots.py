"""What the end-to-end tests use: a bot at one replica, the venue's own word on what happened, checks of answers."""

import asyncio
import itertools
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import httpx

from gateway.cli.stack import Stack
from tests.harness.fleet import Fleet

VENUE = "backpack"
SYMBOL = "SOL-USDC"
VENUE_SYMBOL = "SOL_USDC"
TICK = Decimal("0.01")
MARKET = f"/v1/venues/{VENUE}/markets/{SYMBOL}"
PLACE = "/api/v1/order"
"""Where the venue takes orders."""

RETRYABLE = {
    "RATE_LIMIT_EXCEEDED",
    "VENUE_UNAVAILABLE",
    "VENUE_TIMEOUT",
    "ACCOUNT_NOT_READY",
    "STORE_UNAVAILABLE",
    "SHUTTING_DOWN",
}

TLS = ssl.create_default_context()
"""Never used, since all is plain HTTP on loopback; a client would otherwise make one of its own, at 50 ms each."""

_numbers = itertools.count(1)
_run = secrets.token_hex(3)


def new_id() -> str:
    """A client_order_id that nobody used yet."""
    return f"e2e-{_run}-{next(_numbers)}"


def answered(response: httpx.Response, status: int = 200) -> Any:
    """The `data` of a success; its envelope and headers are checked on the way."""
    body = response.json()
    assert response.status_code == status, body
    assert body.keys() - {"meta"} == {"success", "data", "timestamp"}
    assert body["success"] is True
    _check_headers(response, body)
    return body["data"]


def refused(
    response: httpx.Response, status: int, code: str, *, outcome: str | None = None, field: str | None = None
) -> dict[str, Any]:
    """The error object, of which everything that every error has is checked."""
    body = response.json()
    assert body.keys() == {"success", "error", "timestamp"}
    assert body["success"] is False
    error: dict[str, Any] = body["error"]
    told = (response.status_code, error["code"], error.get("outcome"), error.get("field"))
    assert told == (status, code, outcome, field), error
    assert error["message"]
    assert error["retryable"] is (code in RETRYABLE)
    assert error["request_id"] == response.headers["x-request-id"]
    if status in {429, 503}:
        assert int(response.headers["retry-after"]) == error["retry_after"] >= 1
    _check_headers(response, body)
    return error


def _check_headers(response: httpx.Response, body: Mapping[str, Any]) -> None:
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    limit, remaining, reset = (int(response.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    assert 0 <= remaining <= limit
    assert 0 <= reset - time.time() + 60 < 3600
    assert abs(body["timestamp"] / 1000 - time.time()) < 60


class Bot:
    """One client at one replica."""

    def __init__(self, http: httpx.AsyncClient, account: str):
        self.http = http
        self.account = account
        self.symbol = SYMBOL
        self.token = ""

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, path, json=body)

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The answer's `data`."""
        return answered(await self.call(method, path, body), status)

    def order(self, **changes: Any) -> dict[str, Any]:
        """A small order that rests far below the market, with some members changed; None leaves one out."""
        order = {
            "account": self.account,
            "symbol": self.symbol,
            "side": "buy",
            "type": "limit",
            "price": "140",
            "quantity": "0.1",
            "client_order_id": new_id(),
        }
        return {name: value for name, value in (order | changes).items() if value is not None}

    async def place(self, **changes: Any) -> httpx.Response:
        return await self.call("POST", "/v1/orders", self.order(**changes))

    async def rest(self, **changes: Any) -> dict[str, Any]:
        """Place an order that rests."""
        order: dict[str, Any] = answered(await self.place(**changes), 201)
        assert order["status"] == "pending"
        return order

    async def find(self, client_order_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask("GET", self.by_client_id(client_order_id))
        return found

    def by_client_id(self, client_order_id: str) -> str:
        return f"/v1/accounts/{self.account}/orders/by-client-id/{client_order_id}"

    async def settled(self, client_order_id: str, within_s: float = 10) -> dict[str, Any]:
        """The order, once its fate is known."""
        order: dict[str, Any] = {}

        async def is_known() -> bool:
            nonlocal order
            order = await self.find(client_order_id)
            return bool(order["status"] != "unknown" and order["stage"] != "sending")

        await eventually(is_known, within_s, f"{client_order_id} is settled")
        return order

    async def touch(self) -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        book = await self.ask("GET", f"{MARKET}/orderbook?depth=1")
        return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])

    async def taking_price(self) -> str:
        """A price at which a buy trades at once."""
        _, ask = await self.touch()
        return on_grid(ask * Decimal("1.005"), ROUND_CEILING)


def on_grid(price: Decimal, rounding: str = ROUND_FLOOR) -> str:
    return format((price / TICK).to_integral_value(rounding) * TICK, "f")


@asynccontextmanager
async def bot_of(
    stack: Stack | Fleet, replica: int = 0, *, account: str = "bp-desk-a", client: tuple[str, str] | None = None
) -> AsyncIterator[Bot]:
    """A bot that has logged in at one replica; `client` is another than the stack's, as name and secret."""
    async with httpx.AsyncClient(base_url=stack.urls[replica], timeout=20, trust_env=False, verify=TLS) as http:
        bot = Bot(http, account)
        api_key, api_secret = client or (stack.api_key, stack.api_secret)
        answer = await bot.ask("POST", "/v1/auth/token", {"api_key": api_key, "api_secret": api_secret})
        bot.token = answer["token"]
        http.headers["Authorization"] = f"Bearer {bot.token}"
        yield bot


class VenueControl:
    """The simulated venue's control plane: what really happened there, and what shall go wrong."""

    def __init__(self, http: httpx.AsyncClient):
        self._http = http

    async def get(self, path: str, **query: Any) -> Any:
        return (await self._http.get(path, params=query)).raise_for_status().json()

    async def orders(self, account: str = "desk-a") -> list[str]:
        """The ids of all orders the account ever placed there."""
        accounts = await self.get("/sim/ledger/orders")
        return [order["order_id"] for order in accounts.get(account, {"orders": []})["orders"]]

    async def spoil(
        self,
        do: Mapping[str, Any],
        *,
        method: str = "POST",
        path: str = PLACE,
        when: str = "before",
        count: int | None = 1,
    ) -> None:
        """Have the next `count` such requests go wrong (None: all from now on)."""
        rule = {"match": {"method": method, "path": path}, "when": when, "do": do, "count": count}
        (await self._http.post("/sim/faults", content=json.dumps(rule))).raise_for_status()

    async def heal(self) -> None:
        (await self._http.delete("/sim/faults")).raise_for_status()

    async def streams(self) -> dict[str, int]:
        """Who is subscribed to what is public: connections by stream."""
        held = (await self.get("/sim/ledger/subscriptions"))["subscriptions"]
        return {each["stream"]: each["connections"] for each in held if each["account"] is None}


@asynccontextmanager
async def venue_of(stack: Stack | Fleet) -> AsyncIterator[VenueControl]:
    """The venue's control plane; nothing goes wrong there any more afterwards."""
    async with httpx.AsyncClient(base_url=stack.venues[VENUE].url, timeout=5, trust_env=False, verify=TLS) as http:
        control = VenueControl(http)
        yield control
        await control.heal()


async def eventually(is_so: Callable[[], Awaitable[bool]], within_s: float = 10, what: str = "it") -> None:
    """Wait, for a bounded time, for what other processes do in their own time."""
    try:
        async with asyncio.timeout(within_s):
            while not await is_so():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:.0f} s: {what}") from None
