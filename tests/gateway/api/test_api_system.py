"""The service's own state, its document, and the outermost layer: headers, ids, budgets, logs."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse

from gateway.addresses import AllowList
from gateway.api.context import now_ms
from gateway.api.edge import Edge
from gateway.api.problem import STATUS
from gateway.auth import ClientBudget, Signatures
from gateway.errors import Code
from tests.gateway.api.conftest import gateway_on, new_exchange, settings_for
from tests.gateway.api.running import Running, limit_body
from tests.gateway.orders.replica import until
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_time_and_the_state_are_public(gateway: Running) -> None:
    assert (await gateway.call("GET", "/v1/system/time")).json()["data"]["server_time"] > 1_600_000_000_000
    status = (await gateway.call("GET", "/v1/system/status")).json()["data"]
    assert (status["status"], status["problems"], status["store"]["is_up"]) == ("ok", [], True)
    [venue] = status["venues"]
    assert (venue["venue"], venue["markets_loaded"]) == ("sim", True)
    assert abs(venue["clock_offset_ms"]) < 1_000


async def test_the_probes_answer(gateway: Running) -> None:
    await until(lambda: gateway.services.feeds.state().is_receiving)
    for path, said in (("/healthz", "ok"), ("/readyz", "ready")):
        answer = await gateway.http.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, said)
        assert answer.headers["x-request-id"]


async def test_a_draining_replica_wants_no_traffic(gateway: Running) -> None:
    gateway.services.lifecycle.is_draining = True
    try:
        answer = await gateway.http.get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["draining"])
        assert (await gateway.call("GET", "/v1/system/status")).json()["data"]["status"] == "draining"
    finally:
        gateway.services.lifecycle.is_draining = False


async def test_a_dead_background_task_is_no_readiness(gateway: Running) -> None:
    gateway.services.lifecycle.failed_tasks.append("sweeps")
    try:
        assert (await gateway.http.get("/readyz")).json()["reasons"] == ["background task sweeps has died"]
        assert (await gateway.call("GET", "/v1/system/status")).json()["data"]["status"] == "degraded"
    finally:
        gateway.services.lifecycle.failed_tasks.clear()


async def test_the_document_describes_bodies_and_answers(gateway: Running) -> None:
    document = (await gateway.http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert schemas["PlaceOrder"]["additionalProperties"] is False
    operation = document["paths"]["/v1/orders"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/PlaceOrder"
    }
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    page = await gateway.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "/v1/orders" in page.text


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


async def test_every_code_of_the_contract_has_a_status() -> None:
    assert set(STATUS) == set(Code)
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize(("given", "is_kept"), [("abc-DEF_1", True), ("a b", False), ("x" * 65, False), ("", False)])
async def test_a_callers_request_id_is_kept_if_it_is_one(gateway: Running, given: str, is_kept: bool) -> None:
    answer = await gateway.call("GET", "/v1/system/time", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is is_kept


async def test_a_request_id_cannot_break_a_header(gateway: Running) -> None:
    answer = await gateway.call("GET", "/v1/system/time", headers={"x-request-id": "a%0d%0aset-cookie: x"})
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["[::1", "a b", "évil", "x" * 5_000, "[", "gateway:notaport", ""])
@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("POST", "/v1/markets"), ("GET", "/v1/markets/")])
async def test_a_strange_host_is_no_error_of_ours(gateway: Running, host: str, method: str, path: str) -> None:
    headers = [(b"host", host.encode("latin-1"))]
    answer = await gateway.http.send(httpx.Request(method, f"http://gateway{path}", headers=headers))
    gateway.check(answer, is_write=method == "POST")
    assert answer.status_code in {404, 405}


async def test_the_log_has_the_request_and_no_secret(gateway: Running) -> None:
    token = await gateway.token("bot")
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await gateway.call("GET", "/v1/accounts?token=t0ps3cr3t", client="bot", headers={"x-request-id": "mine"})
        await gateway.call("POST", "/v1/auth/token", json={"api_key": "bot", "api_secret": "secret-of-bot"})
        await gateway.call("POST", "/v1/orders", client="bot", json=limit_body())
    requests = [log for log in logs if log["event"] == "request"]
    assert (requests[0]["client"], requests[0]["request_id"], requests[0]["status"]) == ("bot", "mine", 200)
    said = json.dumps(logs, default=str)
    for secret in ("t0ps3cr3t", "secret-of-bot", token, token.rpartition(".")[2]):
        assert secret not in said


# --- the outermost layer by itself


def edge(gateway: Running, *, per_s: int = 2, now: list[float] | None = None) -> Edge:
    """The layer over an application that echoes whom it takes the caller for."""
    clock = now or [0.0]

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/breaks":
            raise ZeroDivisionError("our insides")
        await PlainTextResponse(scope["state"]["context"].address)(scope, receive, send)

    return Edge(
        echo,
        tokens=gateway.services.tokens,
        signatures=Signatures(gateway.services.clients.get, now_ms),
        budget=ClientBudget(per_s, lambda: clock[0]),
        trusted_proxies=AllowList(["192.0.2.1", "192.0.2.2"]),
    )


def through(app: Edge, peer: str = "192.0.2.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://gateway")


@pytest.mark.parametrize(
    ("peer", "lines", "caller"),
    [
        ("192.0.2.1", ["198.51.100.9"], "198.51.100.9"),
        ("192.0.2.1", ["10.0.0.1, 198.51.100.9"], "198.51.100.9"),
        ("192.0.2.1", ["10.0.0.1, 198.51.100.9, 192.0.2.2"], "198.51.100.9"),
        ("192.0.2.1", ["10.0.0.1", "198.51.100.9"], "198.51.100.9"),
        ("192.0.2.1", ["10.0.0.1", "198.51.100.9, 192.0.2.2"], "198.51.100.9"),
        ("192.0.2.1", ["nonsense"], "192.0.2.1"),
        ("192.0.2.1", [], "192.0.2.1"),
        ("203.0.113.9", ["10.0.0.1"], "203.0.113.9"),
    ],
)
async def test_the_caller_is_who_the_last_trusted_proxy_saw(
    gateway: Running, peer: str, lines: list[str], caller: str
) -> None:
    """Some proxies add a line of their own behind the client's: the first line is what the client claims."""
    async with through(edge(gateway), peer) as http:
        answer = await http.get("/", headers=[("x-forwarded-for", line) for line in lines])
    assert answer.text == caller


async def test_a_caller_that_loops_is_slowed_alone(gateway: Running) -> None:
    now = [0.0]
    app = edge(gateway, now=now)
    async with through(app, "203.0.113.9") as looping, through(app, "203.0.113.8") as calm:
        for left in ("1", "0"):
            answer = await looping.post("/")
            assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (200, left)
        refused = await looping.post("/")
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["outcome"]) == (429, "RATE_LIMIT_EXCEEDED", "not_sent")
        assert (refused.headers["retry-after"], error["details"]) == ("1", {"rule": "client", "would_wait_ms": 500})
        assert "outcome" not in (await looping.get("/")).json()["error"]
        assert (await calm.get("/")).status_code == 200
        assert (await looping.get("/healthz")).status_code == 200
        now[0] += 0.5
        assert (await looping.get("/")).status_code == 200


@pytest.mark.parametrize(("method", "outcome"), [("GET", None), ("POST", "unknown"), ("DELETE", "unknown")])
async def test_what_goes_wrong_inside_says_nothing_of_it(gateway: Running, method: str, outcome: str | None) -> None:
    with structlog.testing.capture_logs() as logs:
        async with through(edge(gateway)) as http:
            answer = await http.request(method, "/breaks")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("outcome")) == (500, "INTERNAL_ERROR", outcome)
    assert "insides" not in answer.text
    assert logs[0]["event"] == "request_failed"


# --- with Redis gone


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    """One that a test may kill."""
    with RedisProcess() as redis:
        yield redis


@pytest.mark.parametrize(("method", "outcome"), [("GET", None), ("POST", "unknown")])
async def test_who_cannot_be_waited_for_is_told_where_to_ask(
    gateway: Running, method: str, outcome: str | None
) -> None:
    app, said, hangs = edge(gateway), asyncio.Queue[Any](), asyncio.Event()
    scope = {"type": "http", "method": method, "path": "/hangs", "headers": [], "client": ("192.0.2.9", 1)}

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def hang(*_: Any) -> None:
        hangs.set()
        await asyncio.Event().wait()

    app._app = hang
    task = asyncio.create_task(app(scope, receive, said.put))
    await hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    start, body = said.get_nowait(), said.get_nowait()
    error = json.loads(body["body"])["error"]
    assert (start["status"], error["code"], error.get("outcome")) == (503, "SHUTTING_DOWN", outcome)


async def test_a_gateway_without_redis_says_so_everywhere(tmp_path: Path, own_redis: RedisProcess) -> None:
    async with gateway_on(settings_for(tmp_path, own_redis.url), own_redis.url, new_exchange()) as gateway:
        order_id = (await gateway.place()).json()["data"]["order_id"]
        own_redis.kill()
        expected = [
            ("POST", "/v1/orders", 503, "not_sent"),
            ("GET", f"/v1/orders/{order_id}", 503, None),
            ("GET", "/v1/orders?account=main", 503, None),
            ("GET", "/v1/accounts/main/orders/by-client-id/x", 503, None),
            ("DELETE", "/v1/accounts/main/orders/by-client-id/x", 503, "not_sent"),
            ("GET", "/v1/accounts/main/rate-limits", 503, None),
            ("GET", "/v1/venues/sim/rate-limits", 503, None),
            ("GET", "/v1/accounts/main/balances", 503, None),
            ("GET", "/v1/venues/sim/markets/SOL-USDC/ticker?max_age_ms=0", 503, None),
        ]
        for method, path, status, outcome in expected:
            body = {"json": limit_body()} if method == "POST" else {}
            found, error = await gateway.error(method, path, client="bot", **body)
            assert (path, found, error["code"], error.get("outcome")) == (
                path,
                status,
                "STORE_UNAVAILABLE",
                outcome,
            )
            assert error["retryable"]
        assert (await gateway.http.get("/readyz")).status_code == 503
        assert (await gateway.http.get("/healthz")).status_code == 200
        assert REGISTRY.get_sample_value("crossgate_redis_up") == 0
        assert REGISTRY.get_sample_value("crossgate_limiter_without_store", {"venue": "sim"}) == 1
        assert REGISTRY.get_sample_value("crossgate_redis_errors_total", {"reason": "connect"})
        assert (await gateway.call("GET", "/v1/markets")).status_code == 200
        cancelled = await gateway.call("DELETE", f"/v1/orders/{order_id}", client="bot")
        assert cancelled.json()["data"]["status"] == "cancelled"
        assert gateway.internal_errors == []


async def test_a_firm_may_want_a_token_for_everything(tmp_path: Path, api_redis: RedisProcess) -> None:
    settings = settings_for(tmp_path, api_redis.url, auth={"public": False}, orders={"client_order_id_required": False})
    async with gateway_on(settings, api_redis.url, new_exchange()) as gateway:
        for path in ("/v1/markets", "/v1/venues", "/v1/venues/sim/markets/SOL-USDC/ticker"):
            status, error = await gateway.error("GET", path)
            assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")
            assert (await gateway.call("GET", path, client="reader")).status_code == 200
        placed = [(await gateway.place(client_order_id=None)).json()["data"] for _ in range(2)]
        assert placed[0]["order_id"] != placed[1]["order_id"]
        assert all(order["client_order_id"] for order in placed)
