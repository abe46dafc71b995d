from adapters.contract import CallKind, LimitRule, Limits, LimitScope
from adapters.models import AccountName, VenueName
from gateway.limiter.plan import Outlook, Plan, PlannedCalls, plan
from gateway.limiter.rules import OwnedRule, Rulebook
from gateway.limiter.settings import AccountTerms, ClientTerms, LimiterSettings

MAIN, VIP = AccountName("main"), AccountName("vip")
LIMITS = Limits(
    rules=(LimitRule("ip", LimitScope.IP, 30, 60_000), LimitRule("key", LimitScope.ACCOUNT, 120, 60_000)),
    debits={"trade": (("ip", 1), ("key", 1)), "dear": (("key", 50),)},
    tiers=({"ip": 3, "key": 3},),
)


def rulebook(**settings: object) -> Rulebook:
    accounts = {VIP: AccountTerms(tier=1), MAIN: AccountTerms(foreign_budget=0.5)}
    return Rulebook(VenueName("v"), LIMITS, LimiterSettings(accounts=accounts, **settings))  # type: ignore[arg-type]


def orders(count: int, kind: CallKind = CallKind.ORDER) -> PlannedCalls:
    return PlannedCalls(kind, count, rulebook().route("trade", VIP, "default"))


def outlooks(ip: Outlook, calls: PlannedCalls) -> dict[OwnedRule, Outlook]:
    return dict(zip(calls.route.rules, (ip, Outlook(0, 0, ())), strict=True))


def test_a_tier_multiplies_both_limits_and_a_foreign_part_is_left() -> None:
    of_vip, of_main = rulebook().visible(VIP, "default"), rulebook().visible(MAIN, "default")
    assert [rule.limit for rule in of_vip] == [90, 360]
    assert [(rule.limit, rule.counted) for rule in of_main] == [(30, 30), (60, 120)]


def test_a_share_and_a_pace_are_rules_beside_the_venues() -> None:
    route = rulebook(pace={"ip": 6}).route(
        "trade", VIP, "default", is_cancel=False, client="bot", terms=ClientTerms(max_share=0.25)
    )
    assert [(rule.name, rule.limit, rule.period_us) for rule in route.rules] == [
        ("ip", 90, 60_000_000),
        ("ip (pace)", 15, 10_000_000),
        ("ip (share of bot)", 22, 60_000_000),
        ("key", 360, 60_000_000),
        ("key (share of bot)", 90, 60_000_000),
    ]
    assert len({rule.key for rule in route.rules}) == 5


def test_a_share_never_forbids_the_dearest_call() -> None:
    route = rulebook().route("dear", MAIN, "default", is_cancel=False, client="bot", terms=ClientTerms(max_share=0.01))
    assert [rule.limit for rule in route.rules] == [60, 50]


def test_calls_that_fit_go_now_and_the_tightest_rule_says_how_often() -> None:
    calls = orders(20)
    assert plan([calls], outlooks(Outlook(0, 0, ()), calls)) == Plan(0, 4, "ip")
    assert plan([orders(1)], outlooks(Outlook(0, 0, ()), calls)) == Plan(0, 85, "ip")  # 5 of 90 are for cancels
    cancels = orders(1, CallKind.CANCEL)
    assert plan([cancels], outlooks(Outlook(0, 0, ()), cancels)).per_minute == 90


def test_calls_that_do_not_fit_wait_for_units_to_come_back() -> None:
    calls = orders(10)
    ip = Outlook(held=80, closed_us=0, returns=((4_000_000, 3), (9_000_000, 77)))
    assert plan([calls], outlooks(ip, calls)) == Plan(9_000_000, 8, "ip")
    assert plan([orders(8)], outlooks(ip, calls)).wait_us == 4_000_000
    assert plan([orders(5)], outlooks(ip, calls)).wait_us == 0


def test_more_than_a_period_holds_takes_whole_periods() -> None:
    calls = orders(2 * 85 + 1)
    assert plan([calls], outlooks(Outlook(0, 0, ()), calls)).wait_us == 2 * 60_000_000


def test_a_closed_rule_lets_nothing_go_before_it_opens() -> None:
    calls = orders(1)
    assert plan([calls], outlooks(Outlook(0, 7_000, ()), calls)).wait_us == 7_000
