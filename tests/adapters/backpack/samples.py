"""What the Backpack tests share: golden messages, and two markets."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.contract import SendTime
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


async def begin_send() -> SendTime:
    return SendTime(timestamp_ms=NOW_MS - 100, window_ms=2000)
