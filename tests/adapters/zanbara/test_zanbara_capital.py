"""Withdrawals and deposits on the wire."""

from decimal import Decimal

import pytest
from msgspec.json import decode, encode

from adapters.models import TransferStatus, WithdrawalRequest
from adapters.zanbara import wire
from adapters.zanbara.capital import encode_withdrawal
from adapters.zanbara.mapping import normalize_deposit, normalize_withdrawal
from tests.adapters.zanbara.samples import golden

ADDRESS = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"


def request(amount: str, tag: str | None = None) -> WithdrawalRequest:
    return WithdrawalRequest("USDC", "solana", ADDRESS, Decimal(amount), "ours", tag)


def test_the_bodies_are_those_of_the_signing_vectors() -> None:
    bodies = {vector["id"]: vector["body"] for vector in golden("signing")}
    assert encode_withdrawal(request("100.50"), "000000").decode() == bodies["V6"]
    assert encode_withdrawal(request("1", "测试"), "000000").decode() == bodies["V7"]


def test_without_a_second_factor_none_is_sent() -> None:
    assert b"verification_code" not in encode_withdrawal(request("1"), None)


def test_an_amount_the_venue_has_no_digits_for_is_not_sent() -> None:
    with pytest.raises(ValueError, match="8 decimals"):
        encode_withdrawal(request("0.123456789"), None)


def test_a_withdrawal_and_a_deposit_are_read() -> None:
    row = decode(decode_data("withdrawal_synthetic"), type=wire.Withdrawal)
    withdrawal = normalize_withdrawal(row)
    assert (withdrawal.venue_id, withdrawal.amount, withdrawal.fee) == (
        "wdr_0000000000000001",
        Decimal("100.5"),
        Decimal(1),
    )
    assert (withdrawal.chain, withdrawal.address, withdrawal.client_id) == ("solana", ADDRESS, None)
    assert (withdrawal.status, withdrawal.created_time_us) == (TransferStatus.PENDING, 1_759_800_000_000_000)
    deposit = normalize_deposit(decode(decode_item("deposits_synthetic"), type=wire.Deposit))
    assert (deposit.venue_id, deposit.amount) == ("dep_0000000000000001", Decimal("25.5"))
    assert deposit.status is TransferStatus.DONE


def test_a_word_we_do_not_know_is_not_taken_for_any_other() -> None:
    row = decode(decode_data("withdrawal_synthetic").replace(b"pending", b"parked"), type=wire.Withdrawal)
    assert normalize_withdrawal(row).status is TransferStatus.UNKNOWN


def decode_data(name: str) -> bytes:
    return encode(golden(name)["data"])


def decode_item(name: str) -> bytes:
    return encode(golden(name)["data"]["items"][0])
