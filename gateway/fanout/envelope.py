"""How one message of a topic travels through Redis: a fixed header in front of the client's own bytes.

The owner encodes the body once for the whole fleet; everybody else reads the header and hands the body on unparsed.
"""

import struct
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

VERSION = 1
_HEADER = struct.Struct(">BBBxQQQ")  # version, kind, integrity, padding, epoch, seq, sent_us


class Kind(IntEnum):
    SNAPSHOT = 1
    """The whole state at `seq`. With the `seq` of the message before it, it only repeats what is known."""
    UPDATE = 2
    """What changed between `seq` - 1 and `seq`."""
    STATUS = 3
    """Nothing but a new integrity."""


class Integrity(StrEnum):
    OK = "ok"
    RESYNCING = "resyncing"
    """Something was missed and is being repaired: what a client holds may be wrong until the next snapshot."""
    STALE = "stale"
    """The source is silent beyond its documented cadence."""


class Malformed(Enum):
    """Why bytes are not a frame."""

    SHORT = "short"
    VERSION = "version"
    HEADER = "header"


class NotAFrame(ValueError):
    """Bytes that no version of ours can have published."""

    def __init__(self, reason: Malformed):
        super().__init__(reason.value)
        self.reason = reason


_INTEGRITY_CODE = {Integrity.OK: 0, Integrity.RESYNCING: 1, Integrity.STALE: 2}
_INTEGRITY_OF = {code: integrity for integrity, code in _INTEGRITY_CODE.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a topic; `body` is the JSON text its clients get."""

    kind: Kind
    integrity: Integrity
    epoch: int
    seq: int
    sent_us: int
    body: bytes

    def pack(self) -> bytes:
        return (
            _HEADER.pack(VERSION, self.kind, _INTEGRITY_CODE[self.integrity], self.epoch, self.seq, self.sent_us)
            + self.body
        )


def unpack(data: bytes) -> Frame:
    """Read a frame; raises `NotAFrame`."""
    if len(data) < _HEADER.size:
        raise NotAFrame(Malformed.SHORT)
    version, kind, integrity, epoch, seq, sent_us = _HEADER.unpack_from(data)
    if version != VERSION:
        raise NotAFrame(Malformed.VERSION)
    try:
        return Frame(Kind(kind), _INTEGRITY_OF[integrity], epoch, seq, sent_us, data[_HEADER.size :])
    except (ValueError, KeyError) as error:
        raise NotAFrame(Malformed.HEADER) from error
