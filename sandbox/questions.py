"""What a control call asks for, read from its query and its JSON body; what cannot be understood is refused by name."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

MISSING = object()


class BadQuestion(ValueError):
    """A control call that cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """One account's part or all, what came at `since_ms` or later, the body, and the whole query."""

    account: str | None
    since_ms: int
    body: bytes
    query: dict[str, str] = field(default_factory=dict)

    def members(self) -> dict[str, Any]:
        """The body's members; an empty body has none."""
        try:
            members = json.loads(self.body or b"{}")
        except ValueError as exc:
            raise BadQuestion("the body is not JSON") from exc
        if not isinstance(members, dict):
            raise BadQuestion("the body is not a JSON object")
        return members

    def text(self, name: str) -> str:
        value = self.members().get(name)
        if not isinstance(value, str):
            raise BadQuestion(f"`{name}` is missing or no text")
        return value

    def decimal(self, name: str) -> Decimal:
        return _decimal(name, self.text(name))

    def optional_decimal(self, name: str) -> Decimal | object | None:
        """A number as text, None where the body says null, `MISSING` where it says nothing."""
        value = self.members().get(name, MISSING)
        return value if value is None or value is MISSING else self.decimal(name)


def _decimal(name: str, text: str) -> Decimal:
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()):
        raise BadQuestion(f"`{name}` is a decimal number, as text")
    return Decimal(text)
