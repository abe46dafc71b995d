"""The text of every frame the venue sends: replies, errors, snapshots and updates."""

from typing import Any, Literal

import msgspec

from sandbox.zanbara.errors import Problem
from sandbox.zanbara.wire import encode

Kind = Literal["snapshot", "update"]


def reply(kind: str, now_us: int, members: dict[str, Any] | None = None, *, echo: Any = None) -> str:
    """Whatever is no data; a client's `id` comes back if it sent one."""
    frame = {"type": kind, **(members or {})}
    if echo is not None:
        frame["id"] = echo
    frame["timestamp"] = now_us // 1000
    return encode(frame).decode()


def error(problem: Problem, now_us: int, *, echo: Any = None) -> str:
    return reply("error", now_us, {"error": problem.body()}, echo=echo)


def data_frame(
    kind: Kind,
    channel: str,
    symbol: str | None,
    data: bytes,
    *,
    sequence: int,
    now_us: int,
    interval: str | None = None,
) -> str:
    """`data` is written already: one text may go to many, each with its own sequence."""
    frame: dict[str, Any] = {"type": kind, "channel": channel, "symbol": symbol}
    if interval is not None:
        frame["interval"] = interval
    frame |= {"data": msgspec.Raw(data), "sequence": sequence, "timestamp": now_us // 1000}
    return encode(frame).decode()
