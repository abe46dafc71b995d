import pytest

from adapters.contract import Call, CallKind, LimitRule, LimitScope
from adapters.zanbara import limits

CALLS = [value for value in vars(limits).values() if isinstance(value, Call)]


def test_every_call_has_a_price_and_every_price_debits_rules_that_exist() -> None:
    venue_limits = limits.limits_of("production", {})
    names = {rule.name for rule in venue_limits.rules}
    assert {call.cost_class for call in CALLS} <= set(venue_limits.debits)
    assert {name for debits in venue_limits.debits.values() for name, _ in debits} == names
    assert len({call.name for call in CALLS}) == len(CALLS) == 25


def test_the_documented_table() -> None:
    rules = {rule.name: (rule.scope, rule.limit) for rule in limits.limits_of("production", {}).rules}
    ip, account = LimitScope.IP, LimitScope.ACCOUNT
    assert rules == {
        "ip_market_data": (ip, 60),
        "ip_system": (ip, 20),
        "ip_query": (ip, 120),
        "account_query": (account, 600),
        "ip_trade": (ip, 30),
        "account_trade": (account, 120),
        "ip_batch": (ip, 10),
        "account_batch": (account, 30),
    }


def test_public_calls_are_counted_by_address_and_private_ones_by_key_as_well() -> None:
    venue_limits = limits.limits_of("production", {})
    scopes = {rule.name: rule.scope for rule in venue_limits.rules}
    public = {call for call in CALLS if call.kind is CallKind.MARKET_READ} | {limits.LOG_IN}
    for call in CALLS:
        expected = [LimitScope.IP] if call in public else [LimitScope.IP, LimitScope.ACCOUNT]
        assert [scopes[name] for name, _ in venue_limits.debits[call.cost_class]] == expected


def test_the_test_network_counts_nothing() -> None:
    venue_limits = limits.limits_of("testnet", {})
    assert venue_limits.rules == ()
    assert {venue_limits.debits[call.cost_class] for call in CALLS} == {()}


def test_overrides() -> None:
    rules = limits.limits_of("production", {"ip_trade": (60, 60_000)}).rules
    assert LimitRule("ip_trade", LimitScope.IP, 60, 60_000) in rules
    assert LimitRule("account_trade", LimitScope.ACCOUNT, 120, 60_000) in rules


@pytest.mark.parametrize(
    ("environment", "overrides", "name"),
    [
        ("production", {"orders": (1, 1)}, "orders"),
        ("production", {"ip_trade": (0, 1)}, "ip_trade"),
        ("testnet", {"ip_trade": (1, 1)}, "ip_trade"),
    ],
)
def test_overrides_that_cannot_be_right(environment: str, overrides: dict[str, tuple[int, int]], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        limits.limits_of(environment, overrides)


@pytest.mark.parametrize(
    ("level", "query", "trade", "batch"), [(1, 2, 2, 2), (2, 5, 3, 3), (3, 10, 5, 5), (4, 20, 10, 10)]
)
def test_a_vip_level_multiplies_the_private_limits_alone(level: int, query: int, trade: int, batch: int) -> None:
    tier = limits.limits_of("production", {}).tiers[level - 1]
    times = {"query": query, "trade": trade, "batch": batch}
    assert tier == {f"{scope}_{kind}": by for scope in ("ip", "account") for kind, by in times.items()}


@pytest.mark.parametrize("environment", ["production", "testnet"])
def test_a_plan_may_name_every_call_there_is(environment: str) -> None:
    venue_limits = limits.limits_of(environment, {})
    assert set(venue_limits.calls) == set(CALLS)
    assert {call.cost_class for call in CALLS} <= venue_limits.debits.keys()
