"""What the sandbox's tests use to talk to it: a started venue with signed clients, and orders for the bare engine."""

import asyncio
import base64
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from nacl.signing import SigningKey

from sandbox.config import SandboxConfig
from sandbox.matching import (
    Account,
    Engine,
    FundingTerms,
    MarginFunction,
    Market,
    MarketKind,
    OrderRequest,
    OrderType,
    Rules,
    Side,
)
from sandbox.server import Urls, running

TLS = ssl.create_default_context()  # loaded once: httpx loads one per client, which takes longer than most tests
Params = Mapping[str, Any] | list[dict[str, Any]]

INSTRUCTIONS = {
    ("GET", "/api/v1/account"): "accountQuery",
    ("PATCH", "/api/v1/account"): "accountUpdate",
    ("GET", "/api/v1/capital"): "balanceQuery",
    ("GET", "/api/v1/capital/collateral"): "collateralQuery",
    ("GET", "/api/v1/borrowLend/positions"): "borrowLendPositionQuery",
    ("GET", "/api/v1/position"): "positionQuery",
    ("GET", "/api/v1/order"): "orderQuery",
    ("POST", "/api/v1/order"): "orderExecute",
    ("DELETE", "/api/v1/order"): "orderCancel",
    ("GET", "/api/v1/orders"): "orderQueryAll",
    ("POST", "/api/v1/orders"): "orderExecute",
    ("DELETE", "/api/v1/orders"): "orderCancelAll",
    ("GET", "/wapi/v1/history/orders"): "orderHistoryQueryAll",
    ("GET", "/wapi/v1/history/fills"): "fillHistoryQueryAll",
}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def signing_string(instruction: str, params: Params, timestamp: int, window: int) -> str:
    groups = params if isinstance(params, list) else [params]
    parts: list[str] = []
    for group in groups:
        parts.append(f"instruction={instruction}")
        parts.extend(f"{key}={_text(group[key])}" for key in sorted(group))
    return "&".join([*parts, f"timestamp={timestamp}&window={window}"])


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait, not for ever, until a condition that only polling can see is true."""
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - what HTTP shows cannot set an event
            await asyncio.sleep(0.01)


@dataclass
class Desk:
    """One simulated account's client."""

    http: httpx.AsyncClient
    public: str
    key: SigningKey

    def signature(self, string: str) -> str:
        return base64.b64encode(self.key.sign(string.encode()).signature).decode()

    async def call(
        self, method: str, path: str, params: Params | None = None, *, timestamp: int | None = None, window: int = 5000
    ) -> httpx.Response:
        given: Params = {} if params is None else params
        at = int(time.time() * 1000) if timestamp is None else timestamp
        string = signing_string(INSTRUCTIONS[method, path], given, at, window)
        headers = {
            "X-API-Key": self.public,
            "X-Timestamp": str(at),
            "X-Window": str(window),
            "X-Signature": self.signature(string),
        }
        if method == "GET":
            return await self.http.get(path, params=dict(given), headers=headers)  # type: ignore[arg-type]
        return await self.http.request(method, path, content=json.dumps(given), headers=headers)

    async def limit(self, side: str, price: str, quantity: str = "1", **more: Any) -> httpx.Response:
        order = {"symbol": "SOL_USDC", "side": side, "orderType": "Limit", "price": price, "quantity": quantity}
        return await self.call("POST", "/api/v1/order", order | more)

    def subscribe(self, *streams: str) -> str:
        at = int(time.time() * 1000)
        signature = self.signature(f"instruction=subscribe&timestamp={at}&window=5000")
        return json.dumps(
            {"method": "SUBSCRIBE", "params": streams, "signature": [self.public, signature, str(at), "5000"]}
        )


@dataclass
class Venue:
    """A running sandbox and who trades on it."""

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

    async def streams(self) -> set[str]:
        """The names of all open subscriptions."""
        return {row["stream"] for row in (await self.get("/sim/ledger/subscriptions"))["subscriptions"]}

    async def get(self, path: str, **params: Any) -> Any:
        response = await self.http.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


@contextlib.asynccontextmanager
async def venue(config: SandboxConfig | None = None) -> AsyncIterator[Venue]:
    """Start a sandbox; without a configuration, one with a still book of five levels a side."""
    chosen = config or SandboxConfig(makers=False, book_levels=5)
    async with (
        running(chosen) as urls,
        httpx.AsyncClient(base_url=urls.url, timeout=5, trust_env=False, verify=TLS) as http,
    ):
        started = Venue(urls, http)
        for account in (await started.get("/sim/accounts"))["accounts"]:
            key = SigningKey(base64.b64decode(account["secret_key"]))
            started.desks[account["name"]] = Desk(http, account["public_key"], key)
        yield started


SPOT = Market(
    "SOL_USDC",
    MarketKind.SPOT,
    "SOL",
    "USDC",
    Decimal("0.01"),
    Decimal("0.01"),
    Decimal("0.01"),
    Decimal(100),
    Decimal("0.01"),
)
PERP = Market(
    "SOL_USDC_PERP",
    MarketKind.PERP,
    "SOL",
    "USDC",
    Decimal("0.01"),
    Decimal("0.01"),
    Decimal("0.01"),
    Decimal(100),
    Decimal("0.01"),
    maintenance=MarginFunction(Decimal("0.02")),
    funding=FundingTerms(3_600_000_000),
)


def engine(
    *names: str, cash: int = 1_000_000, coins: int = 10_000, rules: Rules | None = None
) -> tuple[Engine, list[Account]]:
    """An engine with one spot and one perpetual market, and accounts of equal means."""
    made = Engine([SPOT, PERP], rules=rules)
    return made, [made.open_account(name, {"USDC": Decimal(cash), "SOL": Decimal(coins)}) for name in names]


def wish(
    side: str, price: str | None = None, quantity: str | None = "1", *, perp: bool = False, **more: Any
) -> OrderRequest:
    """An order for the engine: a limit order if a price is given."""
    return OrderRequest(
        symbol="SOL_USDC_PERP" if perp else "SOL_USDC",
        side=Side(side),
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=None if quantity is None else Decimal(quantity),
        price=None if price is None else Decimal(price),
        **more,
    )
