"""The dead-man switch over REST: what it says of itself is true, and it is each client's own."""

from typing import Any

import pytest

from tests.gateway.api.running import Running
from tests.redis_process import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH = "/v1/accounts/main/cancel-after"


async def put(gateway: Running, client: str = "bot", **body: Any) -> Any:
    answer = await gateway.call("PUT", PATH, client=client, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def get(gateway: Running, client: str = "bot", session: str | None = None) -> Any:
    answer = await gateway.call("GET", PATH, client=client, params={} if session is None else {"session": session})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_switch_is_armed_renewed_and_switched_off(gateway: Running) -> None:
    armed = await put(gateway, timeout_ms=60_000, exempt=["b", "a"])
    assert armed == {
        "account": "main",
        "client": "bot",
        "session": None,
        "state": "armed",
        "timeout_ms": 60_000,
        "deadline": armed["deadline"],
        "exempt": ["a", "b"],
        "fired_at": None,
        "firing": False,
        "cancelled": None,
    }
    assert await get(gateway) == armed
    renewed = await put(gateway, timeout_ms=86_400_000)
    assert (renewed["deadline"] > armed["deadline"], renewed["exempt"]) == (True, [])
    off = await put(gateway, timeout_ms=0)
    assert (off["state"], off["deadline"], off["timeout_ms"]) == ("off", None, None)


async def test_a_switch_that_is_not_renewed_cancels_and_says_so(gateway: Running) -> None:
    order = (await gateway.place(labels=["session:night"])).json()["data"]
    spared = (await gateway.place(labels=["session:night", "hedge"])).json()["data"]
    await put(gateway, timeout_ms=1_000, session="night", exempt=["hedge"])
    states: list[Any] = []

    async def is_done() -> bool:
        states.append(await get(gateway, session="night"))
        return states[-1]["cancelled"] is not None

    await eventually(is_done)
    assert (states[-1]["state"], states[-1]["firing"], states[-1]["cancelled"]) == ("off", False, 1)
    assert states[-1]["fired_at"] >= order["created_at"] + 1_000
    found = [await gateway.call("GET", f"/v1/orders/{one['order_id']}", client="bot") for one in (order, spared)]
    assert [one.json()["data"]["status"] for one in found] == ["cancelled", "pending"]


async def test_each_client_has_its_own_switch(gateway: Running) -> None:
    await put(gateway, timeout_ms=60_000)
    # One that sees the whole account still has only its own.
    assert (await get(gateway, "canceller"))["state"] == (await get(gateway, "other"))["state"] == "off"
    assert (await put(gateway, "canceller", timeout_ms=0))["client"] == "canceller"
    assert (await get(gateway))["state"] == "armed"
    await put(gateway, timeout_ms=0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "timeout_ms"),
        ({"timeout_ms": 999}, "timeout_ms"),
        ({"timeout_ms": -1}, "timeout_ms"),
        ({"timeout_ms": 86_400_001}, "timeout_ms"),
        ({"timeout_ms": "5000"}, "timeout_ms"),
        ({"timeout_ms": 5e3}, "timeout_ms"),
        ({"timeout_ms": True}, "timeout_ms"),
        ({"timeout_ms": 5_000, "session": ""}, "session"),
        ({"timeout_ms": 5_000, "session": "a/b"}, "session"),
        ({"timeout_ms": 5_000, "session": "é"}, "session"),
        ({"timeout_ms": 5_000, "session": "x" * 57}, "session"),
        ({"timeout_ms": 5_000, "exempt": ["a,b"]}, "exempt.0"),
        ({"timeout_ms": 5_000, "exempt": ["a"] * 9}, "exempt"),
        ({"timeout_ms": 5_000, "labels": []}, "labels"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(gateway: Running, body: dict[str, Any], field: str) -> None:
    status, error = await gateway.error("PUT", PATH, client="bot", json=body)
    assert (status, error["code"], error["field"]) == (400, "INVALID_PARAMETER", field)
    assert error["outcome"] == "not_sent"
    assert (await get(gateway))["state"] == "off"


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_it_takes_the_scope_and_the_account(gateway: Running, method: str) -> None:
    body: dict[str, Any] = {"json": {"timeout_ms": 5_000}} if method == "PUT" else {}
    for client, account, code in (
        ("reader", "main", "PERMISSION_DENIED"),
        ("bot", "second", "ACCOUNT_NOT_FOUND"),
        ("bot", "nowhere", "ACCOUNT_NOT_FOUND"),
    ):
        _, error = await gateway.error(method, f"/v1/accounts/{account}/cancel-after", client=client, **body)
        assert error["code"] == code
