"""How Zanbara writes things: its envelope, its fixed decimals, and its names for the engine's words."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from sandbox.matching import Expiry, Order, Origin, Status
from sandbox.zanbara.errors import Problem

_encoder = msgspec.json.Encoder()

EIGHT = Decimal("1e-8")
SIX = Decimal("1e-6")
TWO = Decimal("0.01")

REASON = {
    Expiry.IMMEDIATE_OR_CANCEL: "IOC_REMAINDER",
    Expiry.FILL_OR_KILL: "FOK_NOT_FILLED",
    Expiry.INSUFFICIENT_LIQUIDITY: "NO_LIQUIDITY",
    Expiry.SELF_TRADE: "SELF_TRADE",
    Expiry.NOT_REDUCING: "REDUCE_ONLY",
    Expiry.WOULD_TAKE: "POST_ONLY_WOULD_MATCH",
    Expiry.TIME: "GTT_EXPIRED",
    Expiry.LIQUIDATION: "LIQUIDATION",
    Expiry.INSUFFICIENT_FUNDS: "INSUFFICIENT_BALANCE",
}
STATUS = {
    Status.WAITING: "pending",
    Status.NEW: "pending",
    Status.PARTIALLY_FILLED: "partial_filled",
    Status.FILLED: "filled",
    Status.CANCELLED: "cancelled",
    Status.REJECTED: "rejected",
}


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


def success(data: Any, now_us: int) -> bytes:
    return encode({"success": True, "data": data, "timestamp": now_us // 1000})


def failure(problem: Problem, now_us: int) -> bytes:
    return encode({"success": False, "error": problem.body(), "timestamp": now_us // 1000})


def fixed(value: Decimal) -> str:
    """A price, quantity or amount: eight decimals, half up, never a negative zero."""
    return _padded(value, EIGHT)


def fixed_or_none(value: Decimal | None) -> str | None:
    return None if value is None else _padded(value, EIGHT)


def rate(value: Decimal) -> str:
    """A rate or ratio: six decimals."""
    return _padded(value, SIX)


def cents(value: Decimal) -> str:
    """Money in a message: two decimals."""
    return _padded(value, TWO)


def _padded(value: Decimal, step: Decimal) -> str:
    rounded = value.quantize(step, rounding=ROUND_HALF_UP)
    return format(rounded if rounded else abs(rounded), "f")


def order_id(order_number: int) -> str:
    return f"ord_{order_number:016}"


def order_number(identifier: str) -> int | None:
    """The number in an order id; None for what is none."""
    digits = identifier.removeprefix("ord_")
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits[:20])
    return number if order_id(number) == identifier else None


def status(engine_status: Status, expiry: Expiry | None) -> str:
    """What an order's state is called; an order whose time is over is the only one to expire."""
    if engine_status is Status.EXPIRED:
        return "expired" if expiry is Expiry.TIME else "cancelled"
    return STATUS[engine_status]


def status_of(order: Order) -> str:
    return status(order.status, order.expiry)


def reason(order: Order, engine_status: Status) -> str | None:
    """Why an order ended without being filled, or that it was the venue's own to close a position."""
    if order.origin is Origin.LIQUIDATION:
        return "LIQUIDATION"
    if engine_status is Status.CANCELLED:
        return "USER_CANCELLED"
    return None if order.expiry is None else REASON[order.expiry]
