"""The wall clock of one process, put wrong from outside while it runs; its monotonic clock stays true."""

import mmap
import os
import struct
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from jwt import api_jwt

_offset_us: Sequence[int] = (0,)
_true_time, _true_time_ns = time.time, time.time_ns


def write_skew(path: Path, offset_us: int) -> None:
    """Put the clocks that follow this file ahead by so much, at once."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(opened, struct.pack("q", offset_us), 0)  # in place: they have it mapped
    finally:
        os.close(opened)


def install() -> None:
    """Have whatever is imported from now on read a clock that can be put wrong."""
    time.time = _time
    time.time_ns = _time_ns
    vars(api_jwt)["datetime"] = _Datetime


def follow(path: Path) -> None:
    """From now on this process's clock is as wrong as the file says."""
    global _offset_us  # noqa: PLW0603 - one process, one clock
    with path.open("rb") as file:
        _offset_us = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)).cast("q")


def _time() -> float:
    return _true_time() + _offset_us[0] / 1_000_000


def _time_ns() -> int:
    return _true_time_ns() + _offset_us[0] * 1_000


class _Datetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(microseconds=_offset_us[0])
