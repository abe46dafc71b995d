"""Backpack's account answers: settings, limits, collateral, positions with their margins."""

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.backpack_desks import PERP, SPOT, limit, market, pin_mark, place, refused
from tests.sandbox.backpack_schema.in_process import InProcess


def limits(venue: InProcess, what: str, desk: str = "desk-a", **asked: Any) -> dict[str, Any]:
    answer = venue.call("GET", f"/api/v1/account/limits/{what}", asked, desk=desk)
    assert answer.status == 200, answer.response.body
    shown: dict[str, Any] = answer.json
    return shown


def collateral(venue: InProcess, desk: str = "desk-a") -> dict[str, Any]:
    shown: dict[str, Any] = venue.call("GET", "/api/v1/capital/collateral", desk=desk).json
    return shown


def test_settings_change_one_by_one_and_are_shown() -> None:
    venue = InProcess()
    before = venue.call("GET", "/api/v1/account").json
    changed = {"autoLend": True, "autoBorrowSettlements": True, "autoRepayBorrows": False, "leverageLimit": "3.5"}
    for name, value in changed.items():
        answer = venue.call("PATCH", "/api/v1/account", {name: value})
        assert (answer.status, answer.response.body) == (200, b"")
    assert venue.call("GET", "/api/v1/account").json == before | changed
    assert venue.call("GET", "/api/v1/account", desk="desk-b").json == before


@pytest.mark.parametrize("body", [{"autoLend": "yes"}, {"leverageLimit": 5}, {"leverageLimit": "0"}])
def test_settings_that_cannot_be_read_change_nothing(body: dict[str, Any]) -> None:
    venue = InProcess()
    before = venue.call("GET", "/api/v1/account").json
    answer = venue.call("PATCH", "/api/v1/account", {"autoRepayBorrows": False} | body)
    assert refused(answer)[:2] == (400, "INVALID_CLIENT_REQUEST")
    assert venue.call("GET", "/api/v1/account").json == before


def test_nothing_can_be_borrowed() -> None:
    assert limits(InProcess(), "borrow", symbol="SOL") == {"maxBorrowQuantity": "0", "symbol": "SOL"}


def test_a_limit_echoes_what_was_asked() -> None:
    asked = {"symbol": SPOT, "side": "Bid", "price": "150", "reduceOnly": "False", "autoBorrow": "true"}
    assert limits(InProcess(), "order", "desk-poor", **asked) == {
        "autoBorrow": True,
        "autoBorrowRepay": None,
        "autoLendRedeem": None,
        "maxOrderQuantity": "0.33",
        "price": "150",
        "reduceOnly": False,
        "side": "Bid",
        "symbol": SPOT,
    }


@pytest.mark.parametrize(
    ("symbol", "side", "price"),
    [(SPOT, "Ask", "150"), (SPOT, "Bid", "149"), (PERP, "Bid", "149"), (PERP, "Ask", "151")],
)
def test_the_largest_order_is_taken_and_a_step_more_is_not(symbol: str, side: str, price: str) -> None:
    venue = InProcess()
    most = limits(venue, "order", "desk-poor", symbol=symbol, side=side, price=price)["maxOrderQuantity"]
    more = str(Decimal(most) + Decimal("0.01"))
    refusal = venue.call("POST", "/api/v1/order", limit(side, price, more, symbol), desk="desk-poor")
    assert refused(refusal)[1] in ("INSUFFICIENT_FUNDS", "INSUFFICIENT_MARGIN")
    place(venue, limit(side, price, most, symbol), "desk-poor")


def test_a_reducing_order_is_limited_by_the_position() -> None:
    venue = InProcess()
    place(venue, market("Bid", "2", PERP))
    asked = {"symbol": PERP, "reduceOnly": "true"}
    assert limits(venue, "order", side="Ask", **asked)["maxOrderQuantity"] == "2"
    assert limits(venue, "order", side="Bid", **asked)["maxOrderQuantity"] == "0"


def test_what_is_needed_as_margin_cannot_be_withdrawn() -> None:
    venue = InProcess()
    assert limits(venue, "withdrawal", "desk-poor", symbol="USDC")["maxWithdrawalQuantity"] == "50"
    place(venue, limit("Bid", "149", "5", PERP), "desk-poor")
    assert limits(venue, "withdrawal", "desk-poor", symbol="USDC") == {
        "autoBorrow": None,
        "autoLendRedeem": None,
        "maxWithdrawalQuantity": collateral(venue, "desk-poor")["netEquityAvailable"],
        "symbol": "USDC",
    }


def test_an_unknown_asset_has_no_limit() -> None:
    answer = InProcess().call("GET", "/api/v1/account/limits/withdrawal", {"symbol": "XYZ"})
    assert refused(answer) == (400, "INVALID_ASSET", "Invalid asset")


def test_collateral_counts_by_its_weight() -> None:
    shown = collateral(InProcess(), "desk-poor")
    rows = {row["symbol"]: row for row in shown["collateral"]}
    assert (rows["SOL"]["balanceNotional"], rows["SOL"]["collateralWeight"]) == ("75", "0.9")
    assert rows["SOL"]["collateralValue"] == "67.5"
    assert (shown["assetsValue"], shown["netEquity"], shown["marginFraction"]) == ("125", "117.5", None)
    assert (shown["imf"], shown["mmf"]) == ("0.1", "0.0125")


def test_open_exposure_locks_equity() -> None:
    venue = InProcess()
    place(venue, limit("Bid", "149", "5", PERP), "desk-poor")
    shown = collateral(venue, "desk-poor")
    mark = Decimal(venue.call("GET", "/api/v1/markPrices", {"symbol": PERP}).json[0]["markPrice"])
    assert Decimal(shown["netExposureFutures"]) == 5 * mark
    assert Decimal(shown["netEquityLocked"]) == mark / 2
    assert Decimal(shown["netEquityAvailable"]) == Decimal(shown["netEquity"]) - mark / 2
    assert Decimal(shown["marginFraction"]) == (Decimal(shown["netEquity"]) / (5 * mark)).quantize(Decimal("1e-8"))


def test_a_debt_is_a_liability() -> None:
    venue = InProcess()
    account = venue.world.simulation.engine.accounts["desk-poor"]
    account.balances["USDC"].available = Decimal(-20)
    shown = collateral(venue, "desk-poor")
    assert (shown["liabilitiesValue"], shown["borrowLiability"], shown["assetsValue"]) == ("20", "20", "75")
    assert [row["symbol"] for row in shown["collateral"]] == ["SOL"]
    assert shown["netEquity"] == "47.5"


def test_the_liquidation_price_is_told_when_one_position_is_asked_for() -> None:
    venue = InProcess()
    place(venue, market("Bid", "5", PERP), "desk-poor")
    (listed,) = venue.call("GET", "/api/v1/position", desk="desk-poor").json
    (asked,) = venue.call("GET", "/api/v1/position", {"symbol": PERP}, desk="desk-poor").json
    assert listed["estLiquidationPrice"] == "0"
    price = Decimal(asked["estLiquidationPrice"])
    pin_mark(venue, str(price + Decimal("0.01")))
    assert len(venue.call("GET", "/api/v1/position", desk="desk-poor").json) == 1
    pin_mark(venue, str(price - Decimal("0.01")))
    assert venue.call("GET", "/api/v1/position", desk="desk-poor").json == []


def test_a_position_shows_margin_fractions_fees_and_funding() -> None:
    venue = InProcess()
    place(venue, market("Bid", "2", PERP))
    venue.world.simulation.engine.funding.pin(PERP, Decimal("0.0001"))
    venue.world.simulation.engine.prices.pin_mark(PERP, Decimal(150))
    venue.pass_time(3_600_000)
    (position,) = venue.call("GET", "/api/v1/position").json
    assert (position["imf"], position["mmf"]) == ("0.1", "0.0125")
    assert position["cumulativeFundingPayment"] == "-0.03"
    fees = Decimal(position["netCost"]) * Decimal("0.0005")
    assert Decimal(position["breakEvenPrice"]) == (
        (Decimal(position["netCost"]) + fees + Decimal("0.03")) / 2
    ).quantize(Decimal("1e-8"))


def test_leverage_beyond_the_markets_initial_margin_does_not_help() -> None:
    venue = InProcess()
    venue.call("PATCH", "/api/v1/account", {"leverageLimit": "1000"})
    place(venue, market("Bid", "1", PERP))
    assert venue.call("GET", "/api/v1/position").json[0]["imf"] == "0.02"
