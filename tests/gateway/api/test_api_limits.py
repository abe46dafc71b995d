"""What a client is told of the venues' budgets, and what it may say about waiting for them."""

from typing import Any

import pytest

from tests.gateway.api.running import Running, limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAN = "/v1/accounts/main/rate-limits/plan"


async def data(gateway: Running, path: str, **options: Any) -> Any:
    answer = await gateway.call("GET", path, **options)
    assert answer.status_code == 200
    return answer.json()["data"]


async def test_who_spends_is_shown_to_those_who_may_know(gateway: Running) -> None:
    for client in ("bot", "other"):
        assert (await gateway.call("GET", "/v1/accounts/main/balances", client=client)).status_code == 200
    for_all = await data(gateway, "/v1/accounts/main/rate-limits", client="boss")
    spent_by = next(rule for rule in for_all if rule["rule"] == "account")["spent_by"]
    assert spent_by["bot"] >= 1
    assert spent_by["other"] >= 1
    own = await data(gateway, "/v1/accounts/main/rate-limits", client="bot")
    assert next(rule for rule in own if rule["rule"] == "account")["spent_by"].keys() <= {"bot", "crossgate", "others"}
    await data(gateway, "/v1/venues/sim/markets/SOL-USDC/ticker?max_age_ms=0", client="reader")
    [ip] = await data(gateway, "/v1/venues/sim/rate-limits", client="reader")
    assert ip["spent_by"]["reader"] == 1
    [ip] = await data(gateway, "/v1/venues/sim/rate-limits")
    assert ip["spent_by"] is None


async def test_a_plan_says_whether_calls_fit_and_how_often(gateway: Running) -> None:
    before = await data(gateway, "/v1/accounts/main/rate-limits", client="bot")
    body = {"calls": [{"call": "place", "count": 2}, {"call": "cancel"}]}
    answer = await gateway.call("POST", PLAN, client="bot", json=body)
    assert answer.status_code == 200
    plan = answer.json()["data"]
    assert (plan["fits_now"], plan["fits_in_ms"]) == (True, 0)
    assert [one["call"] for one in plan["calls"]] == ["place", "cancel"]
    assert plan["calls"][0]["per_minute"] > plan["per_minute"] > 0
    after = await data(gateway, "/v1/accounts/main/rate-limits", client="bot")
    assert [rule["used"] for rule in after if rule["rule"] == "account"] <= [
        rule["used"] for rule in before if rule["rule"] == "account"
    ]
    body = {"calls": [{"call": "place", "count": 10_000}]}
    plan = (await gateway.call("POST", PLAN, client="bot", json=body)).json()["data"]
    assert plan["fits_now"] is False
    assert plan["fits_in_ms"] > 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"calls": []}, "calls"),
        ({"calls": [{"call": "launder"}]}, "calls.0.call"),
        ({"calls": [{"call": "place", "count": 0}]}, "calls.0.count"),
        ({"calls": [{"call": "place", "count": "1"}]}, "calls.0.count"),
        ({"calls": [{"call": "place", "price": 1}]}, "calls.0.price"),
    ],
)
async def test_a_plan_that_cannot_be_read_is_refused_by_name(
    gateway: Running, body: dict[str, Any], field: str
) -> None:
    answer = await gateway.call("POST", PLAN, client="bot", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize("value", ["-1", "1.5", "600001", "x", "1" * 20])
async def test_a_wait_that_is_no_number_is_refused_by_name(gateway: Running, value: str) -> None:
    for path, client in (("/v1/accounts/main/balances", "bot"), ("/v1/venues/sim/markets/SOL-USDC/ticker", None)):
        answer = await gateway.call("GET", path, client=client, headers={"X-Max-Wait-Ms": value})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "X-Max-Wait-Ms")


async def test_an_order_waits_as_long_as_its_body_or_else_its_header_says(gateway: Running) -> None:
    answer = await gateway.call("POST", "/v1/orders", client="bot", json=limit_body(), headers={"X-Max-Wait-Ms": "0"})
    assert answer.status_code == 201
