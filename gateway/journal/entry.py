"""One entry of a journal. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_LENGTH = 10_000
"""About how many entries of an account are kept; older ones cannot be resumed from any more."""

_CURSOR = re.compile(r"[0-9]{1,16}-[0-9]{1,10}", re.ASCII)


class Kind(StrEnum):
    ORDER = "order"
    """An order took a step."""
    FILL = "fill"
    """One of our own trades."""
    OPERATION = "operation"
    """Something else that changes money or terms took a step."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, to whose order; `fields` are its kind's own."""

    cursor: str
    kind: Kind
    owner: str
    fields: Mapping[bytes, bytes]

    @classmethod
    def read(cls, cursor: bytes, fields: Mapping[bytes, bytes]) -> "Entry":
        return cls(cursor.decode(), Kind(fields[b"kind"].decode()), fields[b"owner"].decode(), fields)


Position = tuple[int, int]


def position(cursor: str) -> Position:
    """A cursor in a form that can be compared. Raises `ValueError` for what is none."""
    if not _CURSOR.fullmatch(cursor):
        raise ValueError("a cursor looks like 1700000000000-0")
    milliseconds, _, number = cursor.partition("-")
    return int(milliseconds), int(number)
