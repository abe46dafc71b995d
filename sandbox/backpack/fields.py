"""Reads the members of JSON bodies as their declared types, or refuses them in the venue's words."""

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from sandbox.backpack.errors import Problem, bad_payload, invalid_request
from sandbox.backpack.parameters import BAD_ENUM, DECIMAL, REQUIRED, SYMBOL

E = TypeVar("E", bound=StrEnum)


def parse_json(body: bytes) -> Any:
    """The body as JSON with exact numbers; an empty body is an empty object."""
    if not body:
        return {}
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise invalid_request(f"parse request payload error: parse json: {exc}") from exc


def read_object(value: Any, type_name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise wrong_body(type_name, value)
    return value


def wrong_body(type_name: str, value: Any) -> Problem:
    """What is to be said of a body that is of another JSON type than the declared one."""
    return invalid_request(f"parse request payload error: {_wrong_type(type_name, value)}")


def wrong_type(type_name: str, value: Any, outer: str) -> Problem:
    """The same of a member of `outer`."""
    return bad_payload(type_name, _wrong_type(type_name, value), outer)


def _wrong_type(type_name: str, value: Any) -> str:
    shown = json.dumps(value, separators=(",", ":"), default=str)[:200]
    return f'Expected input type "{type_name}", found {shown}.'


class Fields:
    """The members of one JSON object, each read as its declared type."""

    def __init__(self, body: Mapping[str, Any], outer: str) -> None:
        self._body = body
        self._outer = outer

    def symbol(self) -> str:
        value = self._body.get("symbol")
        if value is None:
            raise bad_payload("MarketSymbol", REQUIRED, self._outer)
        if not isinstance(value, str) or not SYMBOL.fullmatch(value):
            raise bad_payload("MarketSymbol", "Invalid market symbol", self._outer)
        return value

    def enum(self, name: str, type_name: str, values: Mapping[str, E], default: E | None) -> E:
        value = self._body.get(name)
        if value is None:
            if default is None:
                raise bad_payload(type_name, REQUIRED, self._outer)
            return default
        if not isinstance(value, str) or value not in values:
            raise bad_payload(type_name, BAD_ENUM, self._outer)
        return values[value]

    def text(self, name: str, type_name: str = "string") -> str:
        """A text that must be there."""
        value = self.optional_text(name, type_name)
        if value is None:
            raise bad_payload(type_name, REQUIRED, self._outer)
        return value

    def optional_text(self, name: str, type_name: str = "string") -> str | None:
        value = self._body.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(type_name, value, self._outer)
        return value

    def optional_object(self, name: str, type_name: str) -> None:
        """An object that is read and has no effect."""
        value = self._body.get(name)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(type_name, value, self._outer)

    def decimal(self, name: str) -> Decimal | None:
        value = self.optional_text(name, "string_decimal")
        if value is None:
            return None
        if not DECIMAL.fullmatch(value):
            raise bad_payload("string_decimal", "Invalid decimal", self._outer)
        return Decimal(value)

    def required_decimal(self, name: str) -> Decimal:
        value = self.decimal(name)
        if value is None:
            raise bad_payload("string_decimal", REQUIRED, self._outer)
        return value

    def boolean(self, name: str) -> bool:
        return bool(self.optional_boolean(name))

    def optional_boolean(self, name: str) -> bool | None:
        value = self._body.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_type("boolean", value, self._outer)
        return value

    def unsigned(self, name: str, bits: int, *, accept_text: bool = False) -> int | None:
        """A whole number of so many bits; clients write some of them as text."""
        value = self._body.get(name)
        if value is None:
            return None
        if accept_text and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**bits:
            reason = f"Only integers from 0 to {2**bits - 1} are accepted."
            raise bad_payload(f"integer(uint{bits})", reason, self._outer)
        return value
