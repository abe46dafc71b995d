"""Backpack's answers and frames beside golden samples: the same members in the same order, of the same types."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.config import AMPLE, AccountConfig, SandboxConfig
from tests.sandbox.backpack_desks import PERP, SPOT, limit, market, pin_mark, place
from tests.sandbox.backpack_schema.in_process import InProcess

GOLDEN = Path(__file__).parents[1] / "golden/backpack"
HOME = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
CONFIG = SandboxConfig(
    makers=False,
    book_levels=5,
    accounts=(
        AccountConfig("desk-a", AMPLE, scopes=("read", "trade", "withdraw"), address_book=(HOME,)),
        AccountConfig("desk-poor", {"USDC": Decimal(120)}),
    ),
)


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def shape(value: Any) -> Any:
    """A value with types for texts and numbers; of a list the first element counts."""
    match value:
        case dict():
            return [(name, shape(member)) for name, member in value.items()]
        case list():
            return [shape(value[0])] if value else []
        case _:
            return type(value).__name__


ANSWERS = {
    "account_synthetic": ("GET", "/api/v1/account", {}),
    "collateral_synthetic": ("GET", "/api/v1/capital/collateral", {}),
    "deposit_synthetic": ("GET", "/wapi/v1/capital/deposits", {}),
    "withdrawal_synthetic": (
        "POST",
        "/wapi/v1/capital/withdrawals",
        {"address": HOME, "blockchain": "Solana", "quantity": "12.5", "symbol": "USDC", "clientId": "wd-1"},
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_have_the_shape_of_the_samples(name: str) -> None:
    venue = InProcess(CONFIG)
    simulation = venue.world.simulation
    simulation.transfer(simulation.engine.accounts["desk-a"], "USDC", Decimal(50), venue.clock.now_us())
    answer = json.loads(venue.call(*ANSWERS[name]).response.body)
    sample = golden(name)
    assert shape(answer[0] if isinstance(answer, list) and isinstance(sample, dict) else answer) == shape(sample)


FRAMES = {
    "stream_balance_update_synthetic": "balanceUpdate",
    "stream_book_ticker_synthetic": "bookTicker",
    "stream_depth": "depth",
    "stream_kline_synthetic": "kline",
    "stream_liquidation_synthetic": "liquidation",
    "stream_mark_price_synthetic": "markPrice",
    "stream_open_interest_synthetic": "openInterest",
    "stream_position_opened_synthetic": "positionOpened",
    "stream_ticker": "ticker",
    "stream_trade": "trade",
}


def frames_by_event() -> dict[str, Any]:
    """The first frame of each kind on a venue where everything happens."""
    venue = InProcess(CONFIG)
    listener = venue.listen(
        *(f"{name}.{SPOT}" for name in ("bookTicker", "depth", "kline.1m", "ticker", "trade")),
        *(f"{name}.{PERP}" for name in ("markPrice", "openInterest")),
        *("liquidation", "account.balanceUpdate", "account.positionUpdate"),
    )
    place(venue, limit("Bid", "150.01", "0.5"))
    place(venue, market("Bid", "1", PERP))
    place(venue, market("Bid", "5", PERP), "desk-poor")
    pin_mark(venue, "100")
    venue.pass_time(1000)
    venue.pass_time(60_000)
    first: dict[str, Any] = {}
    for frame in listener.frames:
        first.setdefault(frame["data"]["e"], frame)
    return first


def test_frames_have_the_shape_of_the_samples() -> None:
    told = frames_by_event()
    wrong = {
        event: (shape(told[event]), shape(golden(name)))
        for name, event in FRAMES.items()
        if _without_sizes(shape(told[event])) != _without_sizes(shape(golden(name)))
    }
    assert wrong == {}


def _without_sizes(shaped: Any) -> Any:
    """A shape without the contents of lists, which may be empty."""
    if isinstance(shaped, list) and shaped and isinstance(shaped[0], tuple):
        return [(name, _without_sizes(member)) for name, member in shaped]
    return "list" if isinstance(shaped, list) else shaped
