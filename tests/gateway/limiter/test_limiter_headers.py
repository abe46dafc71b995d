import pytest

from adapters.contract import LimitHeaders, LimitRule, Limits, LimitScope
from adapters.models import AccountName, VenueName
from gateway.limiter.headers import latest, read
from gateway.limiter.rules import Rulebook
from gateway.limiter.settings import LimiterSettings
from gateway.limiter.venue_view import Seen

NAMES = LimitHeaders("x-limit", "x-remaining", "x-reset")
NOW_MS = 1_790_000_000_500


def rules(ip: int, key: int) -> tuple[LimitRule, ...]:
    return LimitRule("ip", LimitScope.IP, ip, 60_000), LimitRule("key", LimitScope.ACCOUNT, key, 60_000)


def said(limit: str = "120", remaining: str = "117", reset: str = "1790000030", *, ip: int = 30) -> object:
    limits = Limits(rules(ip, 120), {"trade": (("ip", 1), ("key", 2))})
    route = Rulebook(VenueName("v"), limits, LimiterSettings()).route("trade", AccountName("a"), "default")
    told = {"x-limit": limit, "x-remaining": remaining, "x-reset": reset}
    return read(told, NAMES, route.rules, route.units, NOW_MS)


def test_the_limit_tells_which_rule_is_meant() -> None:
    assert said() == (None, Seen(120, 3, 1_790_000_030, 29_500_000, 2))
    assert said("30", "30") == (Seen(30, 0, 1_790_000_030, 29_500_000, 1), None)


def test_a_limit_that_is_no_rules_or_two_rules_tells_nothing() -> None:
    assert said("60") is None
    assert said(ip=120) is None


@pytest.mark.parametrize("value", ["", "-1", "1e3", "１２", "9" * 40, "NaN"])
def test_headers_that_are_no_numbers_tell_nothing(value: str) -> None:
    assert said(limit=value) is said(remaining=value) is said(reset=value) is None


def test_a_window_never_lasts_longer_than_a_period_nor_ends_in_the_past() -> None:
    assert said(reset="1890000000") == (None, Seen(120, 3, 1_890_000_000, 60_000_000, 2))
    assert said(reset="1690000000") == (None, Seen(120, 3, 1_690_000_000, 0, 2))


def test_of_two_answers_the_later_window_counts_and_within_one_the_larger_use() -> None:
    early, late, later = Seen(9, 7, 1, 50, 1), Seen(9, 2, 2, 40, 1), Seen(9, 1, 2, 30, 3)
    assert latest((early, None), (late, None)) == (late, None)
    assert latest((late, None), (early, None)) == (late, None)
    assert latest((late, None), (later, early)) == (Seen(9, 2, 2, 30, 4), early)
    assert latest(None, (late,)) == (late,)
