"""Many orders at once, and amends: what is sent, and whose each result is."""

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec.json import decode, encode

from adapters.common.batches import told_apart
from adapters.errors import (
    InsufficientBalance,
    InvalidRequest,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    VenueProtocolError,
    WouldTake,
)
from adapters.models import VenueClientId, VenueOrder, VenueOrderId
from adapters.zanbara import errors as zanbara_errors
from adapters.zanbara import limits, wire
from adapters.zanbara.batches import read_cancels, read_result
from adapters.zanbara.order_encoding import encode_amend, encode_order, encode_orders
from adapters.zanbara.requests import Endpoint, Requests
from adapters.zanbara.signing import Key
from tests.adapters.zanbara.samples import CREDENTIALS, SELL_POST_ONLY, VENUE, data, golden

FIRST = SELL_POST_ONLY
SECOND = replace(SELL_POST_ONLY, venue_client_id=VenueClientId("g1zz"))


def told(items: list[object]) -> list[object]:
    raw = decode(encode({"results": items}), type=wire.Batch).results
    return list(told_apart(VENUE, [FIRST, SECOND], raw, read_result).values())


def test_a_batch_holds_the_orders_as_they_are_sent_singly() -> None:
    assert encode_orders([FIRST, SECOND]) == b'{"orders":[%b,%b]}' % (encode_order(FIRST), encode_order(SECOND))


def test_a_cancel_of_many_is_signed_as_documented() -> None:
    vector = golden("signing")[4]
    body = encode({"order_ids": ["id1", "id2", "id3"]})
    endpoint = Endpoint("POST", "/v1/order/cancel-batch", limits.CANCEL_BATCH, is_private=True)
    request = Requests("https://venue.example").write(
        endpoint, body, Key(CREDENTIALS), "t", timestamp_ms=vector["timestamp"]
    )
    assert (body, request.headers["x-api-signature"]) == (vector["body"].encode(), vector["signature"])


def test_an_amend_names_only_what_changes() -> None:
    client_id = VenueClientId("g1zz")
    assert encode_amend(client_id, Decimal("1E+2"), None) == b'{"client_order_id":"g1zz","price":"100"}'
    assert encode_amend(client_id, None, Decimal("0.50")) == b'{"client_order_id":"g1zz","quantity":"0.5"}'


def test_each_order_gets_its_own_result() -> None:
    order, refusal = told(data("place_batch_synthetic")["results"])
    assert isinstance(order, VenueOrder)
    assert order.venue_client_id == FIRST.venue_client_id
    assert isinstance(refusal, InsufficientBalance)


def test_a_post_only_order_that_the_venue_kept_as_rejected_is_a_refusal_here_too() -> None:
    [ordinary, _] = data("place_batch_synthetic")["results"]
    second = data("order_would_match_synthetic", client_order_id="g1zz")
    _, result = told([ordinary, {"success": True, "order": second}])
    assert isinstance(result, WouldTake)


@pytest.mark.parametrize("first", [{"success": True}, {}, {"success": False}, {"success": True, "order": {}}, 5])
def test_beside_a_result_that_cannot_be_read_no_refusal_is_believed(first: object) -> None:
    results = told([first, data("place_batch_synthetic")["results"][1]])
    assert [type(result) for result in results] == [VenueProtocolError, VenueProtocolError]


def test_each_cancel_gets_its_own_result_and_one_without_is_unknown() -> None:
    ids = [VenueOrderId(name) for name in ("id1", "id2", "id3", "id4")]
    answer = decode(encode(data("cancel_batch_synthetic")), type=wire.CancelledBatch)
    results = read_cancels(VENUE, ids, answer)
    assert [None if one is None else type(one) for one in results.values()] == [
        None,
        None,
        OrderNotFound,
        OutcomeUnknown,
    ]
    assert decode(encode(data("cancel_all_synthetic")), type=wire.CancelledBatch).cancelled


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AUTHENTICATION_FAILED", Unauthorized),
        ("RATE_LIMIT_EXCEEDED", RateLimited),
        ("INVALID_PRICE", None),
        ("TRADING_HALTED", None),
    ],
)
def test_a_batch_refused_as_a_whole_is_undone_only_if_it_was_not_read(code: str, expected: type | None) -> None:
    refusal = zanbara_errors.refused_unread(VENUE, 400, wire.Error(code))
    assert (None if refusal is None else type(refusal)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ORDER_NOT_FOUND", OrderNotFound),
        ("ORDER_NOT_AMENDABLE", InvalidRequest),
        ("INVALID_PRICE", InvalidRequest),
        ("INTERNAL_ERROR", None),
    ],
)
def test_what_a_refused_amend_comes_to(code: str, expected: type | None) -> None:
    refusal = zanbara_errors.refused_amend(VENUE, 400, wire.Error(code))
    assert (None if refusal is None else type(refusal)) is expected
