"""Reads JSON bodies: an object whose members are text, exact decimals, booleans and integers.

A member sent as `null` counts as absent.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.face import Request
from sandbox.matching import Market
from sandbox.zanbara.errors import Problem, invalid, missing, unknown_symbol

BEYOND_ANY_NUMBER = 10**18
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]+)?", re.ASCII)
_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Literal(str):
    """A JSON number with a fraction or exponent, as it was written."""

    __slots__ = ()


_decoder = msgspec.json.Decoder(float_hook=Literal)


def read_body(request: Request, *, strict_numbers: bool, may_be_empty: bool = False) -> "Fields":
    """The body's members; raises `Problem` unless it is a JSON object that says it is one."""
    if not request.body and may_be_empty:
        return Fields({}, strict_numbers=strict_numbers)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Problem("INVALID_REQUEST", "Content-Type must be application/json")
    try:
        body = _decoder.decode(request.body)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise Problem("INVALID_REQUEST", "Request body is not valid JSON") from exc
    return as_fields(body, strict_numbers=strict_numbers)


def as_fields(value: Any, *, strict_numbers: bool) -> "Fields":
    if not isinstance(value, dict):
        raise Problem("INVALID_REQUEST", "Expected a JSON object")
    return Fields(value, strict_numbers=strict_numbers)


class Fields:
    """The members of one JSON object, each read as its declared type."""

    def __init__(self, body: Mapping[str, Any], *, strict_numbers: bool) -> None:
        self._body = body
        self._strict_numbers = strict_numbers

    def has(self, name: str) -> bool:
        return self._body.get(name) is not None

    def require(self, *names: str) -> None:
        for name in names:
            if not self.has(name):
                raise missing(name)

    def text(self, name: str) -> str | None:
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or isinstance(value, Literal):
            raise invalid(name, f"{name} must be a string")
        return value

    def choice(self, name: str, allowed: Iterable[str], default: str = "") -> str:
        value = self.text(name)
        if value is None:
            return default
        if value not in allowed:
            raise invalid(name, f"Unknown {name}")
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A number of any precision; how many decimals are too many is for whoever knows the grid."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            value = Literal(value if 0 <= value < BEYOND_ANY_NUMBER else "")
        if isinstance(value, Literal) and self._strict_numbers:
            raise invalid(name, f"{name} must be a string")
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise invalid(name, f"{name} must be a decimal number")
        return Decimal(value)

    def boolean(self, name: str) -> bool:
        value = self._body.get(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(name, f"{name} must be true or false")
        return bool(value)

    def integer(self, name: str) -> int | None:
        value = self._body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise invalid(name, f"{name} must be an integer")
        return value

    def array(self, name: str, most: int) -> list[Any]:
        """A list that must be there, of 1 to `most` elements."""
        self.require(name)
        value = self._body[name]
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise invalid(name, f"{name} must be a list of 1 to {most} elements")
        return value

    def symbol(self, markets: Mapping[str, Market]) -> str:
        """A symbol that must be named and exist."""
        self.require("symbol")
        value = self.text("symbol") or ""
        if value not in markets:
            raise unknown_symbol()
        return value

    def client_order_id(self) -> str | None:
        value = self.text("client_order_id")
        if value is not None and not _CLIENT_ORDER_ID.fullmatch(value):
            raise invalid("client_order_id", "client_order_id must be 1 to 64 letters, digits, _ or -")
        return value
