"""Backpack's face against the exchange's own OpenAPI document: every route, answered and refused, on a busy desk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.config import AMPLE, AccountConfig, BackpackConfig, LimitConfig
from tests.sandbox.backpack_schema.cases import Case, bad_cases, bad_inputs, good_cases
from tests.sandbox.backpack_schema.document import document
from tests.sandbox.backpack_schema.extract import extract
from tests.sandbox.backpack_schema.filling import SPOT, Filled, filled, limit, market
from tests.sandbox.backpack_schema.in_process import STILL, Exchange, InProcess, exact, instruction_of, served_routes

GOLDEN = Path(__file__).parent.parent / "golden" / "backpack"
SERVED = served_routes()

# Routes of clients that the document does not describe.
NOT_IN_DOCUMENT = {
    ("GET", "/api/v1/market-holidays"): "of stocks; ccxt knows it",
    ("GET", "/api/v1/stockSessions"): "of stocks; ccxt knows it",
    ("GET", "/api/v1/stockHolidays"): "of stocks; ccxt knows it",
    ("GET", "/api/v1/stockIndicativeQuote"): "of stocks; ccxt knows it",
    ("POST", "/wapi/v1/user/2fa"): "the official Rust client knows it",
    ("GET", "/wapi/v1/history/vault/mint"): "the official Rust client knows it",
    ("GET", "/wapi/v1/history/vault/redeem"): "the official Rust client knows it",
}

SMALL_DOCUMENT = """
info: {version: "1.0", description: Prose.}
paths:
  /order:
    get:
      summary: Prose.
      operationId: get_order
      parameters:
        - {name: side, in: query, required: true, description: Prose., schema: {$ref: "#/components/schemas/Side"}}
      responses:
        "200":
          description: ""
          content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
  /other:
    get: {responses: {}}
components:
  schemas:
    Order:
      type: object
      title: Prose.
      required: [title, id]
      properties:
        id: {type: string, example: prose}
        side: {allOf: [{$ref: "#/components/schemas/Side"}, {description: Prose.}]}
        title: {type: string, default: none}
      example: {id: prose}
    Side: {type: string, description: Prose., enum: [Bid, Ask]}
    Unreached: {type: string}
"""

EXAMPLE = filled()
DECLARED = [route for route in SERVED if route not in NOT_IN_DOCUMENT]
SIGNED = [route for route in DECLARED if instruction_of(EXAMPLE.venue.face, *route) is not None]
SPOILED = {
    route: list(bad_inputs(document(), route, cases[0].params))
    for route, cases in good_cases(EXAMPLE).items()
    if document().knows(*route)
}

CANCELS = {("DELETE", "/api/v1/order"), ("DELETE", "/api/v1/orders")}


def why_undeclared(method: str, path: str, status: int) -> str | None:
    """Why a status that the document does not declare is right all the same; None if nothing is known in its favour."""
    match status:
        case 400:
            return "parameters are read before anything else, and what cannot be read is refused everywhere"
        case 401:
            return "an unknown key"
        case 403:
            return "a key without the right to do this"
        case 404 if (method, path) in CANCELS:
            return "cancelling an order that is not open"
        case _:
            return None


def faults(exchange: Exchange) -> list[str]:
    """What the document has against an answer."""
    method, path, status = exchange.method, exchange.path, exchange.status
    if document().declares(method, path, status):
        return document().answer_faults(exchange)
    if why_undeclared(method, path, status) is None:
        return [f"undeclared status {status}: {exchange.response.body!r}"]
    return document().error_faults(exchange.content)


def busy(route: tuple[str, str]) -> Filled:
    """A busy desk; one of its own for a route that changes something."""
    return EXAMPLE if route[0] == "GET" else filled()


def asked(made: Filled, route: tuple[str, str], case: Case) -> Exchange:
    return made.venue.call(*route, case.params, desk=case.desk)


def test_extracting_keeps_facts_and_leaves_prose() -> None:
    facts = extract(SMALL_DOCUMENT.encode(), [("GET", "/order"), ("GET", "/ours")])
    assert facts["source"]["version"] == "1.0"
    assert facts["operations"] == {
        "GET /order": {
            "parameters": [{"in": "query", "name": "side", "required": True, "schema": _reference("Side")}],
            "responses": {"200": {"content": {"application/json": _reference("Order")}, "headers": {}}},
        }
    }
    assert facts["schemas"] == {
        "Order": {
            "type": "object",
            "required": ["id", "title"],
            "properties": {
                "id": {"type": "string"},
                "side": _reference("Side"),
                "title": {"type": "string", "default": "none"},
            },
        },
        "Side": {"type": "string", "enum": ["Bid", "Ask"]},
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize("route", SERVED, ids=" ".join)
def test_every_route_is_in_the_document(route: tuple[str, str]) -> None:
    assert document().knows(*route) is (route not in NOT_IN_DOCUMENT), "extract the facts again"


def test_every_case_is_of_a_served_route() -> None:
    assert good_cases(EXAMPLE).keys() == set(DECLARED)
    assert bad_cases(EXAMPLE).keys() <= set(DECLARED)


def test_every_route_with_input_is_asked_badly_too() -> None:
    takes_input = {route for route in DECLARED if document().query_parameters(*route) or document().body_schema(*route)}
    asked_badly = bad_cases(EXAMPLE).keys() | {route for route, spoiled in SPOILED.items() if spoiled}
    assert takes_input - asked_badly == set()


@pytest.mark.parametrize("route", DECLARED, ids=" ".join)
def test_questions_and_answers_are_as_the_document_has_them(route: tuple[str, str]) -> None:
    made = busy(route)
    cases = good_cases(made)[route]
    assert cases
    for case in cases:
        exchange = asked(made, route, case)
        assert exchange.status == case.status, exchange.response
        assert document().request_faults(exchange) == []
        assert faults(exchange) == []
        assert case.may_be_empty or case.status == 204 or exchange.content not in ([], {}), case


@pytest.mark.parametrize("route", [route for route in NOT_IN_DOCUMENT if route[0] == "GET"], ids=" ".join)
def test_what_only_clients_know_is_answered_with_a_list_or_an_error(route: tuple[str, str]) -> None:
    exchange = EXAMPLE.venue.call(*route, {"symbol": "MU.US", "side": "Bid", "quantity": "1"})
    assert exchange.status in (200, 404)
    assert exchange.json == [] if exchange.status == 200 else document().error_faults(exchange.json) == []


def test_the_busy_desk_shows_orders_of_every_kind() -> None:
    """Or the tests above would judge less than there is."""
    open_orders = EXAMPLE.venue.call("GET", "/api/v1/orders").json
    ended = EXAMPLE.venue.call("GET", "/wapi/v1/history/orders").json
    assert {order["status"] for order in open_orders} == {"New", "PartiallyFilled", "TriggerPending"}
    assert {order["status"] for order in ended} == {"Filled", "Cancelled", "Expired", "Triggered", "TriggerFailed"}
    assert {order["orderType"] for order in open_orders} == {"Limit", "Market"}
    assert any(order["relatedOrderId"] for order in open_orders)
    assert {"ImmediateOrCancel", "FillOrKill", "SelfTradePrevention"} <= {order["expiryReason"] for order in ended}


@pytest.mark.parametrize("state", ["closed", "cancel_only", "limit_only", "post_only"])
def test_a_market_that_is_not_open_is_shown_and_refuses_as_the_document_has_it(state: str) -> None:
    venue = InProcess()
    venue.control("/sim/markets", {"symbol": SPOT, "state": state})
    shown = venue.call("GET", "/api/v1/market", {"symbol": SPOT})
    assert faults(shown) == []
    assert shown.json["orderBookState"] == state.title().replace("_", "")
    refused = venue.call("POST", "/api/v1/order", market("Bid", quantity="1"))
    assert refused.status == 400
    assert faults(refused) == []


@pytest.mark.parametrize("route", sorted(CANCELS), ids=" ".join)
def test_a_cancel_that_is_only_accepted_is_as_the_document_has_it(route: tuple[str, str]) -> None:
    venue = InProcess(replace(STILL, backpack=BackpackConfig(empty_cancels=True)))
    venue.call("POST", "/api/v1/order", limit("Bid", "149", "1", clientId=1))
    exchange = venue.call(*route, {"symbol": SPOT} | ({"clientId": 1} if route[1].endswith("order") else {}))
    assert exchange.status == 202
    assert faults(exchange) == []


def test_one_request_too_many_is_refused_with_an_error_of_the_document() -> None:
    venue = InProcess(replace(STILL, limits=LimitConfig(limits={"standard": 1})))
    assert venue.call("GET", "/api/v1/time").status == 200
    refused = venue.call("GET", "/api/v1/time")
    assert refused.status == 429
    assert document().error_faults(refused.json) == []


@pytest.mark.parametrize("route", [("GET", "/api/v1/nothing"), ("PUT", "/api/v1/order")], ids=" ".join)
def test_what_is_not_there_is_refused_with_an_error_of_the_document(route: tuple[str, str]) -> None:
    refused = EXAMPLE.venue.send(*route, {}, {})
    assert refused.status == 404
    assert document().error_faults(refused.json) == []


@pytest.mark.parametrize("route", [route for route, spoiled in SPOILED.items() if spoiled], ids=" ".join)
def test_what_the_document_forbids_is_refused(route: tuple[str, str]) -> None:
    venue = busy(route).venue
    wrong = {}
    for how, params in SPOILED[route]:
        exchange = venue.call(*route, params)
        if exchange.status != 400 or faults(exchange):
            wrong[how] = (exchange.status, faults(exchange))
    assert wrong == {}


@pytest.mark.parametrize("route", sorted(bad_cases(EXAMPLE)), ids=" ".join)
def test_refusals_are_as_the_document_has_them(route: tuple[str, str]) -> None:
    made = busy(route)
    for case, code in bad_cases(made)[route]:
        exchange = asked(made, route, case)
        assert (exchange.status, exchange.json.get("code")) == (case.status, code), case
        assert faults(exchange) == []


@pytest.mark.parametrize("route", SIGNED, ids=" ".join)
def test_refusals_of_a_signature_are_as_the_document_has_them(route: tuple[str, str]) -> None:
    made = busy(route)
    good = asked(made, route, good_cases(made)[route][0]).headers
    body = b"" if route[0] == "GET" else b"{}"
    headers: list[dict[str, str]] = [
        {},
        good | {"X-Signature": good["X-Signature"][::-1]},
        good | {"X-API-Key": "A" * 43 + "="},
        good | {"X-Timestamp": "1"},
        good | {"X-Window": "60001"},
    ]
    for spoiled in headers:
        exchange = made.venue.send(*route, {}, spoiled, body=body)
        assert exchange.status in (400, 401)
        assert faults(exchange) == []


@pytest.mark.parametrize("route", [route for route in SIGNED if route[0] != "GET"], ids=" ".join)
def test_a_key_that_may_only_read_is_refused_as_the_document_has_it(route: tuple[str, str]) -> None:
    venue = InProcess(replace(STILL, accounts=(AccountConfig("desk-a", AMPLE, scopes=("read",)),)))
    exchange = venue.call(*route, good_cases(EXAMPLE)[route][0].params)
    assert (exchange.status, exchange.json["code"]) == (403, "FORBIDDEN")
    assert faults(exchange) == []


@pytest.mark.parametrize(
    ("sample", "component"),
    [
        ("capital", None),
        ("depth", "Depth"),
        ("error_invalid_signature", "ApiErrorResponse"),
        ("fill", "OrderFill"),
        ("market_perp", "Market"),
        ("order_history_row", "Order"),
        ("order_limit", "OrderType"),
        ("order_market_by_quote_synthetic", "OrderType"),
        ("order_trigger_pending_synthetic", "OrderType"),
        ("ticker", "Ticker"),
    ],
)
def test_the_judge_accepts_what_the_venue_sends(sample: str, component: str | None) -> None:
    value = exact((GOLDEN / f"{sample}.json").read_text())
    if component is None:
        assert document().component_faults("Balance", value["SOL"]) == []
    else:
        assert document().component_faults(component, value) == []


def _order(**changes: Any) -> Any:
    return json.loads((GOLDEN / "order_limit.json").read_text()) | changes


@pytest.mark.parametrize(
    "order",
    [
        _order(id=59787279606),
        _order(price="1E-8"),
        _order(price=101.5),
        _order(price=None),
        _order(side="Buy"),
        _order(clientId=2**32),
        _order(createdAt="1788332789109"),
        _order(orderType="Market"),
        _order(orderType="Stop"),
        _order(triggerBy="BestPrice"),
        _order(colour="red"),
        {name: value for name, value in _order().items() if name != "triggeredAt"},
    ],
    ids=lambda order: ",".join(
        f"{name}={order.get(name)}" for name, value in _order().items() if order.get(name) != value
    ),
)
def test_the_judge_finds_fault(order: Any) -> None:
    assert document().component_faults("OrderType", order)
