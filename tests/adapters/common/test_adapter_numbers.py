from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.numbers import exact, plain, positive

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
