import pytest

from adapters.backpack.numbers import microseconds, symbol_of, venue_symbol_of


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
