"""Reads query parameters, or refuses them in the venue's words."""

import re
from collections.abc import Sequence
from decimal import Decimal

from sandbox.backpack.errors import Problem, bad_parameter, refused
from sandbox.matching import Market, Reason

SYMBOL = re.compile(r"[A-Za-z0-9.]{1,20}_[A-Z0-9]{1,20}(_[A-Z]{1,20})?", re.ASCII)
DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
BAD_ENUM = "Expect a valid enumeration value."
REQUIRED = "field is required"
MARKET_TYPES = frozenset({"SPOT", "PERP", "IPERP", "DATED", "PREDICTION", "RFQ"})
BOOLEANS = {"true": True, "false": False, "True": True, "False": False}  # the latter are what Python clients send


class Parameters:
    """A request's query. Unknown parameters are ignored; of a repeated one the last counts unless `every` is asked."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._last = dict(pairs)

    def text(self, name: str) -> str | None:
        return self._last.get(name)

    def required(self, name: str, type_name: str = "string") -> str:
        value = self._last.get(name)
        if value is None:
            raise self.missing(name, type_name)
        return value

    def every(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def choice(self, name: str, type_name: str, allowed: Sequence[str], default: str | None = None) -> str | None:
        value = self._last.get(name)
        if value is None:
            return default
        if value not in allowed:
            raise bad_parameter(name, type_name, BAD_ENUM)
        return value

    def required_choice(self, name: str, type_name: str, allowed: Sequence[str]) -> str:
        value = self.choice(name, type_name, allowed)
        if value is None:
            raise self.missing(name, type_name)
        return value

    def integer(self, name: str, *, default: int | None = None, low: int = 0, high: int = 2**63 - 1) -> int | None:
        value = self._last.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()) or len(value) > 19:
            raise bad_parameter(name, "integer(uint64)", "invalid digit found in string")
        number = int(value)
        if not low <= number <= high:
            raise bad_parameter(name, "integer(uint64)", f"must be between {low} and {high}")
        return number

    def boolean(self, name: str) -> bool | None:
        value = self._last.get(name)
        if value is not None and value not in BOOLEANS:
            raise bad_parameter(name, "boolean", "provided string was not `true` or `false`")
        return None if value is None else BOOLEANS[value]

    def decimal(self, name: str) -> Decimal | None:
        value = self._last.get(name)
        if value is None:
            return None
        if not DECIMAL.fullmatch(value):
            raise bad_parameter(name, "string_decimal", "Invalid decimal")
        return Decimal(value)

    def market(self, markets: dict[str, Market], *, name: str = "symbol") -> Market:
        """A market that must be named and must exist."""
        return self._known(markets, name, self.required(name, "MarketSymbol"))

    def optional_market(self, markets: dict[str, Market], *, name: str = "symbol") -> Market | None:
        value = self._last.get(name)
        return None if value is None else self._known(markets, name, value)

    def market_types(self) -> list[str]:
        """`marketType`, repeatable; empty if not asked for."""
        values = self.every("marketType")
        for value in values:
            if value not in MARKET_TYPES:
                raise bad_parameter("marketType", "MarketType", BAD_ENUM)
        return values

    def period(self) -> tuple[int, int]:
        """`from` and `to` in milliseconds, both inclusive; all times where not asked for."""
        return self.integer("from") or 0, self.integer("to", default=2**63 - 1) or 0

    def subaccount(self) -> None:
        """`subaccountId` is for callers without a key: read, and without effect."""
        self.integer("subaccountId", high=2**16 - 1)

    def page(self, *, high: int = 1000) -> tuple[int, int]:
        """`limit` and `offset` with the venue's defaults."""
        limit = self.integer("limit", default=100, low=1, high=high)
        offset = self.integer("offset", default=0)
        return limit or 100, offset or 0

    @staticmethod
    def missing(name: str, type_name: str) -> Problem:
        return bad_parameter(name, type_name, REQUIRED)

    @staticmethod
    def _known(markets: dict[str, Market], name: str, value: str) -> Market:
        if not SYMBOL.fullmatch(value):
            raise bad_parameter(name, "MarketSymbol", "Invalid market symbol")
        market = markets.get(value)
        if market is None:
            raise refused(Reason.UNKNOWN_MARKET)
        return market
