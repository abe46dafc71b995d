import pytest

from adapters import errors as families
from adapters.zanbara import errors, wire
from tests.adapters.zanbara.samples import VENUE, golden_bytes

PROVES_NOT_PLACED = {
    "AUTHENTICATION_FAILED": families.Unauthorized,
    "INVALID_API_KEY": families.Unauthorized,
    "INVALID_SIGNATURE": families.Unauthorized,
    "PERMISSION_DENIED": families.Unauthorized,
    "IP_NOT_WHITELISTED": families.Unauthorized,
    "SIGNATURE_REQUIRED": families.Unauthorized,
    "ACCOUNT_FROZEN": families.Unauthorized,
    "INVALID_PARAMETER": families.InvalidRequest,
    "MISSING_PARAMETER": families.InvalidRequest,
    "INVALID_REQUEST": families.InvalidRequest,
    "INVALID_PRECISION": families.InvalidRequest,
    "SYMBOL_NOT_FOUND": families.InvalidRequest,
    "ENDPOINT_NOT_FOUND": families.InvalidRequest,
    "INVALID_PRICE": families.InvalidRequest,
    "INVALID_QUANTITY": families.InvalidRequest,
    "ORDER_SIZE_TOO_SMALL": families.InvalidRequest,
    "ORDER_SIZE_TOO_LARGE": families.InvalidRequest,
    "REDUCE_ONLY_REJECTED": families.InvalidRequest,
    "TOO_MANY_OPEN_ORDERS": families.DefiniteNo,
    "POSITION_LIMIT_EXCEEDED": families.DefiniteNo,
    "INSUFFICIENT_BALANCE": families.InsufficientBalance,
    "INSUFFICIENT_MARGIN": families.InsufficientBalance,
    "LEVERAGE_EXCEEDED": families.InsufficientBalance,
    "TRADING_HALTED": families.VenueClosed,
    "RATE_LIMIT_EXCEEDED": families.RateLimited,
}
PROVES_NOTHING = [
    "VERIFICATION_REQUIRED",
    "ORDER_NOT_FOUND",
    "ORDER_NOT_CANCELLABLE",
    "ORDER_NOT_AMENDABLE",
    "INVALID_ADDRESS",
    "WITHDRAWAL_LIMIT_EXCEEDED",
    "POSITION_NOT_FOUND",
    "MARGIN_MODE_LOCKED",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
    "CODE_OF_TOMORROW",
]


@pytest.mark.parametrize("code", [*PROVES_NOT_PLACED, *PROVES_NOTHING])
def test_only_codes_on_the_list_prove_that_a_write_was_not_done(code: str) -> None:
    error = wire.Error(code, "whatever")
    refusal = errors.refused_write(VENUE, 400, error)
    assert (type(refusal) if refusal else None) is PROVES_NOT_PLACED.get(code)
    assert refusal is None or (refusal.venue_code, refusal.http_status) == (code, 400)
    for status in (200, 201, 302, 408, 500, 503):
        assert errors.refused_write(VENUE, status, error) is None


def test_too_many_requests_carries_the_wait() -> None:
    refusal = errors.refused_write(VENUE, 429, wire.Error("RATE_LIMIT_EXCEEDED"), 7.0)
    assert isinstance(refusal, families.RateLimited)
    assert refusal.retry_after_s == 7.0


@pytest.mark.parametrize(("code", "status"), [("ORDER_NOT_FOUND", 404), ("ORDER_NOT_CANCELLABLE", 400)])
def test_an_order_that_does_not_rest_is_an_answer_to_a_cancel_only(code: str, status: int) -> None:
    error = wire.Error(code)
    assert type(errors.refused_cancel(VENUE, status, error)) is families.OrderNotFound
    assert errors.refused_cancel(VENUE, 500, error) is None
    assert errors.refused_write(VENUE, status, error) is None
    assert type(errors.refused_cancel(VENUE, 400, wire.Error("INVALID_PARAMETER"))) is families.InvalidRequest


def test_a_read_may_conclude_more() -> None:
    assert type(errors.refused_read(VENUE, 503, wire.Error("SERVICE_UNAVAILABLE"))) is families.VenueClosed
    assert type(errors.refused_read(VENUE, 503, wire.Error("TRADING_HALTED"))) is families.VenueClosed
    assert type(errors.refused_read(VENUE, 400, wire.Error("CODE_OF_TOMORROW"))) is families.DefiniteNo
    assert type(errors.refused_read(VENUE, 404, wire.Error("SYMBOL_NOT_FOUND"))) is families.InvalidRequest
    assert errors.refused_read(VENUE, 500, wire.Error("INTERNAL_ERROR")) is None
    assert errors.refused_read(VENUE, 503, wire.Error("INTERNAL_ERROR")) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"success":true,"error":{"code":"X"}}',
        b'{"success":false}',
        b'{"success":false,"error":{"code":1001}}',
        b'{"success":"false","error":{"code":"X"}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_not_the_venues_is_no_error_of_its(body: bytes) -> None:
    assert errors.decode_error(body) is None


def test_documented_errors() -> None:
    error = errors.decode_error(golden_bytes("error_insufficient_balance"))
    assert error is not None
    assert (error.code, error.field) == ("INSUFFICIENT_BALANCE", "quantity")
    limited = errors.decode_error(golden_bytes("error_rate_limit"))
    assert limited is not None
    assert (limited.code, limited.retry_after) == ("RATE_LIMIT_EXCEEDED", 45)


@pytest.mark.parametrize(
    "code",
    [
        "VERIFICATION_REQUIRED",
        "INVALID_ADDRESS",
        "WITHDRAWAL_LIMIT_EXCEEDED",
        "POSITION_NOT_FOUND",
        "MARGIN_MODE_LOCKED",
    ],
)
def test_of_what_is_no_order_some_codes_prove_more(code: str) -> None:
    error = wire.Error(code)
    assert isinstance(errors.refused_operation(VENUE, 400, error), families.DefiniteNo)
    assert errors.refused_operation(VENUE, 408, error) is None
    assert errors.refused_operation(VENUE, 500, error) is None
    assert isinstance(errors.refused_operation(VENUE, 400, wire.Error("INVALID_PARAMETER")), families.InvalidRequest)
    assert errors.refused_operation(VENUE, 400, wire.Error("CODE_OF_TOMORROW")) is None
