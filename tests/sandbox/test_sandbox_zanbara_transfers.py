"""Zanbara's money in and out: withdrawals with their safeguards, deposits, and what the ledger says of both."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.config import ClockKind
from sandbox.zanbara.addresses import address_of, base58, is_address
from tests.sandbox.zanbara_desks import STILL, Desk, Venue, golden, refusal, shape, venue

ADDRESS = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"
WITHDRAWAL = {
    "asset": "USDC",
    "amount": "100.5",
    "network": "solana",
    "address": ADDRESS,
    "verification_code": "000000",
}


def withdrawer(v: Venue) -> Desk:
    """The key of the example user that may withdraw."""
    return v.desks["usr_1001#2"]


async def asked(desk: Desk, **changes: Any) -> Any:
    body = {name: value for name, value in (WITHDRAWAL | changes).items() if value is not None}
    return await desk.call("POST", "/v1/account/withdraw", body, signed=True)


async def test_a_withdrawal_leaves_the_balance_at_once_and_arrives_by_and_by() -> None:
    async with venue() as v:
        desk = withdrawer(v)
        answer = await asked(desk)
        assert answer.status_code == 201
        assert shape(answer.json()) == shape(golden("withdrawal_synthetic"))
        withdrawal = answer.json()["data"]
        assert (withdrawal["amount"], withdrawal["fee"], withdrawal["status"]) == (
            *("100.50000000", "1.00000000"),
            "pending",
        )
        assert (await desk.get("/v1/account/balance"))["balance"] == "9899.50000000"
        assert (await desk.get("/v1/account/withdrawals"))["items"] == [withdrawal]
        told = [withdrawal]
        for _ in range(2):
            await v.pass_time(50_000)
            told += (await desk.get("/v1/account/withdrawals"))["items"]
        assert [item["status"] for item in told] == ["pending", "processing", "completed"]
        assert [item["tx_hash"] is None for item in told] == [True, True, False]
        assert [item["updated_at"] - item["created_at"] for item in told] == [0, 10_000, 60_000]
        (entry, first) = (await desk.get("/v1/account/ledger"))["items"]
        assert (entry["type"], entry["amount"], entry["balance"], entry["reference_id"]) == (
            *("withdrawal", "-100.50000000", "9899.50000000"),
            withdrawal["withdrawal_id"],
        )
        assert (first["type"], first["balance"]) == ("deposit", "10000.00000000")


async def test_the_same_withdrawal_twice_is_two() -> None:
    async with venue() as v:
        ids = {(await asked(withdrawer(v))).json()["data"]["withdrawal_id"] for _ in range(2)}
        assert len(ids) == 2
        assert (await withdrawer(v).get("/v1/account/balance"))["balance"] == "9799.00000000"


REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    *(({name: None}, 400, "MISSING_PARAMETER", name) for name in ("asset", "amount", "network", "address")),
    ({"asset": "SOL"}, 400, "INVALID_PARAMETER", "asset"),
    ({"network": "ethereum"}, 400, "INVALID_PARAMETER", "network"),
    ({"amount": "-1"}, 400, "INVALID_PARAMETER", "amount"),
    ({"amount": "10.000000001"}, 400, "INVALID_PRECISION", "amount"),
    ({"verification_code": None}, 403, "VERIFICATION_REQUIRED", "verification_code"),
    ({"verification_code": "123456"}, 403, "VERIFICATION_REQUIRED", "verification_code"),
    ({"address": ADDRESS[:-1]}, 400, "INVALID_ADDRESS", "address"),
    ({"address": ADDRESS + "l"}, 400, "INVALID_ADDRESS", "address"),
    ({"amount": "9.99999999"}, 400, "WITHDRAWAL_LIMIT_EXCEEDED", "amount"),
    ({"amount": "100000.00000001"}, 400, "WITHDRAWAL_LIMIT_EXCEEDED", "amount"),
    ({"amount": "10000.01"}, 400, "INSUFFICIENT_BALANCE", "amount"),
]


async def test_refused_withdrawals() -> None:
    async with venue() as v:
        for changes, *expected in REFUSED:
            assert refusal(await asked(withdrawer(v), **changes)) == tuple(expected), changes
        assert (await withdrawer(v).get("/v1/account/withdrawals"))["total"] == 0
        assert (await asked(withdrawer(v), amount="10000")).status_code == 201


async def test_a_withdrawal_needs_signature_and_permission_in_this_order() -> None:
    async with venue() as v:
        path = "/v1/account/withdraw"
        for desk in (withdrawer(v), v.desks["usr_1001"]):
            assert refusal(await desk.call("POST", path, WITHDRAWAL)) == (401, "SIGNATURE_REQUIRED", None)
        answer = await asked(v.desks["usr_1001"], amount="1", memo="测试")
        assert refusal(answer) == (403, "PERMISSION_DENIED", None)
        assert answer.json()["error"]["details"] == {"required": "withdraw"}


async def test_no_more_than_the_daily_cap_leaves_in_a_day() -> None:
    async with venue() as v:
        desk, day_ms = withdrawer(v), 86_400_000
        await v.sim("POST", "transfers", {"account": "usr_1001", "asset": "USDC", "amount": "200000"})

        async def next_day() -> None:
            await v.pass_time(day_ms - await v.pass_time(0) % day_ms)
            await desk.login()

        await next_day()
        assert (await asked(desk, amount="99990.01")).status_code == 201
        answer = await asked(desk, amount="10")
        assert refusal(answer) == (400, "WITHDRAWAL_LIMIT_EXCEEDED", "amount")
        assert answer.json()["error"]["details"]["remaining"] == "9.99000000"
        await next_day()
        assert (await asked(desk, amount="10")).status_code == 201


async def test_the_published_withdrawals_are_judged_as_published() -> None:
    """The sixth and seventh vectors are signed by a key that may not withdraw, the eighth by one that may."""
    vectors = {vector["timestamp"]: vector for vector in golden("signing")}
    start_ms = 1_759_795_200_000
    still = replace(STILL, clock=ClockKind.STEPPED, clock_start_ms=start_ms)
    async with venue(still) as v:
        told = []
        for timestamp in (start_ms + 5, start_ms + 6, start_ms + 7):
            vector = vectors[timestamp]
            desk = next(desk for desk in v.desks.values() if desk.api_key == vector["api_key"])
            headers = {
                "Authorization": f"Bearer {desk.token}",
                "Content-Type": "application/json",
                "X-API-Key": vector["api_key"],
                "X-API-Timestamp": str(timestamp),
                "X-API-Signature": vector["signature"],
            }
            answer = await v.http.post(vector["path"], content=vector["body"].encode(), headers=headers)
            told.append(answer.json().get("error", {}).get("code", answer.status_code))
        assert told == ["PERMISSION_DENIED", "PERMISSION_DENIED", 201]


async def test_what_positions_need_to_stay_alive_cannot_be_withdrawn() -> None:
    """A short at ten-fold leverage that has lost: its margin was counted at the entry, its need at the mark."""
    async with venue() as v:
        trader = v.desks["usr_1001"]
        await trader.post("position/set-leverage", symbol="SOL-PERP", leverage=10)
        await v.b.placed(price="150.10", quantity="10")
        await trader.placed(side="sell", price="150.10", quantity="10")
        await v.pin(mark="300.20")
        balance = await trader.get("/v1/account/balance")
        assert balance["available_balance"] == "8348.14950000"
        assert refusal(await asked(withdrawer(v), amount="8348")) == (400, "INSUFFICIENT_MARGIN", "amount")
        assert (await asked(withdrawer(v), amount="8000")).status_code == 201


async def test_deposits_arrive_and_are_listed() -> None:
    async with venue() as v:
        desk = v.desks["usr_1001"]
        before = (await desk.get("/v1/account/deposits"))["items"]
        await v.sim("POST", "transfers", {"account": "usr_1001", "asset": "USDC", "amount": "25.5"})
        answer = (await desk.call("GET", "/v1/account/deposits")).json()
        assert shape(answer) == shape(golden("deposits_synthetic"))
        deposit, *rest = answer["data"]["items"]
        assert (deposit["amount"], deposit["status"], rest) == ("25.50000000", "completed", before)
        (entry, *_) = (await desk.get("/v1/account/ledger?type=deposit"))["items"]
        assert (entry["reference_id"], entry["balance"]) == (deposit["deposit_id"], "10025.50000000")
        assert await desk.get(f"/v1/account/deposits?end_time={deposit['created_at'] - 3_600_000}") == {
            **{"items": [], "total": 0, "page": 1, "limit": 20, "total_pages": 0},
            **{"has_next": False, "has_prev": False},
        }


async def test_every_account_has_a_deposit_address_of_its_own() -> None:
    async with venue() as v:
        mine, yours = [await desk.get("/v1/account/deposit-address") for desk in (v.a, v.b)]
        assert (mine["asset"], mine["network"]) == ("USDC", "solana")
        assert mine["address"] != yours["address"]
        assert is_address(mine["address"])
        assert mine == await v.a.get("/v1/account/deposit-address")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (ADDRESS, True),
        ("1" * 32, True),
        (base58(b"\0" * 3 + b"\xff" * 29), True),
        ("1" * 31, False),
        ("1" * 33, False),
        (base58(b"\xff" * 33), False),
        (ADDRESS.replace("7", "0"), False),
        ("", False),
        (address_of("anybody"), True),
    ],
)
def test_an_address_is_base58_of_32_bytes(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one
