"""Backpack's deposits and withdrawals: who may withdraw where, what it costs, what the lists show."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.backpack.calls import WITHDRAWAL
from sandbox.config import AMPLE, AccountConfig, LimitConfig, SandboxConfig
from tests.sandbox.backpack_desks import refused
from tests.sandbox.backpack_schema.in_process import Exchange, InProcess

HOME = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
CONFIG = SandboxConfig(
    makers=False,
    accounts=(
        AccountConfig("desk-a", AMPLE, scopes=("read", "trade", "withdraw"), address_book=(HOME,)),
        AccountConfig("desk-b", AMPLE),
    ),
)
REQUEST = {"address": HOME, "blockchain": "Solana", "quantity": "12.5", "symbol": "USDC"}


def withdraw(venue: InProcess, desk: str = "desk-a", **change: Any) -> Exchange:
    body = {name: value for name, value in (REQUEST | change).items() if value is not None}
    return venue.call("POST", "/wapi/v1/capital/withdrawals", body, desk=desk)


def pay_in(venue: InProcess, amount: str, asset: str = "USDC") -> None:
    simulation = venue.world.simulation
    account = simulation.engine.accounts["desk-a"]
    simulation.transfer(account, asset, Decimal(amount), venue.clock.now_us())


def available(venue: InProcess) -> str:
    amount: str = venue.call("GET", "/api/v1/capital").json["USDC"]["available"]
    return amount


def deposits(venue: InProcess, **asked: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = venue.call("GET", "/wapi/v1/capital/deposits", asked).json
    return rows


def withdrawals(venue: InProcess, **asked: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = venue.call("GET", "/wapi/v1/capital/withdrawals", asked).json
    return rows


def test_money_leaves_at_once_and_is_confirmed_later() -> None:
    venue = InProcess(CONFIG)
    row = withdraw(venue, clientId="wd-1").json
    assert (row["status"], row["fee"], row["clientId"], row["transactionHash"]) == ("pending", "1", "wd-1", None)
    assert available(venue) == "999987.5"
    assert withdrawals(venue) == [row]
    venue.pass_time(5000)
    (confirmed,) = withdrawals(venue)
    assert confirmed["status"] == "confirmed"
    assert confirmed | {"status": "pending", "transactionHash": None} == row


def test_a_client_id_may_be_a_number() -> None:
    assert withdraw(InProcess(CONFIG), clientId=17).json["clientId"] == "17"


def test_withdrawals_are_found_by_id_client_id_and_time() -> None:
    venue = InProcess(CONFIG)
    first = withdraw(venue, clientId="a").json
    at_ms = venue.clock.now_us() // 1000
    venue.pass_time(1000)
    second = withdraw(venue, clientId="b").json
    assert [row["id"] for row in withdrawals(venue)] == [second["id"], first["id"]]
    assert withdrawals(venue, clientId="a") == [first]
    assert withdrawals(venue, id=second["id"]) == [second]
    assert withdrawals(venue, **{"from": at_ms + 500}) == [second]
    assert withdrawals(venue, to=at_ms + 500) == [first]
    assert withdrawals(venue, limit=1, offset=1) == [first]


FORBIDDEN = (403, "FORBIDDEN")


def test_only_addresses_of_the_book_are_served() -> None:
    venue = InProcess(CONFIG)
    assert refused(withdraw(venue, address="somewhere else"))[:2] == FORBIDDEN
    assert available(venue) == "1000000"


def test_a_key_that_may_not_withdraw_is_refused() -> None:
    assert refused(withdraw(InProcess(CONFIG), "desk-b"))[:2] == FORBIDDEN


def test_a_wrong_second_factor_is_refused_and_a_right_one_opens_no_address() -> None:
    venue = InProcess(CONFIG)
    wrong = (400, "INVALID_TWO_FACTOR_CODE", "Invalid two factor code")
    assert refused(withdraw(venue, twoFactorToken="123456")) == wrong
    assert refused(venue.call("POST", "/wapi/v1/user/2fa", {"app": "654321"})) == wrong
    token = venue.call("POST", "/wapi/v1/user/2fa", {"app": "123456"}).json["signature"]
    assert withdraw(venue, twoFactorToken=token).status == 200
    assert refused(withdraw(venue, twoFactorToken=token)) == wrong
    token = venue.call("POST", "/wapi/v1/user/2fa", {"email": "123456"}).json["signature"]
    assert refused(withdraw(venue, address="somewhere else", twoFactorToken=token))[:2] == FORBIDDEN


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "1.9"}, "INVALID_QUANTITY"),
        ({"quantity": "2.0000001"}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": "1000001"}, "INSUFFICIENT_FUNDS"),
        ({"symbol": "XYZ"}, "INVALID_ASSET"),
        ({"symbol": "BTC"}, "INVALID_ASSET"),
        ({"blockchain": "Saturn"}, "INVALID_CLIENT_REQUEST"),
        ({"address": None}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": None}, "INVALID_CLIENT_REQUEST"),
        ({"clientId": "x" * 256}, "INVALID_CLIENT_REQUEST"),
        ({"clientId": True}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_what_cannot_be_withdrawn(change: dict[str, Any], code: str) -> None:
    venue = InProcess(CONFIG)
    assert refused(withdraw(venue, **change))[:2] == (400, code)
    assert withdrawals(venue) == []


def test_withdrawal_requests_have_a_limit_of_their_own() -> None:
    limits = LimitConfig(limits={WITHDRAWAL: 2})
    venue = InProcess(SandboxConfig(makers=False, accounts=CONFIG.accounts, limits=limits))
    assert [withdraw(venue).status for _ in range(3)] == [200, 200, 429]
    assert len(withdrawals(venue)) == 2


def test_what_is_paid_in_is_a_deposit_and_what_is_withdrawn_is_not() -> None:
    venue = InProcess(CONFIG)
    pay_in(venue, "50")
    withdraw(venue)
    (row,) = deposits(venue)
    address = venue.call("GET", "/wapi/v1/capital/deposit/address", {"blockchain": "Solana"}).json["address"]
    assert (row["quantity"], row["symbol"], row["source"], row["status"]) == ("50", "USDC", "solana", "confirmed")
    assert row["toAddress"] == address
    assert row["createdAt"] == "2026-09-02T16:45:19.594"
    assert deposits(venue, excludePlatform="true", endTime=1) == [row]


def test_deposits_come_in_pages_and_by_time() -> None:
    venue = InProcess(CONFIG)
    for amount in ("1", "2", "3"):
        pay_in(venue, amount)
        venue.pass_time(1000)
    page = venue.call("GET", "/wapi/v1/capital/deposits", {"limit": 2})
    assert [row["quantity"] for row in page.json] == ["3", "2"]
    headers = dict(page.response.headers)
    assert (headers["X-Total"], headers["Cache-Control"]) == ("3", "no-store")
    first_ms = venue.clock.now_us() // 1000 - 3000
    assert [row["quantity"] for row in deposits(venue, to=first_ms + 500)] == ["1"]


def test_there_is_an_address_only_where_an_asset_lives() -> None:
    venue = InProcess(CONFIG)
    path = "/wapi/v1/capital/deposit/address"
    addresses = {
        chain: venue.call("GET", path, {"blockchain": chain}).json["address"]
        for chain in ("Solana", "Bitcoin", "Ethereum")
    }
    assert len(set(addresses.values())) == 3
    assert venue.call("GET", path, {"blockchain": "Solana"}).json["address"] == addresses["Solana"]
    assert venue.call("GET", path, {"blockchain": "Tron"}).status == 409
    assert venue.call("GET", path, {"blockchain": "Saturn"}).status == 400
    assert venue.call("GET", path).status == 400
