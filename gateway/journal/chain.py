"""The lines of an archive: each carries a hash over itself and the hash of the line before, over all files. Pure."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

GENESIS = "0" * 64
"""What the first line of an account's first file follows."""

_HASH = b',"hash":"'
_TAIL = len(_HASH) + 64 + len(b'"}')


class BrokenLine(ValueError):
    """A line that does not follow the one before it."""


def linked(record: Mapping[str, Any], tip: str) -> tuple[bytes, str]:
    """The record as the line (with its end) that follows `tip`, and the tip after it."""
    body = msgspec.json.encode(record)
    digest = _digest(tip, body)
    return b"".join((body[:-1], _HASH, digest.encode(), b'"}\n')), digest


def read_line(line: bytes, tip: str) -> tuple[dict[str, Any], str]:
    """What a line (without its end) that follows `tip` says, and the tip after it. Raises `BrokenLine`."""
    at = len(line) - _TAIL
    if at <= 0 or line[at : at + len(_HASH)] != _HASH or not line.endswith(b'"}'):
        raise BrokenLine("is no line of an archive")
    digest = line[at + len(_HASH) : -2].decode(errors="replace")
    if digest != _digest(tip, line[:at] + b"}"):
        raise BrokenLine("does not follow from the line before it: one of the two was changed, or one is missing")
    record: dict[str, Any] = msgspec.json.decode(line)
    return record, digest


def _digest(tip: str, body: bytes) -> str:
    return hashlib.sha256(tip.encode() + body).hexdigest()
