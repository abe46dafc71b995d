"""A throttle and clocks that do what the adapters' tests tell them."""

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from adapters.contract import Call


@dataclass(slots=True)
class RecordingThrottle:
    """Grants at once and records what became of each grant; `refuse_start` is raised by a grant's start."""

    calls: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    refuse_start: Exception | None = None

    @contextlib.asynccontextmanager
    async def grant(self, call: Call) -> AsyncIterator["RecordingThrottle"]:
        self.calls.append(call.name)
        self.events.append("granted")
        yield self

    def start(self) -> None:
        if self.refuse_start is not None:
            raise self.refuse_start
        self.events.append("started")

    def answered(self, headers: Mapping[str, str]) -> None:
        self.events.append("answered")

    def refused(self, retry_after_s: float | None, *, is_ban: bool = False) -> None:
        self.events.append(f"{'banned' if is_ban else 'refused'} {retry_after_s}")


@dataclass(slots=True)
class FixedClock:
    """Stands still until it is set."""

    now_ms: int = 1_750_793_021_519
    doubts: int = 0

    def venue_time_ms(self) -> int:
        return self.now_ms

    def time_us(self) -> int:
        return self.now_ms * 1000 + 7

    def doubt(self) -> None:
        self.doubts += 1


class SystemClock:
    def venue_time_ms(self) -> int:
        return self.time_us() // 1000

    def time_us(self) -> int:
        return time.time_ns() // 1000

    def doubt(self) -> None: ...
