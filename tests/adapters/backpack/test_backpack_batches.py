"""Batches of orders: what is signed and sent, and whose each result is."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import decode, encode

from adapters.backpack import errors as backpack_errors
from adapters.backpack import limits, wire
from adapters.backpack.batches import read_result
from adapters.backpack.order_encoding import encode_orders
from adapters.backpack.requests import Endpoint, Requests, body_params
from adapters.backpack.signing import Key
from adapters.common.batches import told_apart
from adapters.contract import SendTime
from adapters.errors import (
    InsufficientBalance,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    VenueProtocolError,
    WouldTake,
)
from adapters.models import OrderType, Side, VenueClientId, VenueOrder
from tests.adapters.backpack.samples import PERP, PUBLIC, SEED, SELL_POST_ONLY, VENUE, golden

FIRST = SELL_POST_ONLY
SECOND = replace(SELL_POST_ONLY, venue_client_id=VenueClientId("7"))
ENDPOINT = Endpoint("POST", "/api/v1/orders", limits.PLACE_BATCH, "orderExecute")


@pytest.mark.parametrize("vector_id", ["TV11", "D2"])
def test_a_batch_is_signed_order_by_order(vector_id: str) -> None:
    vector = next(vector for vector in golden("signing") if vector["id"] == vector_id)
    body = encode(vector["params"])
    key, when = Key({"api_key": PUBLIC, "api_secret": SEED}), SendTime(vector["timestamp"], vector["window"])
    request = Requests("https://venue.example", key).write(ENDPOINT, body, body_params(body), when)
    assert request.headers["x-signature"] == vector["signature"]


def test_a_batch_is_a_list_of_orders_as_they_are_sent_singly() -> None:
    buy = replace(FIRST, market=PERP, side=Side.BUY, type=OrderType.LIMIT, price=Decimal(141), quantity=Decimal(12))
    assert encode_orders([buy, SECOND]) == (
        b'[{"clientId":424242,"orderType":"Limit","price":"141","quantity":"12","side":"Bid","symbol":"SOL_USDC_PERP"},'
        b'{"clientId":7,"orderType":"Limit","postOnly":true,"price":"101.5","quantity":"0.2","side":"Ask",'
        b'"symbol":"SOL_USDC"}]'
    )


def told(items: list[Any]) -> list[object]:
    results = told_apart(VENUE, [FIRST, SECOND], decode(encode(items), type=list[Raw]), read_result)
    assert list(results) == [FIRST.venue_client_id, SECOND.venue_client_id]
    return list(results.values())


def test_each_order_gets_its_own_result() -> None:
    order, refusal = told(golden("batch_synthetic"))
    assert isinstance(order, VenueOrder)
    assert order.venue_client_id == FIRST.venue_client_id
    assert isinstance(refusal, WouldTake)


@pytest.mark.parametrize(
    "first",
    [{"operation": "Ok"}, {}, 5, {"operation": "Ok", **golden("order_limit"), "clientId": 8}],
    ids=["nothing", "no operation", "no object", "another order"],
)
def test_beside_a_result_that_cannot_be_read_no_refusal_is_believed(first: Any) -> None:
    results = told([first, golden("batch_synthetic")[1]])
    assert [type(result) for result in results] == [VenueProtocolError, VenueProtocolError]


def test_results_in_another_order_than_the_request_prove_nothing_of_the_refused() -> None:
    results = told(list(reversed(golden("batch_synthetic"))))
    assert [type(result) for result in results] == [VenueProtocolError, VenueProtocolError]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_results_settles_none(count: int) -> None:
    with pytest.raises(VenueProtocolError):
        told([golden("batch_synthetic")[1]] * count)


@pytest.mark.parametrize(
    ("code", "expected"), [("INSUFFICIENT_FUNDS", InsufficientBalance), ("TIMEOUT", OutcomeUnknown)]
)
def test_only_a_code_that_proves_it_makes_an_order_of_a_batch_refused(code: str, expected: type[Exception]) -> None:
    _, result = told([golden("batch_synthetic")[0], {"operation": "Err", "code": code, "message": ""}])
    assert type(result) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UNAUTHORIZED", Unauthorized),
        ("TOO_MANY_REQUESTS", RateLimited),
        ("INVALID_ORDER", None),
        ("INVALID_CLIENT_REQUEST", None),
        ("INSUFFICIENT_FUNDS", None),
        ("SERVER_ERROR", None),
    ],
)
def test_a_batch_refused_as_a_whole_is_undone_only_if_it_was_not_read(code: str, expected: type | None) -> None:
    refusal = backpack_errors.refused_unread(VENUE, 400, wire.Error(code, "x"))
    assert (None if refusal is None else type(refusal)) is expected
