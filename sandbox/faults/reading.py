"""Reading a rule's JSON member by member; what cannot be understood is refused by name."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

MOST_MS = 600_000
LONGEST_INT = 18  # digits: what is longer may not fit the 64 bits an encoder takes

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SORTED = msgspec.json.Encoder(decimal_format="number", order="sorted")

# What may follow `close` in a closing frame (RFC 6455, 7.4).
CLOSE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class BadRule(ValueError):
    """A rule that cannot be understood; the message says why."""


def read_json(body: bytes) -> Any:
    """JSON with its numbers as they were written; raises `BadRule`."""
    try:
        return json.loads(body, parse_float=Decimal, parse_int=_integer, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise BadRule("the body is not JSON") from exc


def write_json(value: Any, *, is_sorted: bool = False) -> bytes:
    return (_SORTED if is_sorted else _ENCODER).encode(value)


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= LONGEST_INT else Decimal(digits)


def _no_number(name: str) -> Any:
    raise ValueError(name)


class Members:
    """One object of a rule, of which only these members are known."""

    def __init__(self, name: str, raw: Any, known: Iterable[str]) -> None:
        if not isinstance(raw, dict):
            raise BadRule(f"`{name}` is an object")
        unknown = raw.keys() - set(known)
        if unknown:
            raise BadRule(f"`{name}` does not know {', '.join(sorted(unknown))}")
        self._raw: dict[str, Any] = raw

    def given(self, *names: str) -> list[str]:
        """Which of these members say something: `false` says nothing."""
        return [name for name in names if name in self._raw and self._raw[name] is not False]

    def value(self, name: str) -> Any:
        return self._raw.get(name)

    def flag(self, name: str) -> bool:
        value = self._raw.get(name, False)
        if not isinstance(value, bool):
            raise BadRule(f"`{name}` is true or false")
        return value

    def text(self, name: str) -> str | None:
        value = self._raw.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRule(f"`{name}` is text")
        return value

    def whole(self, name: str, *, least: int = 0, most: int = MOST_MS) -> int | None:
        """A whole number, or None if it is not given."""
        value = self._raw.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadRule(f"`{name}` is a whole number from {least} to {most}")
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self._raw.get(name, {})
        if not isinstance(value, dict):
            raise BadRule(f"`{name}` is an object")
        return value

    def one_of(self, *names: str) -> str | None:
        """The one of these members that is given; raises `BadRule` for two: they contradict each other."""
        given = self.given(*names)
        if len(given) > 1:
            raise contradiction(*given[:2])
        return given[0] if given else None

    def refuse_together(self, first: Iterable[str], second: Iterable[str]) -> None:
        """Raises `BadRule` if one of each is given."""
        for one in self.given(*first):
            for other in self.given(*second):
                raise contradiction(one, other)


def contradiction(one: str, other: str) -> BadRule:
    return BadRule(f"`{one}` and `{other}` contradict each other")
