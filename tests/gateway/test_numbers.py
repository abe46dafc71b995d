"""Decimals: one grammar in, plain notation out, exact in between."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.numbers import EXACT, neighbours, on_grid, parse_decimal, plain

grammatical = st.from_regex(r"\A(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?\Z")
steps = st.builds(lambda number, places: Decimal(number).scaleb(-places), st.integers(1, 10**6), st.integers(0, 18))
values = grammatical.map(Decimal)


@given(grammatical)
def test_a_number_survives_the_way_in_and_out(text: str) -> None:
    value = parse_decimal(text)
    assert parse_decimal(plain(value)) == value == Decimal(text)


@given(grammatical)
def test_plain_notation_is_the_shortest_and_in_the_grammar(text: str) -> None:
    shown = plain(parse_decimal(text))
    assert re.fullmatch(r"(0|[1-9][0-9]{0,17})(\.[0-9]*[1-9])?", shown)
    assert len(shown) <= len(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18))
@example(Decimal("1E-8"))
@example(Decimal("1E+5"))
@example(Decimal("-0"))
@example(Decimal("-0.000"))
def test_plain_notation_never_has_an_exponent_and_keeps_the_value(value: Decimal) -> None:
    shown = plain(value)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]*[1-9])?", shown)
    assert Decimal(shown) == value
    assert shown != "-0"


@given(st.text(max_size=45))
@example("1" * 5_000)
@example("0." + "0" * 19)
@example("1\n")
@example("\u0661")
@example("\uff11")
def test_nothing_but_the_grammar_is_a_number(text: str) -> None:
    if re.fullmatch(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", text, re.ASCII) and not text.endswith("\n"):
        assert parse_decimal(text) == Decimal(text)
    else:
        with pytest.raises(ValueError, match="decimal string"):
            parse_decimal(text)


@pytest.mark.parametrize("value", [1, 1.5, True, None, Decimal(1), b"1", ["1"]])
def test_nothing_but_text_is_a_number(value: object) -> None:
    with pytest.raises(ValueError, match="decimal string"):
        parse_decimal(value)


@given(values, steps)
def test_neighbours_are_on_the_grid_and_around_the_value(value: Decimal, step: Decimal) -> None:
    below, above = neighbours(value, step)
    assert on_grid(below, step)
    assert on_grid(above, step)
    assert below <= value < above
    assert EXACT.subtract(above, below) == step
    assert on_grid(value, step) is (below == value)


@given(st.integers(0, 10**12), steps)
def test_every_multiple_is_on_the_grid(count: int, step: Decimal) -> None:
    assert on_grid(EXACT.multiply(Decimal(count), step), step)


@given(values, values)
def test_a_product_is_exact(one: Decimal, two: Decimal) -> None:
    scaled = int(EXACT.scaleb(one, 18)), int(EXACT.scaleb(two, 18))
    assert int(EXACT.scaleb(EXACT.multiply(one, two), 36)) == scaled[0] * scaled[1]
