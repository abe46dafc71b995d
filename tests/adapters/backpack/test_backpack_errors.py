import pytest

from adapters import errors as families
from adapters.backpack import errors, wire
from tests.adapters.backpack.samples import VENUE, golden_bytes

ALL_CODES = [
    "ACCOUNT_DEACTIVATED",
    "ACCOUNT_LIQUIDATING",
    "BORROW_LIMIT",
    "BORROW_REQUIRES_LEND_REDEEM",
    "FORBIDDEN",
    "INSUFFICIENT_FUNDS",
    "INSUFFICIENT_MARGIN",
    "INSUFFICIENT_SUPPLY",
    "INVALID_ASSET",
    "INVALID_CLIENT_REQUEST",
    "INVALID_MARKET",
    "INVALID_ORDER",
    "INVALID_PRICE",
    "INVALID_POSITION_ID",
    "INVALID_QUANTITY",
    "INVALID_RANGE",
    "INVALID_SIGNATURE",
    "INVALID_SOURCE",
    "INVALID_SYMBOL",
    "INVALID_TWO_FACTOR_CODE",
    "LEND_LIMIT",
    "LEND_REQUIRES_BORROW_REPAY",
    "MAINTENANCE",
    "MAX_LEVERAGE_REACHED",
    "NOT_IMPLEMENTED",
    "ORDER_LIMIT",
    "POSITION_LIMIT",
    "PRECONDITION_FAILED",
    "RESOURCE_NOT_FOUND",
    "SERVER_ERROR",
    "TIMEOUT",
    "TOO_EARLY",
    "TOO_MANY_REQUESTS",
    "TRADING_PAUSED",
    "UNAUTHORIZED",
]

PROVES_NOTHING = {
    "BORROW_LIMIT",
    "BORROW_REQUIRES_LEND_REDEEM",
    "LEND_LIMIT",
    "LEND_REQUIRES_BORROW_REPAY",
    "MAINTENANCE",
    "NOT_IMPLEMENTED",
    "RESOURCE_NOT_FOUND",
    "SERVER_ERROR",
    "TIMEOUT",
    "TOO_EARLY",
    "CODE_OF_TOMORROW",
}


@pytest.mark.parametrize("code", [*ALL_CODES, "CODE_OF_TOMORROW"])
def test_only_codes_on_the_list_prove_that_a_write_was_not_done(code: str) -> None:
    error = wire.Error(code, "whatever")
    refusal = errors.refused_write(VENUE, 400, error)
    assert (refusal is None) == (code in PROVES_NOTHING)
    assert refusal is None or (refusal.venue_code, refusal.http_status) == (code, 400)
    for status in (200, 302, 408, 500, 503):
        assert errors.refused_write(VENUE, status, error) is None


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("INVALID_CLIENT_REQUEST", "Invalid signature", families.Unauthorized),
        ("INVALID_CLIENT_REQUEST", "Invalid X-Signature header", families.Unauthorized),
        ("INVALID_CLIENT_REQUEST", "Request has expired", families.Unauthorized),
        ("INVALID_CLIENT_REQUEST", "Invalid timestamp: must be within 10 minutes", families.Unauthorized),
        ("INVALID_CLIENT_REQUEST", "Quantity decimal too long", families.InvalidRequest),
        ("INVALID_CLIENT_REQUEST", "Order not found", families.OrderNotFound),
        ("INVALID_ORDER", "Order would immediately match and take", families.WouldTake),
        ("INVALID_ORDER", "Order would immediately match and take liquidity", families.WouldTake),
        ("INVALID_ORDER", "Invalid order", families.InvalidRequest),
        ("INSUFFICIENT_FUNDS", "Insufficient funds", families.InsufficientBalance),
        ("MAX_LEVERAGE_REACHED", "", families.InsufficientBalance),
        ("UNAUTHORIZED", "", families.Unauthorized),
        ("TRADING_PAUSED", "", families.VenueClosed),
        ("ORDER_LIMIT", "", families.DefiniteNo),
    ],
)
def test_classes_of_refusals(code: str, message: str, expected: type[Exception]) -> None:
    assert type(errors.refused_write(VENUE, 400, wire.Error(code, message))) is expected


def test_too_many_requests_carries_the_wait() -> None:
    refusal = errors.refused_write(VENUE, 429, wire.Error("TOO_MANY_REQUESTS", ""), 7.0)
    assert isinstance(refusal, families.RateLimited)
    assert refusal.retry_after_s == 7.0


def test_not_found_is_an_answer_to_a_query_or_cancel_but_proves_nothing_of_a_placement() -> None:
    error = wire.Error("RESOURCE_NOT_FOUND", "Not Found")
    assert type(errors.refused_order_query(VENUE, 404, error)) is families.OrderNotFound
    assert type(errors.refused_cancel(VENUE, 404, error)) is families.OrderNotFound
    assert errors.refused_cancel(VENUE, 500, error) is None
    assert errors.refused_write(VENUE, 404, error) is None
    assert type(errors.refused_read(VENUE, 404, error)) is families.InvalidRequest


def test_a_read_may_conclude_more() -> None:
    assert type(errors.refused_read(VENUE, 503, wire.Error("MAINTENANCE", ""))) is families.VenueClosed
    assert type(errors.refused_read(VENUE, 400, wire.Error("CODE_OF_TOMORROW", ""))) is families.DefiniteNo
    assert errors.refused_read(VENUE, 500, wire.Error("SERVER_ERROR", "")) is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"code":4006,"message":"x"}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_body_that_is_not_the_venues_is_no_error_of_its(body: bytes) -> None:
    assert errors.decode_error(body) is None


def test_the_venues_own_error() -> None:
    error = errors.decode_error(golden_bytes("error_invalid_signature"))
    assert error == wire.Error("INVALID_CLIENT_REQUEST", "Invalid signature")
