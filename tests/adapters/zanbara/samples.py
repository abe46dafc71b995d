"""What the Zanbara tests share: golden messages, a market, an order, the keys of the documentation's vectors."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

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

GOLDEN = Path(__file__).parents[2] / "golden" / "zanbara"
VENUE = VenueName("zanbara")
API_KEY = "pk_test_00112233445566778899aabbccddeeff"
API_SECRET = "sk_test_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
CREDENTIALS = {"api_key": API_KEY, "api_secret": API_SECRET}
NOW_MS = 1_759_800_000_000

SOL = Market(
    venue=VENUE,
    symbol=Symbol("SOL-USDC-PERP"),
    venue_symbol=VenueSymbol("SOL-PERP"),
    type=MarketType.PERPETUAL,
    status=MarketStatus.TRADING,
    base="SOL",
    quote="USDC",
    settle="USDC",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.01"),
    min_quantity=Decimal("0.01"),
    max_quantity=Decimal(100),
    max_leverage=10,
    maker_fee_rate=Decimal("0.0002"),
    taker_fee_rate=Decimal("0.0005"),
    funding_interval_ms=28_800_000,
)
SELL_POST_ONLY = OrderRequest(
    market=SOL,
    venue_client_id=VenueClientId("g1abcdefghijklmnopqrstuvwxyz"),
    side=Side.SELL,
    type=OrderType.POST_ONLY,
    quantity=Decimal("0.20"),
    price=Decimal("151.5"),
)


def golden_bytes(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def golden(name: str) -> Any:
    return json.loads(golden_bytes(name))


def data(name: str, **changes: Any) -> Any:
    """What is inside an answer or frame, with some members changed."""
    value = golden(name)["data"]
    return value | changes if changes else value


def raw(name: str, **changes: Any) -> bytes:
    return json.dumps(data(name, **changes)).encode()


def item(name: str, **changes: Any) -> bytes:
    """The first item of a page."""
    return json.dumps(data(name)["items"][0] | changes).encode()


def answer(value: Any) -> bytes:
    return msgspec.json.encode({"success": True, "data": value, "timestamp": NOW_MS})


def answered(name: str, **changes: Any) -> bytes:
    """A golden answer with some members of its data changed."""
    return answer(data(name, **changes))


def page(*items: Any, total: int | None = None, has_next: bool = False) -> bytes:
    total = len(items) if total is None else total
    return answer({"items": items, "total": total, "page": 1, "limit": 100, "has_next": has_next, "has_prev": False})


def frame(name: str, *, data_changes: Any = None, **changes: Any) -> bytes:
    """A golden frame with some members changed."""
    value = golden(name) | changes
    if data_changes:
        value["data"] = value["data"] | data_changes
    return json.dumps(value).encode()
