"""What time and prices do to positions: marks, funding, liquidation."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sandbox.matching import (
    Account,
    Engine,
    Expiry,
    FundingTerms,
    MarginFunction,
    Market,
    MarketState,
    OrderType,
    Origin,
    PriceSource,
    Reason,
    Refusal,
    Rules,
    Status,
    Trigger,
)
from sandbox.matching.events import FundingPaid, FundingSettled, Liquidated, OrderEvent
from sandbox.matching.rules import Collateral
from tests.sandbox.clients import PERP as PLAIN_PERP
from tests.sandbox.clients import SPOT, wish

D = Decimal
HOUR_US = 3_600_000_000
SECOND_US = 1_000_000
PERP = "SOL_USDC_PERP"
RULES = Rules(reserves_margin=True, caps_reducing=True, keeps_rejected=True, liquidation_ratio=D("1.1"))


def venue(
    *names: str, cash: str = "1000", rules: Rules = RULES, coins: str = "0", terms: FundingTerms | None = None
) -> tuple[Engine, list[Account]]:
    market: Market = replace(
        PLAIN_PERP,
        start_price=D(100),
        index_price=D(100),
        maintenance=MarginFunction(D("0.05")),
        funding=terms or FundingTerms(8 * HOUR_US),
    )
    made = Engine([SPOT, market], rules=rules, start_us=HOUR_US)
    return made, [made.open_account(name, {"USDC": D(cash), "SOL": D(coins)}) for name in names]


def trade(market: Engine, buyer: Account, seller: Account, price: str, quantity: str) -> None:
    market.place(seller, wish("sell", price, quantity, perp=True), 0)
    market.place(buyer, wish("buy", price, quantity, perp=True), 0)


def quote(market: Engine, house: Account, bid: str, ask: str, quantity: str = "1000") -> None:
    market.cancel_all(house, PERP, 0)
    market.place(house, wish("buy", bid, quantity, perp=True), 0)
    market.place(house, wish("sell", ask, quantity, perp=True), 0)


# -- marks -------------------------------------------------------------------------------------------------------------


def test_the_mark_is_the_index_without_a_book_and_a_median_with_one() -> None:
    market, (a, house) = venue("a", "house", cash="1000000")
    market.prices.set_index(PERP, D(100))
    assert market.mark(PERP) == 100
    trade(market, a, house, "104", "1")
    assert market.mark(PERP) == 100
    quote(market, house, "101", "103")
    market.sample(SECOND_US)
    assert market.mark(PERP) == 102  # of 100, 100 + 2 and the last trade at 104
    market.place(a, wish("sell", "101", "1", perp=True), 0)
    assert market.mark(PERP) == 101  # the last trade is now the one in the middle


def test_the_distance_to_the_index_counts_for_five_minutes() -> None:
    market, (a, house) = venue("a", "house", cash="1000000")
    quote(market, house, "103", "105")
    market.sample(0)
    trade(market, a, house, "105", "1")
    assert market.mark(PERP) == 104
    quote(market, house, "99", "101")
    market.sample(300 * SECOND_US)
    assert market.mark(PERP) == 100


def test_a_pinned_price_holds_until_it_is_unpinned() -> None:
    market, _ = venue()
    market.prices.pin_index(PERP, D(90))
    market.prices.pin_mark(PERP, D(80))
    market.prices.set_index(PERP, D(101))
    assert (market.prices.index(PERP), market.mark(PERP)) == (D(90), D(80))
    market.prices.pin_index(PERP, None)
    market.prices.pin_mark(PERP, None)
    assert (market.prices.index(PERP), market.mark(PERP)) == (D(101), D(101))


# -- funding -----------------------------------------------------------------------------------------------------------


def test_longs_pay_shorts_the_rate_of_the_marked_value() -> None:
    market, (a, b) = venue("a", "b", cash="100000")
    trade(market, a, b, "150.5", "10")
    before = [account.balances["USDC"].available for account in (a, b)]
    market.prices.pin_mark(PERP, D(150))
    market.funding.pin(PERP, D("0.000125"))
    market.take_events(0)
    market.settle_funding(8 * HOUR_US - 1)
    assert market.take_events(0) == []
    market.settle_funding(8 * HOUR_US)
    after = [account.balances["USDC"].available for account in (a, b)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [D("-0.1875"), D("0.1875")]
    events = market.take_events(0)
    settled = [event for event in events if isinstance(event, FundingSettled)]
    paid = [event for event in events if isinstance(event, FundingPaid)]
    assert [(event.rate, event.mark, event.time_us) for event in settled] == [(D("0.000125"), D(150), 8 * HOUR_US)]
    assert [(event.account.name, event.quantity, event.amount) for event in paid] == [
        ("a", D(10), D("-0.1875")),
        ("b", D(-10), D("0.1875")),
    ]
    assert a.positions[PERP].funding == D("-0.1875")


def test_every_interval_that_has_passed_is_paid_once() -> None:
    market, (a, b) = venue("a", "b", cash="100000", terms=FundingTerms(HOUR_US))
    trade(market, a, b, "100", "1")
    market.funding.pin(PERP, D("0.001"))
    market.take_events(0)
    for _ in range(2):
        market.settle_funding(5 * HOUR_US + 7)
    paid = [event.time_us // HOUR_US for event in market.take_events(0) if isinstance(event, FundingPaid)]
    assert paid == [2, 2, 3, 3, 4, 4, 5, 5]
    assert a.positions[PERP].funding == D("-0.4")  # the intervals that ended at two, three, four and five
    assert [row.time_us // HOUR_US for row in market.funding.history(PERP)][:5] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("mid", "rate"),
    [
        ("100", "0.0001"),  # no premium: the interest
        ("100.05", "0.0001"),  # a small one is pulled back to it
        ("100.2", "0.0015"),  # a large one counts, less the pull
        ("99.8", "-0.0015"),
        ("105", "0.0075"),  # and never more than the cap
    ],
)
def test_the_rate_follows_the_premium_of_the_book_over_the_index(mid: str, rate: str) -> None:
    market, (house,) = venue("house", cash="100000000")
    quote(market, house, str(D(mid) - D("0.05")), str(D(mid) + D("0.05")), "10")
    market.sample(SECOND_US)
    assert market.funding.rate(PERP) == D(rate)


def test_an_hourly_share_of_the_rate_without_a_premium() -> None:
    market, _ = venue(terms=FundingTerms(HOUR_US, share=D("0.125")))
    assert market.funding.rate(PERP) == D("0.0000125")
    assert market.funding.next_us(PERP, HOUR_US) == 2 * HOUR_US


# -- liquidation -------------------------------------------------------------------------------------------------------


def liquidations(market: Engine) -> list[Liquidated]:
    return [event for event in market.take_events(9) if isinstance(event, Liquidated)]


def isolated(market: Engine, account: Account, leverage: int) -> None:
    terms = account.terms[PERP]
    terms.isolated, terms.leverage = True, leverage


def test_an_isolated_position_is_closed_below_its_ratio_and_not_at_it() -> None:
    market, (a, b, house) = venue("a", "b", "house", cash="1000000")
    isolated(market, a, 10)
    trade(market, a, b, "150.5", "10")
    quote(market, house, "143", "160")
    market.prices.pin_mark(PERP, D("143.34"))
    market.follow_prices(9)
    assert a.positions[PERP].quantity == 10
    market.take_events(9)
    market.prices.pin_mark(PERP, D("143.33"))
    market.follow_prices(9)
    assert PERP not in a.positions
    (event,) = liquidations(market)
    assert (event.account, event.quantity, event.price, event.covered) == (a, D(10), D(143), D(0))


def test_liquidation_ends_the_scopes_orders_and_its_order_says_whose_it_is() -> None:
    market, (a, b, house) = venue("a", "b", "house", cash="1000000")
    market.transfer(a, "USDC", D("-999840"), 0)
    isolated(market, a, 10)
    trade(market, a, b, "150.5", "10")
    resting = market.place(a, wish("sell", "160", "1", perp=True, reduce_only=True), 0)
    quote(market, house, "143", "170")
    market.take_events(0)
    market.prices.pin_mark(PERP, D("143"))
    market.follow_prices(9)
    assert (resting.status, resting.expiry) == (Status.EXPIRED, Expiry.LIQUIDATION)
    closing = [event.order for event in market.take_events(9) if isinstance(event, OrderEvent)][-1]
    assert (closing.origin, closing.request.type, closing.executed) == (Origin.LIQUIDATION, OrderType.MARKET, D(10))


def test_the_fund_takes_the_fee_and_covers_what_is_missing() -> None:
    rules = replace(RULES, liquidation_fee=D("0.005"))
    market, (a, b, house) = venue("a", "b", "house", cash="1000000", rules=rules)
    market.transfer(a, "USDC", D("-999840"), 0)
    isolated(market, a, 10)
    trade(market, a, b, "150.5", "10")
    quote(market, house, "120", "170")
    market.prices.pin_mark(PERP, D("120"))
    market.take_events(0)
    market.follow_prices(9)
    (event,) = liquidations(market)
    assert event.fee == 10 * 120 * D("0.005")
    assert a.balances["USDC"].available == 0
    assert event.covered > 0
    assert market.liquidation.fund == event.fee - event.covered


def test_cross_positions_stand_for_each_other_and_fall_together() -> None:
    market, (a, b, house) = venue("a", "b", "house", cash="1000000")
    market.transfer(a, "USDC", D("-999500"), 0)
    a.terms[PERP].leverage = 10
    trade(market, a, b, "100", "20")
    quote(market, house, "78", "120")
    market.prices.pin_mark(PERP, D("80"))  # equity 100 - fee against 1.1 · 80
    market.follow_prices(9)
    assert a.positions[PERP].quantity == 20
    market.prices.pin_mark(PERP, D("79"))
    market.follow_prices(9)
    assert PERP not in a.positions


def test_a_book_without_takers_is_tried_again() -> None:
    market, (a, b, house) = venue("a", "b", "house", cash="1000000")
    market.transfer(a, "USDC", D("-999500"), 0)
    a.terms[PERP].leverage = 10
    trade(market, a, b, "100", "20")
    market.prices.pin_mark(PERP, D("78"))
    market.take_events(0)
    market.follow_prices(9)
    assert (a.positions[PERP].quantity, market.take_events(9)) == (D(20), [])
    quote(market, house, "78", "120")
    market.follow_prices(10)
    assert PERP not in a.positions


def test_other_collateral_keeps_an_account_alive_by_its_weight() -> None:
    rules = Rules(collateral=(Collateral("SOL", "SOL_USDC", D("0.9")),))
    market, (a, b, house) = venue("a", "b", "house", cash="1000000", coins="10", rules=rules)
    market.transfer(a, "USDC", D("-999500"), 0)
    trade(market, a, b, "100", "20")
    quote(market, house, "10", "120")
    spot = market.mark("SOL_USDC") * 10 * D("0.9")
    assert market.margin.equity(a) == 500 + spot - D(2000) * D("0.0005")
    market.prices.pin_mark(PERP, D(70))  # 600 lost: below zero in cash, above it with the coins
    market.follow_prices(9)
    assert a.positions[PERP].quantity == 20


def test_exposure_ends_at_the_position_limit_and_may_always_shrink() -> None:
    market, (a, b) = venue("a", "b", cash="1000000", rules=Rules(position_limit=D(1000)))
    trade(market, a, b, "100", "10")
    with pytest.raises(Refusal) as caught:
        market.place(a, wish("buy", "100", "1", perp=True), 0)
    assert caught.value.reason is Reason.POSITION_LIMIT
    assert market.place(a, wish("sell", "100", "15", perp=True), 0).is_open


# -- market states -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        (MarketState.OPEN, ["limit", "post", "market", "trigger"]),
        (MarketState.LIMIT_ONLY, ["limit", "post"]),
        (MarketState.POST_ONLY, ["post"]),
        (MarketState.CANCEL_ONLY, []),
        (MarketState.CLOSED, []),
    ],
)
def test_a_market_takes_what_its_state_allows(state: MarketState, taken: list[str]) -> None:
    market, (a, b) = venue("a", "b", cash="1000000")
    market.place(b, wish("sell", "120", "5", perp=True), 0)
    market.states[PERP] = state
    trigger = Trigger(PriceSource.MARK, D(500), rises=True)
    wishes = {
        "limit": wish("buy", "90", perp=True),
        "post": wish("buy", "90", perp=True, post_only=True),
        "market": wish("buy", None, perp=True),
        "trigger": wish("buy", None, perp=True, trigger=trigger),
    }
    for name, request in wishes.items():
        if name in taken:
            market.place(a, request, 0)
            continue
        with pytest.raises(Refusal) as caught:
            market.place(a, request, 0)
        assert caught.value.reason is Reason.MARKET_STATE
