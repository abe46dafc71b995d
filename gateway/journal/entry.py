"""One entry of a journal. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_LENGTH = 10_000
"""About how many entries of an account are kept; older ones cannot be resumed from any more."""

UNCUT = 10**15
"""How many are kept where an archiver cuts the journal, after it has copied what it cuts: as many as there are."""

EVERYBODY = "*"
"""Owner of what concerns an account as a whole: whoever was granted the account sees it."""

BEGINNING = "0-0"
"""The cursor before the first entry."""

_CURSOR = re.compile(r"[0-9]{1,16}-[0-9]{1,10}", re.ASCII)


class Kind(StrEnum):
    """The kinds that are read here; a journal may hold others, which are passed on as they are."""

    ORDER = "order"
    """An order took a step."""
    FILL = "fill"
    """One of our own trades."""
    DEAD_MAN = "dead_man"
    """A client's dead-man switch fired, or has no order left to end."""
    POSITION = "position"
    """The position in one market is another now."""
    BALANCE = "balance"
    """What is held of one asset is another now."""
    HALT = "halt"
    """A halt that concerns the account was set or lifted; its owner is empty."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, and on whose behalf; what `data` holds is its kind's own."""

    cursor: str
    kind: str
    owner: str
    """A client's name, or `EVERYBODY`; empty: nobody's in particular."""
    fields: Mapping[bytes, bytes]

    @classmethod
    def read(cls, cursor: bytes, fields: Mapping[bytes, bytes]) -> "Entry":
        kind, owner = fields.get(b"kind", b""), fields.get(b"owner", b"")
        return cls(cursor.decode(), kind.decode(errors="replace"), owner.decode(errors="replace"), fields)

    @property
    def data(self) -> bytes:
        return self.fields.get(b"data", b"")

    @property
    def time_ms(self) -> int:
        """When it was entered, by Redis' clock."""
        return position(self.cursor)[0]


Position = tuple[int, int]


def position(cursor: str) -> Position:
    """A cursor in a form that can be compared. Raises `ValueError` for what is none."""
    if not _CURSOR.fullmatch(cursor):
        raise ValueError("a cursor looks like 1700000000000-0")
    milliseconds, _, number = cursor.partition("-")
    return int(milliseconds), int(number)


def entries_of(page: Sequence[tuple[bytes, Sequence[bytes]]]) -> list[Entry]:
    """Entries as XRANGE answers with them."""
    return [Entry.read(cursor, dict(zip(fields[::2], fields[1::2], strict=True))) for cursor, fields in page]
