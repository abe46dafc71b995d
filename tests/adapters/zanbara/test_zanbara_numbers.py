import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.zanbara.numbers import amount, is_symbol, symbol_of, venue_symbol_of


@pytest.mark.parametrize(("theirs", "ours"), [("SOL-PERP", "SOL-USDC-PERP"), ("1000BONK-PERP", "1000BONK-USDC-PERP")])
def test_symbols_both_ways(theirs: str, ours: str) -> None:
    assert symbol_of(theirs) == ours
    assert venue_symbol_of(symbol_of(theirs)) == theirs


@pytest.mark.parametrize("name", ["SOL", "SOL-USDC-PERP", "-PERP", "sol-PERP", "../SOL-PERP", "SOL-PERP\n"])
def test_what_is_no_name_of_a_market(name: str) -> None:
    assert not is_symbol(name)
    with pytest.raises(ValueError, match="name of a market"):
        symbol_of(name)


@given(st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 17, places=8))
def test_an_amount_keeps_its_value_in_the_venues_grammar(value: Decimal) -> None:
    text = amount(value)
    assert Decimal(text) == value
    assert re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,8})?", text)


@pytest.mark.parametrize(
    ("value", "text"), [("1E+2", "100"), ("1E-8", "0.00000001"), ("150.50000000", "150.5"), ("10", "10")]
)
def test_amounts(value: str, text: str) -> None:
    assert amount(Decimal(value)) == text


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "0.000000001", "1E+18", "1E+999999"])
def test_what_the_venue_would_have_to_round_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"positive|sane|decimals"):
        amount(Decimal(value))
