"""A gateway in this process, and a client that checks what every answer must have."""

import asyncio
import base64
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp

from gateway.api.edge import Edge
from gateway.app import create_app
from gateway.services import Services
from gateway.settings import Settings
from tests.gateway.orders.exchange import Exchange

SEED = base64.b64encode(bytes(range(32))).decode()
ADDRESS = "203.0.113.7"
_numbers = itertools.count()


def fresh_id() -> str:
    """A client_order_id nobody has used."""
    return f"id-{next(_numbers)}"


def limit_body(**changes: Any) -> dict[str, Any]:
    """A limit order that would rest; a member set to None is left out."""
    body: dict[str, Any] = {
        "account": "main",
        "symbol": "SOL-USDC",
        "side": "buy",
        "type": "limit",
        "quantity": "1",
        "price": "100",
        "client_order_id": fresh_id(),
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


@dataclass(slots=True)
class Running:
    app: Edge
    services: Services
    exchange: Exchange
    http: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)
    internal_errors: list[httpx.Response] = field(default_factory=list)

    async def token(self, client: str) -> str:
        if client not in self.tokens:
            body = {"api_key": client, "api_secret": f"secret-of-{client}"}
            answer = await self.call("POST", "/v1/auth/token", json=body)
            self.tokens[client] = answer.json()["data"]["token"]
        return self.tokens[client]

    async def call(
        self,
        method: str,
        path: str,
        *,
        client: str | None = None,
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Send a request and check what holds for every answer."""
        headers = dict(headers or {})
        if client is not None:
            headers.setdefault("authorization", f"Bearer {await self.token(client)}")
        answer = await self.http.request(method, path, headers=headers, **request)
        self.check(answer, is_write=method not in {"GET", "HEAD", "OPTIONS"})
        return answer

    def check(self, answer: httpx.Response, *, is_write: bool) -> None:
        if answer.status_code == 500:
            self.internal_errors.append(answer)
        assert answer.headers["x-request-id"]
        for name in ("x-ratelimit-limit", "x-ratelimit-remaining"):
            assert answer.headers[name].isdigit()
        assert int(answer.headers["x-ratelimit-reset"]) >= time.time() - 120
        body = answer.json()
        assert abs(body["timestamp"] - time.time() * 1000) < 60_000
        if answer.status_code < 400:
            assert body["success"] is True
            assert set(body) <= {"success", "data", "meta", "timestamp"}
            return
        assert (body["success"], set(body)) == (False, {"success", "error", "timestamp"})
        error = body["error"]
        assert error["request_id"] == answer.headers["x-request-id"]
        assert isinstance(error["message"], str)
        assert isinstance(error["retryable"], bool)
        assert ("outcome" in error) or not is_write
        if answer.status_code in {429, 503}:
            assert int(answer.headers["retry-after"]) == error["retry_after"] >= 1

    async def place(self, *, client: str = "bot", **changes: Any) -> httpx.Response:
        return await self.call("POST", "/v1/orders", client=client, json=limit_body(**changes))

    async def error(self, method: str, path: str, **request: Any) -> tuple[int, dict[str, Any]]:
        answer = await self.call(method, path, **request)
        assert answer.status_code >= 400, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return answer.status_code, error


@asynccontextmanager
async def running(settings: Settings, redis_url: str, exchange: Exchange) -> AsyncIterator[Running]:
    app = create_app(settings, redis_url)
    assert isinstance(app, Edge)
    transport = httpx.ASGITransport(app, client=(ADDRESS, 4711))
    async with _alive(app), httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        services: Services = app._app.app.state.services  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            await services.markets.wait_loaded(exchange.name)
            while not services.clocks[exchange.name].is_measured:  # noqa: ASYNC110  # there is no event for it
                await asyncio.sleep(0.01)
            while any(not services.is_ready(account) for account in services.accounts.all()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield Running(app, services, exchange, http)


async def _run(app: ASGIApp, scope: dict[str, Any], to_app: asyncio.Queue[Any], from_app: asyncio.Queue[Any]) -> None:
    await app(scope, to_app.get, from_app.put)


@asynccontextmanager
async def _alive(app: ASGIApp) -> AsyncIterator[None]:
    """Start and stop an application as a server does."""
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    task = asyncio.create_task(_run(app, scope, to_app, from_app))
    for phase in ("startup", "shutdown"):
        to_app.put_nowait({"type": f"lifespan.{phase}"})
        assert (await from_app.get())["type"] == f"lifespan.{phase}.complete"
        if phase == "startup":
            try:
                yield
            except BaseException:
                task.cancel()
                raise
    await task
