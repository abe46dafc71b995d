"""What the Backpack tests share: golden messages, two markets, a throttle and a clock that do what they are told."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.contract import Call, SendTime
from adapters.models import (
    Market,
    MarketStatus,
    MarketType,
    OrderRequest,
    OrderType,
    Side,
    Symbol,
    VenueClientId,
    VenueName,
    VenueSymbol,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "backpack"
VENUE = VenueName("backpack")
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PUBLIC = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
SEED_AND_PUBLIC = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA=="
NOW_MS = 1_750_793_021_519

SPOT = Market(
    venue=VENUE,
    symbol=Symbol("SOL-USDC"),
    venue_symbol=VenueSymbol("SOL_USDC"),
    type=MarketType.SPOT,
    status=MarketStatus.TRADING,
    base="SOL",
    quote="USDC",
    settle="USDC",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.01"),
    min_quantity=Decimal("0.01"),
)
PERP = replace(
    SPOT, symbol=Symbol("SOL-USDC-PERP"), venue_symbol=VenueSymbol("SOL_USDC_PERP"), type=MarketType.PERPETUAL
)
SELL_POST_ONLY = OrderRequest(
    market=SPOT,
    venue_client_id=VenueClientId("424242"),
    side=Side.SELL,
    type=OrderType.POST_ONLY,
    quantity=Decimal("0.20"),
    price=Decimal("101.5"),
)


def golden_bytes(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def golden(name: str, **changes: Any) -> Any:
    value = json.loads(golden_bytes(name))
    return value | changes if changes else value


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

    def refused(self, retry_after_s: float | None) -> None:
        self.events.append(f"refused {retry_after_s}")


class FixedClock:
    def venue_time_ms(self) -> int:
        return NOW_MS

    def time_us(self) -> int:
        return NOW_MS * 1000 + 7


async def begin_send() -> SendTime:
    return SendTime(timestamp_ms=NOW_MS - 100, window_ms=2000)
