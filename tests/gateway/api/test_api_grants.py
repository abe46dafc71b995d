"""Who sees what on a shared account: `own` only what is the client's, `account` all of it; nobody anything else."""

from typing import Any

import pytest

from tests.gateway.api.running import Running, fresh_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_ORDER = "AAAA"


async def placed(gateway: Running) -> dict[str, Any]:
    """The bot's."""
    order: dict[str, Any] = (await gateway.place()).json()["data"]
    return order


async def without_names(gateway: Running, method: str, path: str, client: str, *names: str) -> tuple[int, str, Any]:
    """What an error says, but for the names that were asked for and what differs with every request."""
    status, error = await gateway.error(method, path, client=client)
    message = error["message"]
    for name in names:
        message = message.replace(name[:64], "…")
    return status, message, {**error, "message": "", "request_id": ""}


def by_client_id(client_order_id: str, owner: str | None = None) -> str:
    path = f"/v1/accounts/main/orders/by-client-id/{client_order_id}"
    return path if owner is None else f"{path}?client={owner}"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_foreign_order_answers_exactly_like_none_and_reaches_no_venue(gateway: Running, method: str) -> None:
    order = await placed(gateway)
    # Of this order alone: clocks and sweeps read for themselves meanwhile.
    reads, cancels = gateway.exchange.reads.count("order"), gateway.exchange.cancels
    foreign = await without_names(gateway, method, f"/v1/orders/{order['order_id']}", "other", order["order_id"])
    assert foreign == await without_names(gateway, method, f"/v1/orders/{NO_ORDER}", "other", NO_ORDER)
    assert foreign[0] == 404
    name, unused = order["client_order_id"], fresh_id()
    for owner in (None, "bot", "nobody", "other"):
        foreign = await without_names(gateway, method, by_client_id(name, owner), "other", name)
        assert foreign == await without_names(gateway, method, by_client_id(unused, owner), "other", unused)
        assert (foreign[0], foreign[2]["code"]) == (404, "ORDER_NOT_FOUND")
    assert (gateway.exchange.reads.count("order"), gateway.exchange.cancels) == (reads, cancels)


async def test_a_grant_on_the_account_finds_anybodys_order_by_either_id(gateway: Running) -> None:
    order = await placed(gateway)
    for path in (f"/v1/orders/{order['order_id']}", by_client_id(order["client_order_id"], "bot")):
        found = (await gateway.call("GET", path, client="boss")).json()["data"]
        assert (found["order_id"], found["client"]) == (order["order_id"], "bot")
    # Without a name it is one's own id that is meant.
    status, error = await gateway.error("GET", by_client_id(order["client_order_id"]), client="boss")
    assert (status, error["code"]) == (404, "ORDER_NOT_FOUND")
    mine = (await gateway.call("GET", by_client_id(order["client_order_id"], "bot"), client="bot")).json()["data"]
    assert mine["order_id"] == order["order_id"]


async def test_a_grant_on_the_account_cancels_anybodys_order_by_either_id(gateway: Running) -> None:
    one, other = await placed(gateway), await placed(gateway)
    for path in (f"/v1/orders/{one['order_id']}", by_client_id(other["client_order_id"], "bot")):
        cancelled = (await gateway.call("DELETE", path, client="canceller")).json()["data"]
        assert (cancelled["status"], cancelled["client"]) == ("cancelled", "bot")


async def test_the_scope_is_needed_beside_the_grant(gateway: Running) -> None:
    order = await placed(gateway)
    before = gateway.exchange.cancels
    for method, client in (("DELETE", "boss"), ("GET", "canceller")):
        for path in (f"/v1/orders/{order['order_id']}", by_client_id(order["client_order_id"], "bot")):
            status, error = await gateway.error(method, path, client=client)
            assert (status, error["code"]) == (403, "PERMISSION_DENIED")
    assert gateway.exchange.cancels == before


async def test_a_list_holds_what_the_grant_shows(gateway: Running) -> None:
    orders = {client: (await gateway.place(client=client)).json()["data"]["order_id"] for client in ("bot", "other")}

    async def listed(client: str, query: str = "") -> list[dict[str, Any]]:
        answer = await gateway.call("GET", f"/v1/orders?account=main&limit=100{query}", client=client)
        items: list[dict[str, Any]] = answer.json()["data"]["items"]
        return items

    assert {item["client"] for item in await listed("other")} == {"other"}
    assert {item["client"] for item in await listed("boss")} >= {"bot", "other"}
    assert await listed("other", f"&order_id={orders['bot']}") == []
    assert [item["client"] for item in await listed("boss", f"&order_id={orders['bot']}")] == ["bot"]


@pytest.mark.parametrize("what", ["balances", "positions"])
async def test_what_the_account_holds_is_shown_whole_to_whom_it_was_granted(gateway: Running, what: str) -> None:
    seen = [await gateway.call("GET", f"/v1/accounts/main/{what}", client=client) for client in ("bot", "boss")]
    assert seen[0].json()["data"] == seen[1].json()["data"]
    _, error = await gateway.error("GET", f"/v1/accounts/main/{what}", client="homeless")
    assert error["code"] == "ACCOUNT_NOT_FOUND"
