"""Zanbara's refusals: a code in words, its HTTP status, a message, and sometimes the member at fault and details.

Numbers such as 1001 head the venue's error page and never appear in a body.
Source: docs.zanbarax.com/api-zong-lan/error-codes
"""

from typing import Any

STATUS = {
    "AUTHENTICATION_FAILED": 401,
    "INVALID_API_KEY": 401,
    "INVALID_SIGNATURE": 401,
    "SIGNATURE_REQUIRED": 401,
    "PERMISSION_DENIED": 403,
    "IP_NOT_WHITELISTED": 403,
    "VERIFICATION_REQUIRED": 403,
    "INVALID_PARAMETER": 400,
    "MISSING_PARAMETER": 400,
    "INVALID_REQUEST": 400,
    "INVALID_PRECISION": 400,
    "SYMBOL_NOT_FOUND": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "ORDER_NOT_FOUND": 404,
    "ORDER_NOT_CANCELLABLE": 400,
    "INVALID_PRICE": 400,
    "INVALID_QUANTITY": 400,
    "ORDER_SIZE_TOO_SMALL": 400,
    "ORDER_SIZE_TOO_LARGE": 400,
    "REDUCE_ONLY_REJECTED": 400,
    "TOO_MANY_OPEN_ORDERS": 400,
    "ORDER_NOT_AMENDABLE": 400,
    "INSUFFICIENT_BALANCE": 400,
    "INVALID_ADDRESS": 400,
    "WITHDRAWAL_LIMIT_EXCEEDED": 400,
    "ACCOUNT_FROZEN": 403,
    "POSITION_NOT_FOUND": 404,
    "LEVERAGE_EXCEEDED": 400,
    "INSUFFICIENT_MARGIN": 400,
    "MARGIN_MODE_LOCKED": 400,
    "POSITION_LIMIT_EXCEEDED": 400,
    "TRADING_HALTED": 503,
    "RATE_LIMIT_EXCEEDED": 429,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}


class Problem(Exception):
    """A request's definite refusal, as it goes out."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field
        self.details = details
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def body(self) -> dict[str, Any]:
        """The `error` member. Only here are absent members left out."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field is not None:
            error["field"] = self.field
        if self.details is not None:
            error["details"] = self.details
        if self.retry_after is not None:
            error["retry_after"] = self.retry_after
        return error


def unauthenticated() -> Problem:
    return Problem("AUTHENTICATION_FAILED", "Invalid or expired JWT token")


def invalid_key() -> Problem:
    return Problem("INVALID_API_KEY", "API Key not found or has been disabled")


def invalid(field: str, message: str) -> Problem:
    return Problem("INVALID_PARAMETER", message, field=field)


def missing(field: str) -> Problem:
    return Problem("MISSING_PARAMETER", f"Missing required parameter: {field}", field=field)


def unknown_symbol() -> Problem:
    return Problem("SYMBOL_NOT_FOUND", "Unknown trading pair", field="symbol")


def unknown_order() -> Problem:
    return Problem("ORDER_NOT_FOUND", "Order not found")


def unknown_position() -> Problem:
    return Problem("POSITION_NOT_FOUND", "No open position in this trading pair")


def halted() -> Problem:
    return Problem("TRADING_HALTED", "Trading in this pair is halted", field="symbol")


def frozen() -> Problem:
    return Problem("ACCOUNT_FROZEN", "The account is suspended")


def leverage_exceeded(most: int) -> Problem:
    return Problem("LEVERAGE_EXCEEDED", f"At most {most}", field="leverage", details={"max_leverage": most})
