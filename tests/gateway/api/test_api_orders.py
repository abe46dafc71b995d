"""Orders over REST: what each answer says of an order is true, and nobody sees or touches another's."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
import structlog

from adapters.errors import (
    InsufficientBalance,
    InvalidRequest,
    NeverSent,
    NoAnswer,
    OutcomeUnknown,
    RateLimited,
    VenueClosed,
    VenueError,
    VenueProtocolError,
    WouldTake,
)
from adapters.models import AccountName, OrderStatus, VenueClientId, VenueName
from tests.gateway.api.running import Running, fresh_id, limit_body
from tests.gateway.orders.exchange import nothing, read_nothing
from tests.redis_process import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

V = VenueName("sim")


@pytest.fixture(autouse=True)
def sound_venue(gateway: Running) -> Any:
    """A venue that does nothing wrong, but what a test makes it do."""
    yield
    exchange = gateway.exchange
    exchange.before_begin_send = exchange.before_first_byte = exchange.on_arrival = exchange.before_answer = nothing
    exchange.before_cancel = nothing
    exchange.on_read = read_nothing
    exchange.cancels_take_time = False
    exchange.hidden.clear()


def raising(error: BaseException) -> Any:
    async def hook(*_: object) -> None:
        raise error

    return hook


def at_venue(gateway: Running, order_id: str) -> VenueClientId:
    identity = gateway.services.finding._identities.read(order_id)
    assert identity is not None
    return identity.venue_client_id


async def test_a_new_order_is_201_and_the_same_again_is_200(gateway: Running) -> None:
    body = limit_body(price="100.50", labels=["a"])
    first = await gateway.call("POST", "/v1/orders", client="bot", json=body)
    again = await gateway.call("POST", "/v1/orders", client="bot", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    order = first.json()["data"]
    assert {name: order[name] for name in body} == body | {"price": "100.5"}
    assert (order["status"], order["stage"], order["venue"], order["client"]) == ("pending", "live", "sim", "bot")
    assert (order["filled_quantity"], order["remaining_quantity"], order["average_price"]) == ("0", "1", None)
    assert (order["time_in_force"], order["unknown"], order["cancel"]) == ("GTC", None, None)
    assert again.json()["data"]["order_id"] == order["order_id"]
    assert len(gateway.exchange.of(at_venue(gateway, order["order_id"]))) == 1


async def test_members_in_another_order_and_other_white_space_are_the_same_order(gateway: Running) -> None:
    body = limit_body()
    first = await gateway.call("POST", "/v1/orders", client="bot", json=body)
    for text in (json.dumps(dict(reversed(body.items()))), json.dumps(body | {"price": "100.00"}, indent=4)):
        again = await gateway.call(
            "POST", "/v1/orders", client="bot", content=text, headers={"content-type": "application/json"}
        )
        assert (again.status_code, again.json()["data"]["order_id"]) == (200, first.json()["data"]["order_id"])


async def test_other_content_under_the_same_id_is_409(gateway: Running) -> None:
    body = limit_body()
    await gateway.call("POST", "/v1/orders", client="bot", json=body)
    status, error = await gateway.error("POST", "/v1/orders", client="bot", json=body | {"price": "101"})
    assert (status, error["code"], error["outcome"], error["retryable"]) == (
        409,
        "IDEMPOTENCY_CONFLICT",
        "not_sent",
        False,
    )


async def test_numbers_come_out_in_plain_notation(gateway: Running) -> None:
    order = (await gateway.place(type="market", price=None, quantity=None, quote_quantity="1000000")).json()["data"]
    assert (order["quote_quantity"], order["filled_quantity"], order["average_price"]) == ("1000000", "1", "100")


@pytest.mark.parametrize("error", [OutcomeUnknown(V, "no answer"), VenueProtocolError(V, "garbled")])
async def test_an_answer_that_never_came_is_202_unknown(gateway: Running, error: VenueError) -> None:
    gateway.exchange.before_answer = raising(error)
    gateway.exchange.hidden |= {"resting", "history"}
    body, order = limit_body(), {}
    for _ in range(2):
        answer = await gateway.call("POST", "/v1/orders", client="bot", json=body)
        order = answer.json()["data"]
        assert (answer.status_code, order["status"], order["stage"]) == (202, "unknown", "sending")
        assert order["unknown"]["settles_by"] > order["unknown"]["since"]
    path = f"/v1/orders/{order['order_id']}"
    asked = (await gateway.call("GET", path, client="bot")).json()
    assert (asked["data"]["status"], asked["meta"]["source"]) == ("unknown", "cache")
    gateway.exchange.hidden.clear()

    async def is_settled() -> bool:
        settled = (await gateway.call("GET", path, client="bot")).json()["data"]
        return (settled["status"], settled["unknown"]) == ("pending", None)

    await eventually(is_settled)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InsufficientBalance(V, "too little", venue_code="INSUFFICIENT_FUNDS"), 400, "INSUFFICIENT_BALANCE"),
        (InvalidRequest(V, "bad", venue_code="INVALID_ORDER"), 400, "ORDER_REJECTED"),
        (RateLimited(V, "slow down", retry_after_s=3, venue_code="TOO_MANY"), 429, "RATE_LIMIT_EXCEEDED"),
        (VenueClosed(V, "maintenance", venue_code="PAUSED"), 503, "VENUE_UNAVAILABLE"),
    ],
)
async def test_the_venues_no_is_an_error_and_the_same_one_again(
    gateway: Running, error: VenueError, status: int, code: str
) -> None:
    """The id is bound to it: the same request can never succeed, whatever the code says elsewhere."""
    gateway.exchange.on_arrival = raising(error)
    body, before = limit_body(), len(gateway.exchange.arrivals)
    said: dict[str, Any] = {}
    for _ in range(2):
        found, said = await gateway.error("POST", "/v1/orders", client="bot", json=body)
        assert (found, said["code"], said["outcome"], said["retryable"]) == (status, code, "rejected", False)
        assert (said["venue"], said["venue_code"]) == ("sim", error.venue_code)
    assert len(gateway.exchange.arrivals) == before + 1
    order = (await gateway.call("GET", f"/v1/orders/{said['details']['order_id']}", client="bot")).json()["data"]
    assert (order["status"], order["stage"]) == ("rejected", "done")


async def test_a_post_only_order_that_would_take_is_201_rejected(gateway: Running) -> None:
    gateway.exchange.on_arrival = raising(WouldTake(V, "would take"))
    answer = await gateway.place(type="post_only")
    assert answer.status_code == 201
    assert (answer.json()["data"]["status"], answer.json()["data"]["reason"]) == ("rejected", "POST_ONLY_WOULD_TAKE")


async def test_what_never_left_is_503_not_sent_and_binds_nothing(gateway: Running) -> None:
    gateway.exchange.before_first_byte = raising(NeverSent(V, "connection refused"))
    body = limit_body()
    status, error = await gateway.error("POST", "/v1/orders", client="bot", json=body)
    assert (status, error["code"], error["outcome"], error["retryable"]) == (
        503,
        "VENUE_UNAVAILABLE",
        "not_sent",
        True,
    )
    gateway.exchange.before_first_byte = nothing
    assert (await gateway.call("POST", "/v1/orders", client="bot", json=body)).status_code == 201


async def test_a_venue_that_breaks_its_contract_is_500_and_of_unknown_outcome(gateway: Running) -> None:
    gateway.exchange.before_answer = raising(ZeroDivisionError("our insides"))
    with structlog.testing.capture_logs() as logs:
        answer = await gateway.place()
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["request_failed"]
    assert gateway.internal_errors.pop() is answer
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["outcome"]) == (500, "INTERNAL_ERROR", "unknown")
    assert "insides" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbol": "NO-SUCH"}, (404, "MARKET_NOT_FOUND", "symbol")),
        ({"symbol": "../../account"}, (404, "MARKET_NOT_FOUND", "symbol")),
        ({"symbol": "SOL\u0000-USDC"}, (404, "MARKET_NOT_FOUND", "symbol")),
        ({"price": "100.001"}, (400, "INVALID_PRECISION", "price")),
        ({"quantity": "0"}, (400, "INVALID_PARAMETER", "quantity")),
        ({"quantity": None}, (400, "INVALID_PARAMETER", "quantity")),
        ({"type": "iceberg"}, (400, "NOT_SUPPORTED", "type")),
        ({"stop_price": "1"}, (400, "INVALID_PARAMETER", "stop_price")),
        ({"venue_params": {"no": True}}, (400, "NOT_SUPPORTED", "venue_params.no")),
        ({"stop_loss": {"stop_price": "1"}}, (400, "NOT_SUPPORTED", "stop_loss")),
        ({"on_unknown": "cancel"}, (400, "NOT_SUPPORTED", "on_unknown")),
        ({"type": "market", "price": None, "time_in_force": "FOK"}, (400, "NOT_SUPPORTED", None)),
        ({"valid_until": 1}, (400, "VALID_UNTIL_PASSED", "valid_until")),
        ({"valid_until": 0}, (400, "VALID_UNTIL_PASSED", "valid_until")),
        ({"client_order_id": None}, (400, "INVALID_PARAMETER", "client_order_id")),
    ],
)
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/validate"])
async def test_what_cannot_be_placed_is_refused_unsent(
    gateway: Running, path: str, changes: dict[str, Any], expected: tuple[int, str, str | None]
) -> None:
    status, code, field = expected
    before = len(gateway.exchange.arrivals)
    found, error = await gateway.error("POST", path, client="bot", json=limit_body(**changes))
    assert (found, error["code"], error.get("field"), error["outcome"]) == (status, code, field, "not_sent")
    assert len(gateway.exchange.arrivals) == before


async def test_off_the_grid_names_step_and_neighbours(gateway: Running) -> None:
    _, error = await gateway.error("POST", "/v1/orders", client="bot", json=limit_body(price="100.001"))
    assert error["details"] == {"step": "0.01", "nearest": ["100", "100.01"]}


async def test_no_budget_is_429_with_how_long_it_would_take(gateway: Running) -> None:
    """Requests that the venue has not answered yet count against its limit."""
    open_gate = asyncio.Event()

    async def wait(_source: str) -> None:
        await open_gate.wait()

    gateway.exchange.on_read = wait
    throttle = gateway.services.limiters[V].throttle(client="greedy", account=AccountName("main"))
    async with asyncio.TaskGroup() as reads:
        for _ in range(950):  # all but the reserve for cancels
            reads.create_task(gateway.exchange.read("balances", throttle))
        while (answer := await gateway.place(max_wait_ms=0)).status_code == 201:
            pass  # each of them takes one more unit
        open_gate.set()
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["outcome"], error["retryable"]) == (
        429,
        "RATE_LIMIT_EXCEEDED",
        "not_sent",
        True,
    )
    assert error["details"]["rule"] == "account"
    assert error["details"]["would_wait_ms"] > 0


async def test_the_headers_show_the_tightest_budget_an_order_touched(gateway: Running) -> None:
    answer = await gateway.place(max_wait_ms=5_000)
    assert answer.headers["x-ratelimit-limit"] == "1000"
    read = await gateway.call("GET", "/v1/accounts", client="bot")
    assert read.headers["x-ratelimit-limit"] == "100000"


# --- looking up


async def test_an_order_is_found_by_both_ids(gateway: Running) -> None:
    order = (await gateway.place()).json()["data"]
    for path in (
        f"/v1/orders/{order['order_id']}",
        f"/v1/accounts/main/orders/by-client-id/{order['client_order_id']}",
    ):
        found = (await gateway.call("GET", path, client="bot")).json()
        assert found["data"]["order_id"] == order["order_id"]
        assert (found["meta"]["source"], found["meta"]["integrity"]) == ("venue", "ok")


async def test_a_venue_that_is_down_leaves_the_order_as_known_and_its_age(gateway: Running) -> None:
    order = (await gateway.place()).json()["data"]
    gateway.exchange.on_read = raising(NoAnswer(V, "no answer"))
    await asyncio.sleep(0.02)
    single = (await gateway.call("GET", f"/v1/orders/{order['order_id']}", client="bot")).json()
    listed = (await gateway.call("GET", "/v1/orders?account=main", client="bot")).json()
    for answer in (single, listed):
        assert answer["meta"]["source"] == "cache"
        assert answer["meta"]["age_ms"] >= 15


@pytest.mark.parametrize(
    "forge",
    [
        lambda order_id: order_id[:-1] + ("A" if order_id[-1] != "A" else "B"),
        lambda order_id: order_id + "=",
        lambda order_id: order_id.swapcase(),
        lambda order_id: "x",
        lambda order_id: "%00",
        lambda order_id: "..%2f..%2fv1%2faccounts",
        lambda order_id: "é" * 10,
        lambda order_id: "A" * 5_000,
        lambda order_id: "%ff%fe",
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_forged_order_id_is_no_order(gateway: Running, forge: Any, method: str) -> None:
    order_id = (await gateway.place()).json()["data"]["order_id"]
    before = gateway.exchange.cancels
    status, error = await gateway.error(method, f"/v1/orders/{forge(order_id)}", client="bot")
    assert (status, error["code"]) in {(404, "ORDER_NOT_FOUND"), (404, "ENDPOINT_NOT_FOUND")}
    assert gateway.exchange.cancels == before


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_another_clients_order_answers_like_none(gateway: Running, method: str) -> None:
    order = (await gateway.place()).json()["data"]
    before = gateway.exchange.cancels
    for path in (
        f"/v1/orders/{order['order_id']}",
        f"/v1/accounts/main/orders/by-client-id/{order['client_order_id']}",
    ):
        for client in ("other", "homeless"):
            status, error = await gateway.error(method, path, client=client)
            assert (status, error["code"]) in {(404, "ORDER_NOT_FOUND"), (404, "ACCOUNT_NOT_FOUND")}
    assert gateway.exchange.cancels == before
    assert (await gateway.call("GET", f"/v1/orders/{order['order_id']}", client="boss")).status_code == 200


async def test_asking_for_an_id_nobody_used_is_404_and_places_nothing(gateway: Running) -> None:
    before = len(gateway.exchange.arrivals)
    status, error = await gateway.error("GET", f"/v1/accounts/main/orders/by-client-id/{fresh_id()}", client="bot")
    assert (status, error["code"], error["details"]) == (404, "ORDER_NOT_FOUND", {"absence_verified": False})
    assert len(gateway.exchange.arrivals) == before


async def test_a_list_is_filtered_paged_and_newest_first(gateway: Running) -> None:
    mine = [(await gateway.place(client="other", symbol="BTC-USDC")).json()["data"]["order_id"] for _ in range(5)]
    filled = mine[0]
    gateway.exchange.change(at_venue(gateway, filled), status=OrderStatus.FILLED, filled_quantity=Decimal(1))

    async def listed(query: str) -> dict[str, Any]:
        answer = await gateway.call("GET", f"/v1/orders?account=main&symbol=BTC-USDC{query}", client="other")
        data: dict[str, Any] = answer.json()["data"]
        return data

    everything = await listed("")
    assert [item["order_id"] for item in everything["items"]] == mine[::-1]
    assert (everything["total"], everything["page"], everything["limit"]) == (5, 1, 20)
    second = await listed("&page=2&limit=2")
    assert [item["order_id"] for item in second["items"]] == [mine[2], mine[1]]
    assert (second["total_pages"], second["has_next"], second["has_prev"]) == (3, True, True)
    assert [item["order_id"] for item in (await listed("&status=filled"))["items"]] == [filled]
    assert len((await listed("&status=open"))["items"]) == 4
    assert len((await listed("&status=open,filled"))["items"]) == 5
    assert (await listed("&page=99"))["items"] == []
    one = everything["items"][0]["client_order_id"]
    assert len((await listed(f"&client_order_id={one}"))["items"]) == 1
    by_alias = await gateway.call("GET", "/v1/orders?account=main&symbol=BTC_USDC", client="other")
    assert by_alias.json()["data"]["total"] == 5


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 400, "account"),
        ("account=main&status=done", 400, "status"),
        ("account=main&status=", 400, "status"),
        ("account=main&status=open,", 400, "status"),
        ("account=main&page=0", 400, "page"),
        ("account=main&page=x", 400, "page"),
        ("account=main&page=1e5", 400, "page"),
        ("account=main&page=99999999999999999999", 400, "page"),
        ("account=main&limit=101", 400, "limit"),
        ("account=main&limit=-1", 400, "limit"),
        ("account=main&symbol=NO-SUCH", 404, "symbol"),
        ("account=main&symbol=%ff", 404, "symbol"),
        ("account=" + "x" * 65, 400, "account"),
        ("account=main&client_order_id=" + "x" * 65, 400, "client_order_id"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_named(gateway: Running, query: str, status: int, field: str) -> None:
    found, error = await gateway.error("GET", f"/v1/orders?{query}", client="bot")
    assert (found, error["field"]) == (status, field)


# --- cancelling


async def test_a_cancel_is_200_when_done_however_often(gateway: Running) -> None:
    order_id = (await gateway.place()).json()["data"]["order_id"]
    for _ in range(2):
        answer = await gateway.call("DELETE", f"/v1/orders/{order_id}", client="bot")
        assert (answer.status_code, answer.json()["data"]["status"]) == (200, "cancelled")
        assert answer.json()["data"]["cancel"]["state"] == "done"


async def test_a_cancel_by_the_bots_own_id(gateway: Running) -> None:
    client_order_id = (await gateway.place()).json()["data"]["client_order_id"]
    path = f"/v1/accounts/main/orders/by-client-id/{client_order_id}"
    assert (await gateway.call("DELETE", path, client="bot")).json()["data"]["status"] == "cancelled"


async def test_a_cancel_on_its_way_is_202(gateway: Running) -> None:
    gateway.exchange.cancels_take_time = True
    order_id = (await gateway.place()).json()["data"]["order_id"]
    answer = await gateway.call("DELETE", f"/v1/orders/{order_id}", client="bot")
    assert (answer.status_code, answer.json()["data"]["cancel"]["state"]) == (202, "requested")


async def test_a_cancel_too_late_is_409_with_the_order(gateway: Running) -> None:
    order_id = (await gateway.place()).json()["data"]["order_id"]
    gateway.exchange.change(at_venue(gateway, order_id), status=OrderStatus.FILLED, filled_quantity=Decimal(1))
    status, error = await gateway.error("DELETE", f"/v1/orders/{order_id}", client="bot")
    assert (status, error["code"], error["outcome"], error["retryable"]) == (
        409,
        "ORDER_NOT_CANCELLABLE",
        "rejected",
        False,
    )
    order = error["details"]["order"]
    assert (order["order_id"], order["status"], order["filled_quantity"]) == (order_id, "filled", "1")


async def test_a_cancel_of_what_nobody_finds_is_409_and_may_be_repeated(gateway: Running) -> None:
    gateway.exchange.on_arrival = raising(OutcomeUnknown(V, "no answer"))
    order_id = (await gateway.place()).json()["data"]["order_id"]
    status, error = await gateway.error("DELETE", f"/v1/orders/{order_id}", client="bot")
    assert (status, error["code"], error["outcome"], error["retryable"]) == (
        409,
        "ORDER_NOT_CANCELLABLE",
        "rejected",
        True,
    )
    assert error["details"]["order"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("error", "status", "code", "outcome"),
    [
        (OutcomeUnknown(V, "no answer"), 504, "VENUE_TIMEOUT", "unknown"),
        (NeverSent(V, "refused"), 503, "VENUE_UNAVAILABLE", "not_sent"),
        (VenueProtocolError(V, "garbled"), 502, "VENUE_PROTOCOL_ERROR", "unknown"),
        (RateLimited(V, "slow down", retry_after_s=7), 429, "RATE_LIMIT_EXCEEDED", "rejected"),
    ],
)
async def test_what_became_of_a_cancel_that_failed(
    gateway: Running, error: VenueError, status: int, code: str, outcome: str
) -> None:
    order_id = (await gateway.place()).json()["data"]["order_id"]
    gateway.exchange.before_cancel = raising(error)
    found, said = await gateway.error("DELETE", f"/v1/orders/{order_id}", client="bot")
    assert (found, said["code"], said["outcome"]) == (status, code, outcome)
