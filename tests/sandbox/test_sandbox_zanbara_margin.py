"""Zanbara's margin: ratios and liquidation prices, liquidation itself, risk levels, and funding that is paid."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sandbox.config import AccountConfig
from sandbox.zanbara.risk import risk_level
from tests.sandbox.zanbara_desks import STILL, Desk, Venue, golden, shape, socket, venue

EMPTY = replace(STILL, book_levels=0)
PRICE = "150.50"
SIDES = {"buy": "sell", "sell": "buy"}


@asynccontextmanager
async def holding(
    side: str = "buy", *, mode: str = "isolated", quantity: str = "10", **options: Any
) -> AsyncIterator[tuple[Venue, Desk]]:
    """A venue where the example user holds a position at 150.5 with ten-fold leverage, and others fill the book."""
    async with venue(EMPTY, **options) as v:
        trader = v.desks["usr_1001"]
        await v.pin(mark=PRICE)
        await trader.post("position/set-leverage", symbol="SOL-PERP", leverage=10)
        await trader.post("position/set-margin-mode", symbol="SOL-PERP", margin_mode=mode)
        await v.b.placed(side=SIDES[side], price=PRICE, quantity=quantity)
        await trader.placed(side=side, price=PRICE, quantity=quantity)
        yield v, trader


async def position(desk: Desk) -> Any:
    return await desk.get("/v1/position/SOL-PERP")


# -- figures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "price"), [("buy", "143.33333333"), ("sell", "156.91943128")])
async def test_isolated_liquidation_prices(side: str, price: str) -> None:
    async with holding(side) as (_, trader):
        held = await position(trader)
        assert (held["margin"], held["margin_ratio"]) == ("150.50000000", "2.000000")
        assert held["liquidation_price"] == price


async def test_the_sample_position() -> None:
    async with holding() as (v, trader):
        await v.pin(mark="151.75")
        held = await position(trader)
        assert held | {"created_at": 0, "updated_at": 0} == {
            **{"symbol": "SOL-PERP", "position_side": "long", "quantity": "10.00000000"},
            **{"entry_price": "150.50000000", "mark_price": "151.75000000", "amount": "1517.50000000"},
            **{"leverage": 10, "margin_mode": "isolated", "margin": "150.50000000"},
            **{"maintenance_margin": "75.87500000", "margin_ratio": "2.148270", "liquidation_price": "143.33333333"},
            **{"unrealized_pnl": "12.50000000", "realized_pnl": "0.00000000", "created_at": 0, "updated_at": 0},
        }
        balance = await trader.get("/v1/account/balance")
        assert (balance["unrealized_pnl"], balance["margin_ratio"]) == ("12.50000000", None)


@pytest.mark.parametrize(("mark", "ratio"), [("149", "1.818792"), ("145", "1.317241"), ("143.34", "1.100879")])
async def test_the_ratio_falls_with_the_mark(mark: str, ratio: str) -> None:
    async with holding() as (v, trader):
        await v.pin(mark=mark)
        assert (await position(trader))["margin_ratio"] == ratio


async def test_half_of_the_initial_margin_may_be_the_maintenance_margin() -> None:
    async with holding(mmr_rule="half_initial", mode="cross") as (v, trader):
        await trader.post("position/set-leverage", symbol="SOL-PERP", leverage=5)
        held = await position(trader)
        assert held["maintenance_margin"] == "150.50000000"  # a tenth of the value, half of a fifth
        await v.pin(mark="160")
        assert (await position(trader))["maintenance_margin"] == "160.00000000"


async def test_a_long_without_debt_cannot_be_liquidated() -> None:
    async with holding(mode="cross") as (_, trader):
        assert (await position(trader))["liquidation_price"] is None
        assert (await trader.get("/v1/account/balance"))["margin_ratio"] == "132.880365"


async def test_leverage_cannot_be_raised_into_liquidation() -> None:
    async with holding() as (v, trader):
        await trader.post("position/set-leverage", symbol="SOL-PERP", leverage=2)
        await v.pin(mark="140")
        before = await position(trader)
        refused = await trader.refused("position/set-leverage", symbol="SOL-PERP", leverage=10)
        assert refused == (400, "INSUFFICIENT_MARGIN", "leverage")
        assert await position(trader) == before
        await trader.post("position/set-leverage", symbol="SOL-PERP", leverage=5)


# -- liquidation -------------------------------------------------------------------------------------------------------


async def test_an_isolated_position_is_liquidated_below_the_limit() -> None:
    async with holding() as (v, trader):
        await v.b.placed(price="143.30", quantity="20")
        resting = await trader.placed(price="140", quantity="1")
        elsewhere = await trader.placed(symbol="ETH-PERP", price="2000", quantity="0.1")
        await v.pin(mark="143.34")
        assert (await position(trader))["quantity"] == "10.00000000"
        await v.pin(mark="143.33")
        assert await trader.refused("position/close", symbol="SOL-PERP") == (404, "POSITION_NOT_FOUND", None)
        cancelled = await trader.order(resting)
        assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "LIQUIDATION")
        assert (await trader.order(elsewhere))["status"] == "pending"
        (closing,) = (await trader.get("/v1/order/list?type=market"))["items"]
        assert (closing["status"], closing["reason"], closing["reduce_only"]) == ("filled", "LIQUIDATION", True)
        assert closing["average_price"] == "143.30000000"
        entries = (await trader.get("/v1/account/ledger"))["items"]
        told = [(entry["type"], entry["amount"]) for entry in entries[:3]]
        assert told == [
            ("liquidation_fee", "-7.16500000"),  # half a per cent of 1433
            ("trading_fee", "-0.71650000"),
            ("realized_pnl", "-72.00000000"),
        ]
        assert entries[0]["balance"] == (await trader.get("/v1/account/balance"))["balance"]


async def test_the_insurance_fund_covers_what_an_account_cannot_pay() -> None:
    async with holding(mode="cross", quantity="60") as (v, trader):
        await v.sim("POST", "transfers", {"account": "usr_1001", "asset": "USDC", "amount": "-9000"})
        await v.b.placed(price="100", quantity="60")
        await v.pin(mark="120")
        assert (await trader.get("/v1/account/balance"))["balance"] == "0.00000000"
        fees = (await trader.get("/v1/account/ledger?type=liquidation_fee"))["items"]
        assert [entry["amount"] for entry in fees] == ["2067.51500000", "-30.00000000"]
        assert fees[0]["balance"] == "0.00000000"


async def test_cross_positions_are_liquidated_together() -> None:
    async with holding(mode="cross", quantity="60") as (v, trader):
        await trader.post("position/set-leverage", symbol="ETH-PERP", leverage=20)
        await v.b.placed(symbol="ETH-PERP", price="3000", quantity="1", side="sell")
        await trader.placed(symbol="ETH-PERP", price="3000", quantity="1")
        await v.sim("POST", "transfers", {"account": "usr_1001", "asset": "USDC", "amount": "-8000"})
        await v.b.placed(price="130", quantity="60")
        await v.b.placed(symbol="ETH-PERP", price="2990", quantity="1")
        await v.pin(mark="125")
        assert (await trader.get("/v1/position/list"))["items"] == []


# -- risk --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "level"),
    [
        (None, "safe"),
        ("3.000001", "safe"),
        ("3", "notice"),
        ("2", "notice"),
        ("1.999999", "warning"),
        ("1.5", "warning"),
        ("1.499999", "danger"),
        ("1.1", "danger"),
        ("1.099999", "liquidation"),
    ],
)
def test_risk_levels(ratio: str | None, level: str) -> None:
    assert risk_level(None if ratio is None else Decimal(ratio)) == level


async def test_every_change_of_the_risk_level_is_told() -> None:
    async with holding() as (v, trader), socket(v) as s:
        await v.b.placed(price="143", quantity="20")
        await s.authenticate(trader)
        assert (await s.subscribe("risk"))["symbol"] is None
        first = await s.next()
        assert shape(first) == shape(golden("stream_risk_snapshot_synthetic"))
        assert first["data"] == {"level": "notice", "margin_ratio": "2.000000"}
        told = []
        for mark, changes in (("149", 1), ("148.9", 0), ("145", 1), ("143.33", 2)):
            await v.pin(mark=mark)
            told += [(await s.next())["data"] for _ in range(changes)]
        assert told == [
            {"level": "warning", "margin_ratio": "1.818792"},
            {"level": "danger", "margin_ratio": "1.317241"},
            {"level": "liquidation", "margin_ratio": "1.099560"},
            {"level": "safe", "margin_ratio": None},
        ]


async def test_the_riskiest_position_speaks_for_the_account() -> None:
    async with holding() as (v, trader), socket(v) as s:
        await trader.post("position/set-margin-mode", symbol="ETH-PERP", margin_mode="cross")
        await v.b.placed(symbol="ETH-PERP", price="3000", quantity="1", side="sell")
        await trader.placed(symbol="ETH-PERP", price="3000", quantity="1")
        await s.authenticate(trader)
        await s.subscribe("risk")
        assert (await s.next())["data"] == {"level": "notice", "margin_ratio": "2.000000"}


async def test_a_liquidation_is_told_on_every_private_channel() -> None:
    async with holding() as (v, trader), socket(v) as s:
        await v.b.placed(price="143", quantity="20")
        await s.authenticate(trader)
        for channel in ("orders", "fills", "positions", "balance"):
            await s.subscribe(channel)
        await v.pin(mark="143.33")
        frames = [await s.update(channel) for channel in ("fills", "orders", "positions", "balance")]
        assert frames[1]["data"]["reason"] == "LIQUIDATION"
        assert frames[2]["data"]["quantity"] == "0.00000000"
        assert frames[3]["data"]["balance"] == (await trader.get("/v1/account/balance"))["balance"]


# -- funding -----------------------------------------------------------------------------------------------------------


async def test_longs_pay_shorts_when_the_interval_ends() -> None:
    async with holding() as (v, trader):
        await v.pin(mark="150", funding_rate="0.000125")
        told = await v.get("/v1/market/funding-rate/SOL-PERP?limit=1")
        assert shape(told) == shape(golden("funding_rate_synthetic")["data"])
        assert (told["funding_rate"], told["predicted_rate"]) == ("0.000125", "0.000125")
        assert (await v.get("/v1/market/ticker/SOL-PERP"))["funding_rate"] == "0.000125"
        before = [await desk.get("/v1/account/balance") for desk in (trader, v.b)]
        await v.pass_time(28_800_000)
        for desk in (trader, v.b):
            await desk.login()
        after = [await desk.get("/v1/account/balance") for desk in (trader, v.b)]
        moved = [Decimal(now["balance"]) - Decimal(then["balance"]) for now, then in zip(after, before, strict=True)]
        assert moved == [Decimal("-0.1875"), Decimal("0.1875")]
        (entry, *_) = (await trader.get("/v1/account/ledger?type=funding_fee"))["items"]
        assert (entry["amount"], entry["symbol"], entry["balance"]) == (
            *("-0.18750000", "SOL-PERP"),
            after[0]["balance"],
        )
        (settled, *_) = (await v.get("/v1/market/funding-rate/SOL-PERP"))["items"]
        assert settled == {
            **{"funding_rate": "0.000125", "mark_price": "150.00000000"},
            **{"funding_time": told["next_funding_time"]},
        }


async def test_past_fundings_are_eight_hours_apart() -> None:
    async with venue() as v:
        page = await v.get("/v1/market/funding-rate/SOL-PERP?limit=100")
        times = [item["funding_time"] for item in page["items"]]
        assert times == [times[0] - number * 28_800_000 for number in range(100)]
        assert page["next_funding_time"] == times[0] + 28_800_000
        assert {item["funding_rate"] for item in page["items"]} == {"0.000100"}


async def test_funding_moves_the_balance_channel() -> None:
    async with holding() as (v, trader), socket(v) as s:
        await s.authenticate(trader)
        await s.subscribe("balance")
        first = await s.next()
        await v.pin(mark="150", funding_rate="0.000125")
        await v.pass_time(28_800_000)
        balance = await s.next()
        assert Decimal(first["data"]["balance"]) - Decimal(balance["data"]["balance"]) == Decimal("0.1875")


async def test_a_pinned_price_is_told_by_ticker_and_funding_channels() -> None:
    async with venue() as v, socket(v) as s:
        await v.pin(funding_rate="0.0001")
        for channel in ("ticker", "funding_rate"):
            await s.subscribe(channel, "SOL-PERP")
            await s.next()
        await v.pin(index="149", mark="148")
        frames = [await s.next() for _ in range(2)]
        assert {frame["channel"] for frame in frames} == {"ticker", "funding_rate"}
        told = {(frame["data"]["index_price"], frame["data"]["mark_price"]) for frame in frames}
        assert told == {("149.00000000", "148.00000000")}


# -- accounts as they are set up ---------------------------------------------------------------------------------------


async def test_an_account_that_starts_with_nothing_has_no_movements() -> None:
    async with venue(replace(STILL, accounts=(AccountConfig("desk-e", {}),))) as v:
        for path in ("ledger", "deposits"):
            assert (await v.desks["desk-e"].get(f"/v1/account/{path}"))["total"] == 0
