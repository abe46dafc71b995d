"""Withdrawals and deposits on the wire."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.json import decode

from adapters.backpack import wire
from adapters.backpack.capital import encode_withdrawal
from adapters.backpack.mapping import normalize_deposit, normalize_withdrawal
from adapters.backpack.requests import body_params
from adapters.models import TransferStatus, WithdrawalRequest
from tests.adapters.backpack.samples import golden, golden_bytes

ADDRESS = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"


def request(**changes: Any) -> WithdrawalRequest:
    terms: dict[str, Any] = {"asset": "USDC", "chain": "Solana", "address": ADDRESS, "amount": Decimal("12.50")}
    return WithdrawalRequest(**(terms | {"client_id": "wd-1"} | changes))


def test_the_body_is_that_of_the_signing_vector() -> None:
    [vector] = [vector for vector in golden("signing") if vector["id"] == "TV7"]
    assert body_params(encode_withdrawal(request(), "123456")) == vector["params"]


def test_without_a_second_factor_none_is_sent() -> None:
    assert "twoFactorToken" not in body_params(encode_withdrawal(request(), None))


@pytest.mark.parametrize("changes", [{"tag": "7"}, {"amount": Decimal(0)}])
def test_what_the_venue_has_no_words_for_is_not_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"tag|positive"):
        encode_withdrawal(request(**changes), None)


def test_a_withdrawal_and_a_deposit_are_read() -> None:
    withdrawal = normalize_withdrawal(decode(golden_bytes("withdrawal_synthetic"), type=wire.Withdrawal))
    assert (withdrawal.venue_id, withdrawal.client_id, withdrawal.address) == ("880", "wd-1", "9xQe")
    assert (withdrawal.amount, withdrawal.fee, withdrawal.status) == (
        Decimal("12.5"),
        Decimal(1),
        TransferStatus.PENDING,
    )
    assert withdrawal.created_time_us == 1_786_649_233_817_000
    deposit = normalize_deposit(decode(golden_bytes("deposit_synthetic"), type=wire.Deposit))
    assert (deposit.venue_id, deposit.amount, deposit.chain) == ("1201", Decimal(50), "solana")
    assert deposit.status is TransferStatus.DONE


@pytest.mark.parametrize(
    ("word", "status"),
    [("void", TransferStatus.FAILED), ("verifying", TransferStatus.PENDING), ("parked", TransferStatus.UNKNOWN)],
)
def test_the_venues_words_are_told_apart(word: str, status: TransferStatus) -> None:
    row = decode(golden_bytes("withdrawal_synthetic").replace(b"pending", word.encode()), type=wire.Withdrawal)
    assert normalize_withdrawal(row).status is status
