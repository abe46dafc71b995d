"""Halts and limits over REST: who may set them, what is refused, and who is told what."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.api.conftest import VENUE, gateway_on, new_exchange, settings_for
from tests.gateway.api.running import Running, limit_body
from tests.redis_process import RedisProcess, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

HALTS = "/v1/admin/halts"
KEY = hashlib.sha256(b"secret-of-officer").hexdigest()
BOT = hashlib.sha256(b"secret-of-bot").hexdigest()


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisProcess]:
    """Of no other replica."""
    with RedisProcess() as redis:
        yield redis


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def firm(own_redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A firm with a desk, an officer, and limits."""
    settings = settings_for(
        tmp_path_factory.mktemp("firm"),
        own_redis.url,
        desks={"arb": {"limits": {"max_open_orders": 2}}},
        clients={
            "officer": {"scopes": ["risk"], "key_sha256": [KEY]},
            "bot": {
                "desk": "arb", "scopes": ["read", "trade"], "accounts": {"main": "own"}, "key_sha256": [BOT],
                "limits": {"max_notional": "1000", "order_rate": {"count": 100, "period_ms": 1000}},
            },
        },
        venues={VENUE: {"markets": {"ETH_USDT": {"limits": {"max_quantity": "1"}}, "NO-SUCH": {}}}},
    )  # fmt: skip
    async with gateway_on(settings, own_redis.url, new_exchange()) as started:
        yield started
        assert started.internal_errors == []


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def nothing_left(firm: Running) -> AsyncIterator[None]:
    yield
    for halt in (await firm.call("GET", HALTS, client="officer")).json()["data"]:
        await firm.call("DELETE", f"{HALTS}?scope={halt['scope']}&name={halt['name']}", client="officer")


async def set_halt(firm: Running, client: str = "officer", **members: Any) -> Any:
    body = {"scope": "global", "mode": "no_new", "reason": "drill"} | members
    return await firm.call("POST", HALTS, client=client, json=body)


async def place(firm: Running, **changes: Any) -> Any:
    return await firm.call("POST", "/v1/orders", client="bot", json=limit_body(**changes))


async def test_only_the_scope_risk_may_look_set_and_lift(firm: Running) -> None:
    for answer in (
        await set_halt(firm, client="bot"),
        await firm.call("GET", HALTS, client="bot"),
        await firm.call("DELETE", f"{HALTS}?scope=global", client="bot"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert (await firm.call("GET", HALTS)).status_code == 401


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"scope": "desk", "name": "nobody"}, "name"),
        ({"scope": "venue", "name": "nowhere"}, "name"),
        ({"scope": "account", "name": "MAIN"}, "name"),
        ({"scope": "client"}, "name"),
        ({"scope": "symbol", "name": "no\u0000such"}, "name"),
        ({"scope": "global", "name": "x"}, "name"),
        ({"scope": "world"}, "scope"),
        ({"mode": "soft"}, "mode"),
        ({"reason": ""}, "reason"),
        ({"until": 1}, "until"),
        ({"until": "soon"}, "until"),
        ({"cancel_open": "yes"}, "cancel_open"),
        ({"more": 1}, "more"),
    ],
)
async def test_what_names_nothing_is_refused(firm: Running, members: dict[str, Any], field: str) -> None:
    answer = await set_halt(firm, **members)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, "INVALID_PARAMETER", field)
    assert error["outcome"] == "not_sent"
    assert (await firm.call("GET", HALTS, client="officer")).json()["data"] == []


@pytest.mark.parametrize(
    ("scope", "name", "called"),
    [
        ("global", "", ""), ("venue", "sim", "sim"), ("desk", "arb", "arb"), ("account", "main", "main"),
        ("client", "bot", "bot"), ("symbol", "SOL_USDC", "SOL-USDC"),
    ],
)  # fmt: skip
async def test_every_scope_stops_orders_and_validating_says_so(
    firm: Running, scope: str, name: str, called: str
) -> None:
    change = (await set_halt(firm, scope=scope, name=name)).json()["data"]
    assert (change["acknowledged"], change["missing"]) == ([firm.services.replica], [])
    assert (change["halt"]["name"], change["halt"]["set_by"]) == (called, "officer")
    for path in ("/v1/orders", "/v1/orders/validate"):
        answer = await firm.call("POST", path, client="bot", json=limit_body())
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["outcome"]) == (403, "TRADING_HALTED", "not_sent")
        assert error["details"]["scope"] == scope
    lifted = await firm.call("DELETE", f"{HALTS}?scope={scope}&name={name}", client="officer")
    assert lifted.json()["data"]["halt"]["name"] == called
    assert (await firm.call("POST", "/v1/orders/validate", client="bot", json=limit_body())).status_code == 200


async def test_lifting_what_is_not_halted_is_no_error_and_an_unknown_name_is(firm: Running) -> None:
    answer = await firm.call("DELETE", f"{HALTS}?scope=desk&name=arb", client="officer")
    assert answer.json()["data"] == {"halt": None, "acknowledged": [], "missing": []}
    assert (await firm.call("DELETE", f"{HALTS}?scope=desk&name=x", client="officer")).status_code == 400
    assert (await firm.call("DELETE", f"{HALTS}?scope=x", client="officer")).status_code == 400


async def test_the_reason_is_told_to_those_with_a_token_alone(firm: Running) -> None:
    await set_halt(firm, scope="client", name="bot")
    for client, reason in ((None, None), ("bot", "drill")):
        status = (await firm.call("GET", "/v1/system/status", client=client)).json()["data"]
        [halt] = status["halts"]
        assert halt == {"scope": "client", "name": "bot", "mode": "no_new", "until": None, "reason": reason}


async def test_open_orders_of_the_scope_are_cancelled(firm: Running) -> None:
    placed = (await place(firm)).json()["data"]
    await set_halt(firm, scope="desk", name="arb", cancel_open=True)

    async def is_over() -> bool:
        [halt] = (await firm.call("GET", HALTS, client="officer")).json()["data"]
        return (halt["cancelled"], halt["resting"]) == (1, 0)

    await eventually(is_over)
    order = await firm.call("GET", f"/v1/orders/{placed['order_id']}", client="bot")
    assert order.json()["data"]["status"] == "cancelled"


async def test_a_client_sees_its_limits_and_what_counts_against_them(firm: Running) -> None:
    placed = (await place(firm, price="50")).json()["data"]
    levels = (await firm.call("GET", "/v1/accounts/main/risk", client="bot")).json()["data"]
    assert [(level["level"], level["name"]) for level in levels] == [
        ("desk", "arb"), ("client", "bot"), ("account", "main"), ("market", "sim/ETH-USDT"),
    ]  # fmt: skip
    assert levels[0]["limits"]["max_open_orders"] == 2
    assert levels[0]["use"] == {
        "open_orders": 1, "daily_notional": "50", "traded_today": "0", "orders_in_period": 0,
    }  # fmt: skip
    assert levels[1]["limits"]["order_rate"] == {"count": 100, "period_ms": 1000}
    assert levels[3]["limits"]["max_quantity"] == "1"
    await firm.call("DELETE", f"/v1/orders/{placed['order_id']}", client="bot")
    levels = (await firm.call("GET", "/v1/accounts/main/risk", client="bot")).json()["data"]
    assert levels[0]["use"]["open_orders"] == 0
    assert (await firm.call("GET", "/v1/accounts/second/risk", client="bot")).status_code == 404


async def test_a_refusal_names_the_level_and_the_field(firm: Running) -> None:
    answer = await place(firm, symbol="ETH-USDT", quantity="2")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (403, "RISK_REJECTED", "quantity")
    assert error["details"] == {
        "level": "market", "name": "sim/ETH-USDT", "limit": "max_quantity", "allowed": "1", "would_be": "2",
    }  # fmt: skip
    assert (error["retryable"], error["outcome"]) == (False, "not_sent")


async def test_limits_of_a_market_that_is_none_are_named_as_a_problem(firm: Running) -> None:
    status = (await firm.call("GET", "/v1/system/status")).json()["data"]
    assert [problem for problem in status["problems"] if "venues.sim.markets.NO-SUCH" in problem]
