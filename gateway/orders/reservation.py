"""What the reservation of a venue's client id holds, told by how it begins. Pure.

The id of an order that has a record; or, in its stead, what is left of a finished order, an order as the venue showed
it, or the id of one that was adopted and that nobody has named.
"""

import re

ADOPTED = b"@"
"""Begins the id of a record that nobody has named."""

_BEGINS_ID = re.compile(rb"[A-Za-z0-9_-]").match
_SEEN = b"{"


def stands_without_record(kept: bytes) -> bool:
    """Whether it is not the id of a record that has an owner."""
    return not _BEGINS_ID(kept)


def is_seen(kept: bytes) -> bool:
    """Whether it is an order as the venue showed it."""
    return kept.startswith(_SEEN)


def is_tombstone(kept: bytes) -> bool:
    """Whether it is what is left of a finished order."""
    return stands_without_record(kept) and not kept.startswith((_SEEN, ADOPTED))
