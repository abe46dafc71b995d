"""The ledger on the wire, and a list that grows while it is read."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import decode

from adapters.backpack import wire
from adapters.backpack.history import Place, Row
from adapters.backpack.mapping import normalize_settlement
from adapters.models import LedgerEntry, LedgerKind
from tests.adapters.backpack.samples import golden_bytes


def test_movements_are_read() -> None:
    funding, profit, fee = map(
        normalize_settlement, decode(golden_bytes("settlements_synthetic"), type=list[wire.Settlement])
    )
    assert (funding.kind, funding.amount, funding.asset) == (LedgerKind.FUNDING_FEE, Decimal("-0.15"), "USDC")
    assert (profit.kind, profit.venue_id, profit.reference) == (LedgerKind.REALIZED_PNL, "4101", "12")
    assert (fee.kind, fee.amount, fee.venue_id) == (LedgerKind.TRADING_FEE, Decimal("-0.0735"), "4101")
    assert profit.time_us == fee.time_us == 1_786_649_233_817_000


def test_a_kind_we_do_not_know_is_not_taken_for_any_other() -> None:
    text = golden_bytes("settlements_synthetic").replace(b"FundingPayment", b"SystemLiabilityTransfer")
    assert normalize_settlement(decode(text, type=list[wire.Settlement])[0]).kind is LedgerKind.UNKNOWN


@given(st.lists(st.integers(1, 8), min_size=1, max_size=30), st.data())
def test_nothing_is_repeated_or_skipped_while_the_list_grows(sequences: list[int], data: st.DataObject) -> None:
    """Rows of one event share its number, and new ones come before all others."""
    rows = [row(sequence, number) for number, sequence in enumerate(sorted(sequences, reverse=True))]
    place, read = Place(), list[Row]()
    while True:
        place = Place.parse(str(place)) if read else place
        unread = list(place.unread(rows[place.offset :]))
        if not unread:
            break
        for index, one in unread[: data.draw(st.integers(1, 4))]:
            place = place.past(index, one[0])
            read.append(one)
        rows = [row(100 + len(rows), 1_000 + len(rows) + more) for more in range(data.draw(st.integers(0, 2)))] + rows
    assert [one[1].reference for one in read] == [str(number) for number in range(len(sequences))]


def row(sequence: int, number: int) -> Row:
    entry = LedgerEntry(str(sequence), LedgerKind.TRADING_FEE, "USDC", Decimal(-1), 0, reference=str(number))
    return sequence, entry


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.x", "-1.2.3", "1.2.3.4"])
def test_a_cursor_that_never_was_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        Place.parse(text)
