"""Stuck orders and orphans as clients and people meet them: what is held, what frees it, who may see and say so."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.errors import EchoMismatch
from adapters.models import OrderStatus, VenueClientId, VenueOrderId
from gateway.orders.identity import Identities
from gateway.orders.orphans import Orphans
from tests.gateway.api.conftest import VENUE
from tests.gateway.api.running import Running, fresh_id
from tests.redis_process import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SYMBOL = "ETH-USDT"


async def stuck(gateway: Running) -> dict[str, Any]:
    """An order that the venue has otherwise than it was sent."""
    exchange = gateway.exchange

    async def take_another() -> None:
        exchange.before_answer = answer
        [*_, client_id] = (order.venue_client_id for order in exchange.orders.values())
        assert client_id is not None
        exchange.change(client_id, price=Decimal(99))
        raise EchoMismatch(exchange.name, "it shows another price than was sent")

    answer, exchange.before_answer = exchange.before_answer, take_another
    placed = await gateway.place(symbol=SYMBOL)
    assert placed.status_code == 202
    order: dict[str, Any] = placed.json()["data"]
    return order


async def held(gateway: Running, client: str) -> list[dict[str, Any]]:
    status = (await gateway.call("GET", "/v1/system/status", client=client)).json()["data"]
    [account] = (one for one in status["accounts"] if one["account"] == "main")
    assert account["is_ready"]
    markets: list[dict[str, Any]] = account["held"]
    return markets


async def test_a_stuck_order_holds_its_market_until_an_admin_resolves_it(gateway: Running) -> None:
    order = await stuck(gateway)
    assert order["unknown"]["stuck"] is True

    async def is_told() -> bool:
        return bool(await held(gateway, "bot"))

    await eventually(is_told)
    assert await held(gateway, "bot") == [{"symbol": SYMBOL, "order_id": order["order_id"]}]
    assert await held(gateway, "other") == [{"symbol": SYMBOL, "order_id": None}]
    body = {"account": "main", "symbol": SYMBOL, "side": "buy", "type": "limit", "quantity": "1", "price": "100"}
    status, error = await gateway.error(
        "POST", "/v1/orders", client="bot", json={**body, "client_order_id": fresh_id()}
    )
    assert (status, error["code"], error["outcome"]) == (403, "ACCOUNT_HELD", "not_sent")
    assert error["details"] == {"order_id": order["order_id"]}
    assert (await gateway.place(symbol="BTC-USDC")).status_code == 201

    path = f"/v1/admin/orders/{order['order_id']}/resolve"
    found = {"status": "cancelled", "evidence": "venue support, ticket 4711"}
    status, error = await gateway.error("POST", path, client="bot", json=found)
    assert (status, error["code"]) == (403, "PERMISSION_DENIED")
    for wrong, field in (({"status": "lost"}, "status"), ({"evidence": ""}, "evidence"), ({"note": "x"}, "note")):
        status, error = await gateway.error("POST", path, client="auditor", json=found | wrong)
        assert (status, error["field"], error["outcome"]) == (400, field, "not_sent")
    status, error = await gateway.error("POST", "/v1/admin/orders/none/resolve", client="auditor", json=found)
    assert (status, error["code"], error["outcome"]) == (404, "ORDER_NOT_FOUND", "not_sent")
    for _ in range(2):
        resolved = await gateway.call("POST", path, client="auditor", json=found)
        assert (resolved.status_code, resolved.json()["data"]["status"]) == (200, "cancelled")
    status, error = await gateway.error("POST", path, client="auditor", json={**found, "status": "filled"})
    assert (status, error["field"]) == (400, "order_id")
    assert (await gateway.place(symbol=SYMBOL)).status_code == 201


async def test_orphans_are_shown_to_those_who_see_the_whole_account(gateway: Running) -> None:
    placed = (await gateway.place()).json()["data"]
    exchange, services = gateway.exchange, gateway.services
    order = exchange.orders[VenueOrderId(placed["venue_order_id"])]
    foreign = replace(order, venue_order_id=VenueOrderId("past-us"), venue_client_id=VenueClientId("4294967295"))
    exchange.orders[foreign.venue_order_id] = foreign
    [account] = (one for one in services.accounts.all() if one.name == "main")
    records = services.orders.records[VENUE]
    await Orphans(account, records, services.orders.settling, Identities(bytes(32))).compare()
    shown = (await gateway.call("GET", "/v1/accounts/main/orphans", client="boss")).json()["data"]
    assert "past-us" in {one["venue_order_id"] for one in shown["items"]}
    assert (await gateway.call("GET", "/v1/accounts/main/orphans", client="bot")).json()["data"]["items"] == []
    events = (await gateway.call("GET", "/v1/accounts/main/events?kind=orphan", client="boss")).json()["data"]
    assert events["items"][-1]["data"] == shown["items"][0]
    exchange.orders[foreign.venue_order_id] = replace(foreign, status=OrderStatus.CANCELLED)
