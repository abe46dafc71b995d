"""What a fault proxy can do to one direction of a connection, and the one place that decides it for each chunk.

Plain values; no I/O, no clock. A stream from which bytes were lost never goes on: TCP has no gaps.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

END = b""
"""The chunk that says that the sender has ended."""


class Side(StrEnum):
    """Whose connection is reset."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Pass:
    """All is well."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Everything arrives later, by `latency_s` and up to `jitter_s` more, and in order."""

    latency_s: float
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes arrive in pieces of `size`, `pause_s` apart, so that frames are torn."""

    size: int = 1
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing arrives until another fault is set, then everything does: a network that was parted and has healed."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Bytes are swallowed; the end of the sender is still passed on."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Bytes are swallowed, and so is the sender's end: the other side never learns of it."""


@dataclass(frozen=True, slots=True)
class Reset:
    """RST once `after_bytes` have passed in this direction; a side that gets none is left with a dead connection."""

    after_bytes: int = 0
    side: Side = Side.BOTH


Fault = Pass | Delay | Slice | Hold | Hole | HalfOpen | Reset


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one chunk."""

    pieces: Sequence[bytes] = ()
    """To pass on, in this order."""
    delay_s: float = 0.0
    pause_s: float = 0.0
    """Between the pieces."""
    is_held: bool = False
    """Ask again when the fault has changed."""
    is_lost: bool = False
    reset: Side | None = None
    """After the pieces."""


def judge(fault: Fault, chunk: bytes, *, passed_bytes: int, jitter: random.Random) -> Verdict:
    """Decide about a chunk, of which `passed_bytes` have gone before it since the fault was set."""
    match fault:
        case Hold():
            return Verdict(is_held=True)
        case Hole() | HalfOpen():
            return Verdict(is_lost=True) if chunk or isinstance(fault, HalfOpen) else Verdict([END])
        case Delay(latency_s, jitter_s):
            return Verdict([chunk], delay_s=latency_s + jitter_s * jitter.random())
        case Slice(size, pause_s) if chunk:
            return Verdict([chunk[start : start + size] for start in range(0, len(chunk), size)], pause_s=pause_s)
        case Reset(after_bytes, side) if chunk and passed_bytes + len(chunk) >= after_bytes:
            return Verdict([chunk[: after_bytes - passed_bytes]] if after_bytes > passed_bytes else [], reset=side)
        case Pass() | Slice() | Reset():
            return Verdict([chunk])
    assert_never(fault)
