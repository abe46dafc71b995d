"""The ledger on the wire."""

from decimal import Decimal

from msgspec.json import decode, encode

from adapters.models import LedgerKind
from adapters.zanbara import wire
from adapters.zanbara.mapping import normalize_movement
from tests.adapters.zanbara.samples import golden


def test_movements_are_read() -> None:
    rows = golden("ledger_synthetic")["data"]["items"]
    fee, deposit = (normalize_movement(decode(encode(row), type=wire.Movement)) for row in rows)
    assert (fee.kind, fee.amount, fee.balance) == (LedgerKind.TRADING_FEE, Decimal("-0.7525"), Decimal("10011.7475"))
    assert (fee.symbol, fee.reference, fee.time_us) == ("SOL-USDC-PERP", "trd_7", 1_759_800_000_450_000)
    assert (deposit.kind, deposit.symbol, deposit.venue_id) == (LedgerKind.DEPOSIT, None, "led_0000000000000001")


def test_a_kind_we_do_not_know_is_not_taken_for_any_other() -> None:
    row = golden("ledger_synthetic")["data"]["items"][0] | {"type": "tax"}
    assert normalize_movement(decode(encode(row), type=wire.Movement)).kind is LedgerKind.UNKNOWN
