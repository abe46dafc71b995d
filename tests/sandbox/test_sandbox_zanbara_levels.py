"""What Zanbara's accounts may do by their standing: fees, user levels, volatility, suspension, several keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sandbox.config import AccountConfig, KeyConfig
from sandbox.tape import Candle
from sandbox.zanbara.leverage import size_adjustment
from sandbox.zanbara.profiles import fees_for, profiles
from sandbox.zanbara.volatility import HOUR_US, Volatility
from tests.sandbox.zanbara_desks import LIMIT, STILL, Desk, Venue, refusal, venue

CASH = {"USDC": Decimal(1_000_000)}
MAKER = AccountConfig("maker", CASH)


@asynccontextmanager
async def with_account(account: AccountConfig, **options: Any) -> AsyncIterator[tuple[Venue, Desk]]:
    """An empty book, one account like this and a maker."""
    async with venue(replace(STILL, book_levels=0, accounts=(account, MAKER)), **options) as v:
        await v.pin(mark="150")
        yield v, v.desks[account.name]


# -- fees --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "maker", "taker"),
    [
        ("0", "0.0002", "0.0005"),
        ("999.99", "0.0002", "0.0005"),
        ("1000", "0.00018", "0.00045"),
        ("10000", "0.00016", "0.0004"),
        ("50000", "0.00014", "0.00035"),
        ("100000", "0.00012", "0.0003"),
        ("500000", "0.0001", "0.00025"),
    ],
)
def test_holding_zanb_lowers_fees(held: str, maker: str, taker: str) -> None:
    fees = fees_for(Decimal(held))
    told = [fees.rate(is_perp=True, is_maker=is_maker) for is_maker in (True, False)]
    assert told == [Decimal(maker), Decimal(taker)]


async def test_discounted_fees_are_charged_and_reserved() -> None:
    async with with_account(AccountConfig("holder", CASH, zanb_held=Decimal(500_000))) as (v, holder):
        await v.desks["maker"].placed(side="sell", price="150.50", quantity="10")
        order = await holder.placed(price="150.50", quantity="20")
        assert order["fee"] == "0.37625000"  # half of 0.7525
        assert (await holder.get("/v1/account/balance"))["order_margin"] == "1505.37625000"


# -- user levels -------------------------------------------------------------------------------------------------------

DYNAMIC = {"dynamic_leverage": True}


@pytest.mark.parametrize(
    ("level", "most"), [("newbie", 3), ("junior", 5), ("intermediate", 10), ("senior", 15), ("professional", 20)]
)
async def test_a_level_limits_leverage(level: str, most: int) -> None:
    async with with_account(AccountConfig("user", CASH, user_level=level), **DYNAMIC) as (_, user):
        info = await user.get("/v1/account/info")
        assert (info["user_level"], info["max_leverage"]) == (level, most)
        answer = await user.call("POST", "/v1/position/set-leverage", {"symbol": "ETH-PERP", "leverage": most + 1})
        assert refusal(answer) == (400, "LEVERAGE_EXCEEDED", "leverage")
        assert answer.json()["error"]["details"] == {"max_leverage": most}
        told = await user.post("position/set-leverage", symbol="ETH-PERP", leverage=most)
        assert told["max_leverage"] == most
        sol = await user.call("POST", "/v1/position/set-leverage", {"symbol": "SOL-PERP", "leverage": 11})
        assert refusal(sol) == (400, "LEVERAGE_EXCEEDED", "leverage")  # the pair's own maximum holds, too


async def test_without_dynamic_leverage_only_the_pair_limits() -> None:
    async with with_account(AccountConfig("user", CASH, user_level="newbie")) as (_, user):
        await user.post("position/set-leverage", symbol="SOL-PERP", leverage=10)
        assert (await user.place(price="150", quantity="100")).status_code == 201


def test_an_unknown_level_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="wizard"):
        profiles([AccountConfig("user", {}, user_level="wizard")])


@pytest.mark.parametrize(
    ("worth", "taken"),
    [("10000", 0), ("10000.01", 2), ("50000", 2), ("60000", 4), ("100000", 4), ("100000.01", 5)],
)
def test_large_positions_take_leverage(worth: str, taken: int) -> None:
    assert size_adjustment(Decimal(worth)) == taken


async def test_a_position_has_no_room_beyond_its_levels_cap() -> None:
    async with with_account(AccountConfig("user", CASH, user_level="junior"), **DYNAMIC) as (_, user):
        assert (await user.place(price="150", quantity="100")).status_code == 201
        refused = await user.place(price="150", quantity="33.34")
        assert refusal(refused) == (400, "POSITION_LIMIT_EXCEEDED", "quantity")
        assert (await user.place(price="150", quantity="33.33")).status_code == 201
        assert (await user.place(side="sell", price="160", quantity="100")).status_code == 201


async def test_leverage_must_fit_the_position_an_order_leads_to() -> None:
    async with with_account(AccountConfig("user", CASH), **DYNAMIC) as (_, user):
        await user.post("position/set-leverage", symbol="SOL-PERP", leverage=10)
        assert (await user.place(price="150", quantity="66.66")).status_code == 201  # 9999
        answer = await user.place(price="150", quantity="1")
        assert refusal(answer) == (400, "LEVERAGE_EXCEEDED", "leverage")
        assert answer.json()["error"]["details"] == {"max_leverage": 8}


async def test_leverage_of_a_large_position_is_limited_and_reducing_it_is_not() -> None:
    async with with_account(AccountConfig("user", CASH), **DYNAMIC) as (v, user):
        for quantity in ("100", "100"):
            await v.desks["maker"].placed(side="sell", price="150", quantity=quantity)
            await user.placed(price="150", quantity=quantity)
        await v.pin(mark="300")  # the position is worth 60,000 now, more than the cap
        told = await user.refused("position/set-leverage", symbol="SOL-PERP", leverage=7)
        assert told == (400, "LEVERAGE_EXCEEDED", "leverage")
        assert (await user.post("position/set-leverage", symbol="SOL-PERP", leverage=6))["max_leverage"] == 6
        assert refusal(await user.place(price="150", quantity="0.01"))[1] == "POSITION_LIMIT_EXCEEDED"
        reducing = await user.place(side="sell", price="150", quantity="50", reduce_only=True)
        assert reducing.status_code == 201


# -- volatility --------------------------------------------------------------------------------------------------------


def hour(low: str, high: str) -> Candle:
    return Candle(0, Decimal(low), Decimal(high), Decimal(low), Decimal(high))


@pytest.mark.parametrize(
    ("high", "cut", "hours"),
    [("103", "0", 1), ("103.01", "0.2", 1), ("105", "0.2", 1), ("105.01", "0.4", 2), ("110", "0.4", 2),
     ("110.01", "0.6", 6)],
)  # fmt: skip
def test_a_restless_hour_cuts_leverage_for_hours(high: str, cut: str, hours: int) -> None:
    hours_seen = {0: hour("100", high)}
    volatility = Volatility(lambda symbol, now_us: hours_seen.get(now_us))
    assert volatility.cut("SOL-PERP", 0) == Decimal(cut)
    assert volatility.cut("SOL-PERP", hours * HOUR_US - 1) == Decimal(cut)
    assert not volatility.cut("SOL-PERP", hours * HOUR_US)


def test_a_great_storm_leaves_a_lesser_cut_behind_only_while_that_lasts() -> None:
    seen = {0: hour("100", "112"), 5 * HOUR_US: hour("100", "104")}
    volatility = Volatility(lambda symbol, now_us: seen.get(now_us))
    cuts = [volatility.cut("SOL-PERP", number * HOUR_US // 2) for number in (0, 10, 11, 12, 13)]
    assert cuts == [Decimal("0.6"), Decimal("0.6"), Decimal("0.6"), Decimal(0), Decimal(0)]


async def test_volatility_cuts_what_may_be_set() -> None:
    async with with_account(AccountConfig("user", CASH), **DYNAMIC) as (v, user):
        await v.pass_time(1000)
        await v.pin(mark="156.1")  # four per cent
        await v.pass_time(1000)
        assert await user.refused("position/set-leverage", symbol="SOL-PERP", leverage=9) == (
            *(400, "LEVERAGE_EXCEEDED"),
            "leverage",
        )
        assert (await user.post("position/set-leverage", symbol="SOL-PERP", leverage=8))["max_leverage"] == 8


# -- suspension --------------------------------------------------------------------------------------------------------


async def test_a_frozen_account_may_read_and_cancel_and_nothing_else() -> None:
    frozen = AccountConfig("user", CASH, is_frozen=True, scopes=("trade", "withdraw"))
    async with with_account(frozen) as (_, user):
        assert (await user.get("/v1/account/info"))["status"] == "frozen"
        for path in (
            *("order/place", "order/place-batch", "order/amend", "position/close", "position/close-all"),
            *("position/set-leverage", "position/set-margin-mode", "position/add-margin"),
        ):
            assert await user.refused(path, **LIMIT) == (403, "ACCOUNT_FROZEN", None), path
        withdrawal = await user.call("POST", "/v1/account/withdraw", {}, signed=True)
        assert refusal(withdrawal) == (403, "ACCOUNT_FROZEN", None)
        assert (await user.post("order/cancel-all"))["count"] == 0
        assert await user.refused("order/cancel", order_id="ord_0000000000000001") == (404, "ORDER_NOT_FOUND", None)


# -- keys --------------------------------------------------------------------------------------------------------------


async def test_an_account_may_have_several_keys_with_rights_and_places_of_their_own() -> None:
    keys = (
        KeyConfig("reader", ("read",)),
        KeyConfig("away", ip_whitelist=("203.0.113.0/24",)),
        KeyConfig("none", ()),
    )
    account = AccountConfig("user", CASH, keys=keys)
    async with venue(replace(STILL, accounts=(account,)), environment="production") as v:
        listed = (await v.sim("GET", "accounts"))["accounts"][0]
        assert [(key["name"], key["scopes"]) for key in listed["keys"]] == [
            ("user", ["read", "trade"]),
            ("user#reader", ["read"]),
            ("user#away", ["read", "trade"]),
            ("user#none", []),
        ]
        own, reader, away, nothing = [v.desks[name] for name in ("user", "user#2", "user#3", "user#4")]
        for desk in (own, reader, nothing):
            await desk.login()
        order = await own.placed()
        assert (await reader.get("/v1/order/list"))["items"] == [order]
        assert refusal(await reader.place()) == (403, "PERMISSION_DENIED", None)
        assert refusal(await nothing.call("GET", "/v1/order/list")) == (403, "PERMISSION_DENIED", None)
        body = {"api_key": away.api_key, "api_secret": away.api_secret}
        assert refusal(await v.http.post("/v1/auth/token", json=body)) == (403, "IP_NOT_WHITELISTED", None)
        callers = (await v.sim("GET", "ledger/limits"))["callers"]
        assert {"user", "user#reader", "user#none"} <= callers.keys()  # each is counted by itself
