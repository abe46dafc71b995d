"""Backpack's histories: funding, settlements, positions, liquidations, and those of what is not simulated."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.backpack.empty_histories import EMPTY_HISTORIES
from sandbox.config import BackpackConfig, SandboxConfig
from tests.sandbox.backpack_desks import PERP, SPOT, history, limit, market, pin_mark, place
from tests.sandbox.backpack_schema.in_process import InProcess

HOUR_MS = 3_600_000


def funded() -> InProcess:
    """A venue at which desk-a paid funding for two, and closed one of them."""
    venue = InProcess()
    place(venue, market("Bid", "2", PERP))
    engine = venue.world.simulation.engine
    engine.funding.pin(PERP, Decimal("0.0001"))
    engine.prices.pin_mark(PERP, Decimal(150))
    venue.pass_time(HOUR_MS)
    place(venue, market("Ask", "1", PERP))
    return venue


def liquidated() -> InProcess:
    """A venue at which desk-poor was liquidated."""
    venue = InProcess()
    place(venue, market("Bid", "5", PERP), "desk-poor")
    place(venue, limit("Bid", "140", "1", PERP), "desk-poor")
    pin_mark(venue, "100")
    return venue


def test_funding_is_told_with_its_rate_and_sign() -> None:
    venue = funded()
    (row,) = history(venue, "funding", symbol=PERP)
    assert row == {
        "fundingRate": "0.0001",
        "intervalEndTimestamp": "2026-09-02T17:00:00",
        "quantity": "-0.03",
        "subaccountId": None,
        "symbol": PERP,
        "userId": venue.face.accounts()[0]["user_id"],
    }
    assert history(venue, "funding", symbol="BTC_USDC_PERP") == []


def test_settlements_are_fees_profits_and_funding_in_the_engines_order() -> None:
    venue = funded()
    rows = history(venue, "settlement")
    assert [row["source"] for row in rows] == ["RealizePnl", "TradingFees", "FundingPayment", "TradingFees"]
    assert [row["engineSequence"] for row in rows] == [4, 3, 2, 1]
    assert len({row["positionId"] for row in rows}) == 1
    cash = sum(Decimal(row["quantity"]) for row in rows)
    assert Decimal(venue.call("GET", "/api/v1/capital").json["USDC"]["available"]) == 1_000_000 + cash


@pytest.mark.parametrize(
    ("source", "count"), [("FundingPayment", 1), ("RealizePnl", 1), ("TradingFees", 2), ("CulledRealizePnl", 0)]
)
def test_settlements_are_filtered_by_source(source: str, count: int) -> None:
    assert len(history(funded(), "settlement", source=source)) == count


def test_spot_trades_settle_nothing() -> None:
    venue = InProcess()
    place(venue, market("Bid", "1"))
    assert history(venue, "settlement") == []


def test_a_position_is_listed_while_it_is_open_and_when_it_is_closed() -> None:
    venue = funded()
    (row,) = history(venue, "position")
    assert (row["state"], row["netQuantity"], row["closedVolume"], row["closedAt"]) == ("Open", "1", "1", None)
    assert (row["fundingQuantity"], row["liquidated"], row["accountLeverage"]) == ("-0.03", "0", "10")
    place(venue, market("Ask", "1", PERP))
    (row,) = history(venue, "position")
    assert (row["state"], row["netQuantity"], row["closedVolume"]) == ("Closed", "0", "2")
    assert row["closedAt"].startswith("2026-09-02T17:45:19")
    assert (row["netExposureQuantity"], row["unrealizedPnl"]) == ("0", "0")
    answer = venue.call("GET", "/wapi/v1/history/position")
    headers = dict(answer.response.headers)
    assert headers["Cache-Control"] == "no-store"
    assert "X-Total" not in headers


def test_positions_are_filtered() -> None:
    venue = funded()
    place(venue, market("Ask", "1", PERP))
    place(venue, market("Bid", "0.001", "BTC_USDC_PERP"))

    def symbols(**asked: Any) -> list[str]:
        return [row["symbol"] for row in history(venue, "position", **asked)]

    assert symbols() == ["BTC_USDC_PERP", PERP]
    assert symbols(state="Open") == ["BTC_USDC_PERP"]
    assert symbols(state="Closed") == [PERP]
    assert symbols(symbol=PERP) == [PERP]
    assert symbols(marketType="SPOT") == []


def test_a_liquidation_is_told_everywhere() -> None:
    venue = liquidated()
    (order, resting, _) = history(venue, "orders", "desk-poor")
    assert (resting["status"], resting["expiryReason"]) == ("Expired", "Liquidation")
    assert (order["status"], order["side"], order["systemOrderType"]) == ("Filled", "Ask", "LiquidatePositionOnBook")
    (position,) = history(venue, "position", "desk-poor")
    assert (position["state"], position["liquidated"]) == ("Closed", "5")


@pytest.mark.parametrize(
    ("kind", "is_system"),
    [
        ("User", [None]),
        ("BookLiquidation", ["LiquidatePositionOnBook"]),
        ("Liquidation", ["LiquidatePositionOnBook"]),
        ("AllLiquidation", ["LiquidatePositionOnBook"]),
        ("Adl", []),
        (None, ["LiquidatePositionOnBook", None]),
    ],
)
def test_fills_are_filtered_by_who_wanted_them(kind: str | None, is_system: list[str | None]) -> None:
    asked = {} if kind is None else {"fillType": kind}
    rows = history(liquidated(), "fills", "desk-poor", **asked)
    assert list(dict.fromkeys(row["systemOrderType"] for row in rows)) == is_system


@pytest.mark.parametrize("name", EMPTY_HISTORIES)
def test_what_is_not_simulated_has_an_empty_history(name: str) -> None:
    answer = InProcess().call("GET", f"/wapi/v1/history/{name}")
    assert (answer.status, answer.json) == (200, [])
    headers = dict(answer.response.headers)
    assert [headers[f"X-{part}"] for part in ("Total", "Page-Size", "Page-Count", "Current-Page")] == [
        "0",
        "1",
        "1",
        "1",
    ]
    assert headers["Access-Control-Expose-Headers"] == "X-Total,X-Page-Size,X-Page-Count,X-Current-Page"


def test_every_history_may_lag() -> None:
    venue = InProcess(SandboxConfig(makers=False, book_levels=5, history_lag_ms=2 * HOUR_MS))
    place(venue, market("Bid", "2", PERP))
    venue.pass_time(HOUR_MS)
    names = ("orders", "fills", "funding", "settlement", "position")
    assert [history(venue, name) for name in names] == [[]] * 5
    venue.pass_time(2 * HOUR_MS)
    assert all(history(venue, name) for name in names)


def test_cancels_may_be_accepted_without_an_answer() -> None:
    config = SandboxConfig(makers=False, book_levels=5, backpack=BackpackConfig(empty_cancels=True))
    venue = InProcess(config)
    placed = [place(venue, limit("Bid", price)) for price in ("140", "141", "142")]
    one = venue.call("DELETE", "/api/v1/order", {"symbol": SPOT, "orderId": placed[0]["id"]})
    everything = venue.call("DELETE", "/api/v1/orders", {"symbol": SPOT})
    for answer in (one, everything):
        assert (answer.status, answer.response.body, answer.response.content_type) == (202, b"", "")
    assert venue.call("GET", "/api/v1/orders").json == []
    assert [row["status"] for row in history(venue, "orders")] == ["Cancelled"] * 3
