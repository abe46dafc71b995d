import pytest

from adapters.backpack import limits
from adapters.contract import Call, CallKind, LimitRule, LimitScope

CALLS = [value for value in vars(limits).values() if isinstance(value, Call)]


def test_every_call_has_a_price_and_every_price_debits_rules_that_exist() -> None:
    venue_limits = limits.limits_with({})
    names = {rule.name for rule in venue_limits.rules}
    assert {call.cost_class for call in CALLS} == set(venue_limits.debits)
    assert {name for debits in venue_limits.debits.values() for name, _ in debits} == names
    assert len({call.name for call in CALLS}) == len(CALLS) == 19


def test_public_calls_are_charged_to_the_address_and_signed_ones_to_the_account() -> None:
    venue_limits = limits.limits_with({})
    scopes = {rule.name: rule.scope for rule in venue_limits.rules}
    for call in CALLS:
        expected = LimitScope.IP if call.kind is CallKind.MARKET_READ else LimitScope.ACCOUNT
        assert {scopes[name] for name, _ in venue_limits.debits[call.cost_class]} == {expected}


def test_overrides() -> None:
    rules = limits.limits_with({"account": (10, 1000)}).rules
    assert rules[0] == LimitRule("account", LimitScope.ACCOUNT, 10, 1000)
    assert rules[1] == LimitRule("account_historical", LimitScope.ACCOUNT, 30, 60_000)


@pytest.mark.parametrize(("overrides", "name"), [({"orders": (1, 1)}, "orders"), ({"ip": (0, 1)}, "ip")])
def test_overrides_that_cannot_be_right(overrides: dict[str, tuple[int, int]], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        limits.limits_with(overrides)
