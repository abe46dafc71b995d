from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.backpack.numbers import exact, microseconds, plain, positive, symbol_of, venue_symbol_of

ORDINARY = st.decimals(min_value=0, max_value=Decimal(10) ** 18, allow_nan=False, allow_infinity=False)


@given(ORDINARY)
def test_plain_notation_keeps_the_value_and_is_plain(value: Decimal) -> None:
    value = value if abs(value.adjusted()) <= 40 else Decimal(0)
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+2", "100"), ("1E-8", "0.00000001"), ("1.50", "1.5"), ("100", "100"), ("0.0", "0"), ("10.00", "10")],
)
def test_plain_notation(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "sNaN"])
def test_what_is_no_sane_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="sane"):
        exact(Decimal(value))


def test_a_price_is_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        positive(Decimal(0))


@pytest.mark.parametrize(
    ("theirs", "ours"), [("SOL_USDC", "SOL-USDC"), ("SOL_USDC_PERP", "SOL-USDC-PERP"), ("kBONK_USDC", "kBONK-USDC")]
)
def test_symbols_both_ways(theirs: str, ours: str) -> None:
    assert symbol_of(theirs) == ours
    assert venue_symbol_of(symbol_of(theirs)) == theirs


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_788_332_789_109, 1_788_332_789_109_000),
        ("2026-09-01T17:54:04.094", 1_788_285_244_094_000),
        ("2026-09-01T17:54:04.094123", 1_788_285_244_094_123),
        ("2026-09-01T17:54:04", 1_788_285_244_000_000),
        ("2026-09-01T17:54:04Z", 1_788_285_244_000_000),
    ],
)
def test_times(value: int | str, expected: int) -> None:
    assert microseconds(value) == expected
