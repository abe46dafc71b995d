"""Amends, batches and cancels of everything over REST: one result for each, in the words of a single request."""

from typing import Any

import pytest

from tests.gateway.api.running import Running, fresh_id, limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")


def place_item(**changes: Any) -> dict[str, Any]:
    return {"op": "place"} | limit_body(account=None, **changes)


async def batch(gateway: Running, *items: dict[str, Any], client: str = "bot", **more: Any) -> dict[str, Any]:
    body = {"account": "main", "items": items, **more}
    answer = await gateway.call("POST", "/v1/orders/batch", client=client, json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_each_item_is_answered_as_it_would_be_alone(gateway: Running) -> None:
    resting = (await gateway.place()).json()["data"]
    good, off_grid, odd = place_item(), place_item(price="100.001"), place_item(trigger_quantity="1")
    data = await batch(
        gateway,
        good,
        off_grid,
        {"op": "cancel", "order_id": resting["order_id"]},
        odd,
        {"op": "cancel", "order_id": "x"},
    )
    placed, refused, cancelled, unsupported, missing = data["results"]
    assert (data["succeeded"], data["failed"]) == (2, 3)
    assert (placed["success"], placed["data"]["client_order_id"]) == (True, good["client_order_id"])
    assert (cancelled["data"]["order_id"], cancelled["data"]["status"]) == (resting["order_id"], "cancelled")
    for result, code in (
        (refused, "INVALID_PRECISION"),
        (unsupported, "NOT_SUPPORTED"),
        (missing, "ORDER_NOT_FOUND"),
    ):
        assert (result["success"], result["error"]["code"], result["error"]["outcome"]) == (False, code, "not_sent")
    again = await batch(gateway, good)
    assert again["results"][0]["data"]["order_id"] == placed["data"]["order_id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"items": []}, "items"),
        ({"items": [place_item(client_order_id="x")] * 2}, None),
        ({"items": [{"op": "cancel", "order_id": "x"}] * 51}, "items"),
        ({"items": [{"op": "cancel"}]}, "items.0"),
        ({"items": [{"op": "sell"}]}, "items.0"),
        ({"items": [{"op": "amend", "order_id": "x"}]}, "items.0"),
        ({"items": [place_item(price=5)]}, "items.0"),
        ({"items": [place_item() | {"account": "main"}]}, "items.0"),
        ({"items": [place_item()], "sequence": "any"}, "sequence"),
    ],
)
async def test_a_batch_that_is_malformed_does_nothing(gateway: Running, body: Any, field: str | None) -> None:
    arrived = len(gateway.exchange.arrivals)
    status, error = await gateway.error("POST", "/v1/orders/batch", client="bot", json={"account": "main"} | body)
    assert (status, error["code"], error["outcome"]) == (400, "INVALID_PARAMETER", "not_sent")
    assert field is None or error["field"].startswith(field)
    assert len(gateway.exchange.arrivals) == arrived


async def test_a_batch_may_be_larger_than_other_bodies_but_not_than_its_own_bound(gateway: Running) -> None:
    padding = " " * 70_000
    for size, expected in ((1, 200), (16, 413)):
        item = f'{{"account": "main", "items": [{{"op": "cancel", "order_id": "x"}}]{padding * size}}}'
        answer = await gateway.call(
            "POST", "/v1/orders/batch", client="bot", content=item, headers={"content-type": "application/json"}
        )
        assert answer.status_code == expected


async def test_an_amend_where_the_venue_has_none_places_anew_and_says_so(gateway: Running) -> None:
    order = (await gateway.place()).json()["data"]
    path = f"/v1/orders/{order['order_id']}"
    status, error = await gateway.error("PATCH", path, client="bot", json={"price": "99"})
    assert (status, error["field"], error["outcome"]) == (400, "new_client_order_id", "not_sent")
    status, error = await gateway.error("PATCH", path, client="bot", json={})
    assert (status, error["code"]) == (400, "INVALID_PARAMETER")
    body = {"price": "99", "new_client_order_id": fresh_id()}
    answer = await gateway.call("PATCH", path, client="bot", json=body)
    old = answer.json()["data"]
    assert (answer.status_code, old["status"], old["amend"]["state"]) == (200, "cancelled", "done")
    new = (await gateway.call("GET", f"/v1/orders/{old['replaced_by']}", client="bot")).json()["data"]
    assert (new["price"], new["client_order_id"], new["status"]) == ("99", body["new_client_order_id"], "pending")
    late = {"price": "98", "new_client_order_id": fresh_id()}
    status, error = await gateway.error("PATCH", path, client="bot", json=late)
    assert (status, error["code"], error["details"]["order"]["status"]) == (409, "ORDER_NOT_CANCELLABLE", "cancelled")


async def test_everything_of_a_client_is_cancelled_and_counted(gateway: Running) -> None:
    await gateway.place(client="other", labels=["night"])
    await gateway.place(client="other", symbol="ETH-USDT", labels=["night"])
    body = {"account": "main", "labels": ["night"]}
    wanted = body | {"symbol": "ETH_USDT"}
    first = (await gateway.call("POST", "/v1/orders/cancel-all", client="other", json=wanted)).json()["data"]
    assert [first["cancelled"], first["failed"], first["unknown"]] == [1, 0, 0]
    assert (first["results"][0]["symbol"], first["results"][0]["order"]["status"]) == ("ETH-USDT", "cancelled")
    second = (await gateway.call("POST", "/v1/orders/cancel-all", client="other", json=body)).json()["data"]
    assert second["cancelled"] == 1
    status, error = await gateway.error(
        "POST", "/v1/orders/cancel-all", client="other", json=body | {"scope": "account"}
    )
    assert (status, error["code"]) == (403, "PERMISSION_DENIED")
