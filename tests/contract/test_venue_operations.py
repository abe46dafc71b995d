"""What every venue does with what is no order: settings of positions, and money that comes and goes."""

import asyncio
import os
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from adapters import errors
from adapters.contract import Positions
from adapters.models import MarginMode, OperationKind, OrderType, Side, Transfer, WithdrawalRequest
from tests.adapters.doubles import SystemClock
from tests.contract.venues import Rig


def positions_of(rig: Rig) -> Positions | None:
    """None where the venue's capabilities say that it has no such settings."""
    assert (rig.rich.positions is not None) is bool(rig.can.operations - {OperationKind.WITHDRAWAL})
    return rig.rich.positions


def write(rig: Rig, *, sent_ms_ago: int = 0) -> dict[str, Any]:
    return {"throttle": rig.throttle, "begin_send": rig.send_time(sent_ms_ago)}


def request(rig: Rig, **changes: Any) -> WithdrawalRequest:
    asset, chain, address, _ = rig.twin.money
    terms: dict[str, Any] = {"asset": asset, "chain": chain, "address": address, "amount": Decimal("20.5")}
    return WithdrawalRequest(**(terms | {"client_id": os.urandom(16).hex()} | changes))


async def withdraw(rig: Rig, asked: WithdrawalRequest, *, sent_ms_ago: int = 0) -> Transfer:
    return await rig.capital.withdraw(asked, rig.twin.money[3], **write(rig, sent_ms_ago=sent_ms_ago))


async def test_settings_of_a_market_are_taken_shown_and_taken_again(rig: Rig) -> None:
    if (settings := positions_of(rig)) is None:
        return
    await settings.set_margin_mode(rig.market, MarginMode.ISOLATED, **write(rig))
    for leverage in (4, 4):
        await settings.set_leverage(rig.market, leverage, **write(rig))
    await rig.place(rig.request(type=OrderType.MARKET))
    try:
        await settings.add_margin(rig.market, Decimal("5.5"), **write(rig))
        (position,) = await rig.data.positions(rig.throttle)
        assert (position.leverage, position.margin_mode) == (Decimal(4), MarginMode.ISOLATED)
        with pytest.raises(errors.DefiniteNo):  # there is a position
            await settings.set_margin_mode(rig.market, MarginMode.CROSS, **write(rig))
    finally:
        await rig.place(rig.request(type=OrderType.MARKET, side=Side.SELL, reduce_only=True))
    await settings.set_margin_mode(rig.market, MarginMode.CROSS, **write(rig))


async def test_a_setting_that_cannot_be_is_a_definite_no(rig: Rig) -> None:
    if (settings := positions_of(rig)) is None:
        return
    with pytest.raises(errors.DefiniteNo):
        await settings.set_leverage(rig.market, 1000, **write(rig))
    with pytest.raises(errors.DefiniteNo):  # there is no position
        await settings.add_margin(rig.market, Decimal(1), **write(rig))
    with pytest.raises(errors.Unauthorized):
        await settings.set_leverage(rig.market, 2, **write(rig, sent_ms_ago=60_000))
    with pytest.raises(errors.NotSupported):
        await settings.add_margin(rig.market, Decimal("0.123456789"), **write(rig))


async def test_a_withdrawal_is_echoed_and_listed(rig: Rig) -> None:
    since_ms = SystemClock().venue_time_ms() - 1_000
    asked = request(rig)
    sent = await withdraw(rig, asked)
    assert (sent.asset, sent.chain, sent.address, sent.amount) == (
        asked.asset,
        asked.chain,
        asked.address,
        asked.amount,
    )
    assert sent.client_id in {None, asked.client_id}
    listed = await listing(rig, since_ms, sent.venue_id)
    assert sent.venue_id in [one.venue_id for one in listed]
    assert await rig.capital.withdrawals(since_ms + 3_600_000, rig.throttle) == []


async def listing(rig: Rig, since_ms: int, venue_id: str) -> Sequence[Transfer]:
    """The withdrawals, once this one shows: lists lag."""
    async with asyncio.timeout(10):
        while True:
            listed = await rig.capital.withdrawals(since_ms, rig.throttle)
            if any(one.venue_id == venue_id for one in listed):
                return listed
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("changes", [{"address": "nowhere"}, {"amount": Decimal("0.001")}, {"amount": Decimal(10**8)}])
async def test_a_withdrawal_that_cannot_be_is_a_definite_no(rig: Rig, changes: dict[str, Any]) -> None:
    with pytest.raises(errors.DefiniteNo):
        await withdraw(rig, request(rig, **changes))


async def test_a_withdrawal_that_comes_too_late_is_a_definite_no(rig: Rig) -> None:
    with pytest.raises(errors.Unauthorized):
        await withdraw(rig, request(rig), sent_ms_ago=60_000)


async def test_a_wrong_second_factor_is_a_definite_no(rig: Rig) -> None:
    with pytest.raises(errors.Unauthorized):
        await rig.capital.withdraw(request(rig), "999999", **write(rig))


async def test_deposits_are_listed_newest_first(rig: Rig) -> None:
    listed = await rig.capital.deposits(0, rig.throttle)
    # Only one of the twins counts what an account began with as a deposit.
    assert {one.asset for one in listed} <= {rig.twin.money[0]}
    times = [one.created_time_us for one in listed]
    assert times == sorted(times, reverse=True)
