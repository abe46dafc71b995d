"""Backpack's public answers: candles of every interval and price, what may be cached, sessions, pages of funding."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sandbox.backpack.calls import HISTORICAL, STANDARD
from sandbox.config import BackpackConfig, LimitConfig, SandboxConfig
from sandbox.matching import MarketState
from tests.sandbox.backpack_schema.in_process import START_US, InProcess

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
START_S = START_US // 1_000_000


def buy(venue: InProcess, quantity: str, price: str = "150.01", symbol: str = SPOT) -> None:
    order = {"symbol": symbol, "side": "Bid", "orderType": "Limit", "price": price, "quantity": quantity}
    assert venue.call("POST", "/api/v1/order", order).status == 200


def klines(venue: InProcess, interval: str, **more: Any) -> list[dict[str, Any]]:
    asked = {"symbol": SPOT, "interval": interval, "startTime": START_S} | more
    rows: list[dict[str, Any]] = venue.call("GET", "/api/v1/klines", asked).json
    return rows


def test_candles_of_a_second_hold_the_trades_of_that_second() -> None:
    venue = InProcess()
    buy(venue, "0.5")
    venue.pass_time(2000)
    buy(venue, "0.25")
    rows = klines(venue, "1s")
    assert [(row["volume"], row["trades"]) for row in rows] == [("0.5", "1"), ("0.25", "1")]
    assert [row["start"] for row in rows] == ["2026-09-02 16:45:19", "2026-09-02 16:45:21"]
    assert [row["end"] for row in rows] == ["2026-09-02 16:45:20", "2026-09-02 16:45:22"]


def test_a_month_is_a_calendar_month_and_a_week_starts_on_monday() -> None:
    venue = InProcess()
    buy(venue, "0.5")
    (month,), (week,) = klines(venue, "1month"), klines(venue, "1w")
    assert (month["start"], month["end"]) == ("2026-09-01 00:00:00", "2026-10-01 00:00:00")
    assert (week["start"], week["end"]) == ("2026-08-31 00:00:00", "2026-09-07 00:00:00")


def test_candles_in_which_nothing_traded_are_left_out() -> None:
    venue = InProcess()
    buy(venue, "0.5")
    venue.pass_time(180_000)
    buy(venue, "0.25")
    assert [row["start"][-8:] for row in klines(venue, "1m")] == ["16:45:00", "16:48:00"]


def test_a_start_inside_a_candle_returns_that_candle_and_one_to_come_none() -> None:
    venue = InProcess()
    buy(venue, "0.5")
    assert len(klines(venue, "1h", startTime=START_S)) == 1
    assert klines(venue, "1h", startTime=START_S + 7200) == []


def test_candles_of_mark_and_index_follow_those_prices_without_volume() -> None:
    venue = InProcess()
    venue.world.simulation.engine.prices.pin_mark(PERP, Decimal("151.5"))
    venue.pass_time(1000)
    (mark,) = klines(venue, "1h", symbol=PERP, priceType="Mark")
    (index,) = klines(venue, "1h", symbol=PERP, priceType="Index")
    assert (mark["close"], mark["volume"], mark["trades"]) == ("151.5", "0", "0")
    assert (index["open"], index["close"]) == ("150", "150")
    assert klines(venue, "1h", symbol=PERP) == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"interval": "7m", "startTime": 1},
            'failed to parse parameter `interval`: failed to parse "KlineInterval": Expect a valid enumeration value.',
        ),
        ({"startTime": 1}, 'failed to parse parameter `interval`: failed to parse "KlineInterval": field is required'),
        ({"interval": "1m"}, 'failed to parse parameter `startTime`: failed to parse "integer(int64)": field is req'),
    ],
)
def test_candles_need_a_known_interval_and_a_start(asked: dict[str, Any], message: str) -> None:
    answer = InProcess().call("GET", "/api/v1/klines", {"symbol": SPOT} | asked)
    assert (answer.status, answer.json["code"]) == (400, "INVALID_CLIENT_REQUEST")
    assert answer.json["message"].startswith(message)


CACHED = {
    "markets": "public, s-maxage=300, stale-while-revalidate=600, stale-if-error=3600",
    "tickers": "public, s-maxage=20, stale-while-revalidate=10, stale-if-error=3600",
    "openInterest": "public, s-maxage=5, stale-while-revalidate=5, stale-if-error=3600",
    f"klines?symbol={SPOT}&interval=1m&startTime=1": (
        "public, s-maxage=60, stale-while-revalidate=120, stale-if-error=3600"
    ),
    f"depth?symbol={SPOT}": 'no-cache="Set-Cookie"',
    "nothing": 'no-cache="Set-Cookie"',
}


@pytest.mark.parametrize(("target", "cached"), CACHED.items())
def test_answers_say_how_long_they_may_be_cached(target: str, cached: str) -> None:
    path, _, query = target.partition("?")
    answer = InProcess().send("GET", f"/api/v1/{path}", {}, {}, query=query)
    headers = dict(answer.response.headers)
    assert headers["Cache-Control"] == cached
    assert (headers["Vary"], headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == (
        "Origin",
        "nosniff",
        "SAMEORIGIN",
    )


def test_funding_rates_come_in_pages() -> None:
    venue = InProcess()
    answer = venue.call("GET", "/api/v1/fundingRates", {"symbol": PERP, "limit": 40, "offset": 80})
    assert len(answer.json) == 20
    headers = dict(answer.response.headers)
    assert [headers[f"X-{name}"] for name in ("Total", "Page-Size", "Page-Count", "Current-Page")] == [
        "100",
        "20",
        "3",
        "3",
    ]
    assert answer.json[0]["fundingRate"] == "0.0000125"


def test_a_funding_that_was_settled_heads_the_list() -> None:
    venue = InProcess()
    venue.world.simulation.engine.funding.pin(PERP, Decimal("0.0003"))
    venue.pass_time(3_600_000)
    newest = venue.call("GET", "/api/v1/fundingRates", {"symbol": PERP, "limit": 1}).json[0]
    assert newest == {"fundingRate": "0.0003", "intervalEndTimestamp": "2026-09-02T17:00:00", "symbol": PERP}


def test_marks_name_index_rate_and_next_funding_of_perpetuals_only() -> None:
    venue = InProcess()
    venue.world.simulation.engine.prices.pin_index(PERP, Decimal(149))
    (perp,) = venue.call("GET", "/api/v1/markPrices", {"symbol": PERP}).json
    (spot,) = venue.call("GET", "/api/v1/markPrices", {"symbol": SPOT}).json
    assert perp["indexPrice"] == "149"
    assert datetime.fromtimestamp(perp["nextFundingTimestamp"] / 1000, UTC).isoformat() == "2026-09-02T17:00:00+00:00"
    assert (spot["fundingRate"], spot["indexPrice"], spot["nextFundingTimestamp"]) == (None, None, None)


def test_collateral_is_weighted_by_its_haircut() -> None:
    rows = {row["symbol"]: row["haircutFunction"] for row in InProcess().call("GET", "/api/v1/collateral").json}
    assert rows["USDC"] == {"kind": {"type": "identity"}, "weight": "1"}
    assert rows["SOL"]["weight"] == "0.9"
    assert set(rows["SOL"]["kind"]) == {"base", "positiveCurvePenalty", "type"}


def test_equities_have_sessions_but_no_instruments() -> None:
    venue = InProcess()
    assert set(venue.call("GET", "/api/v1/market-sessions").json[0]) == {
        "description",
        "endTime",
        "endWeekday",
        "name",
        "startTime",
        "startWeekday",
        "timezone",
    }
    for name in ("securities", "market-holidays", "stockSessions", "stockHolidays"):
        assert venue.call("GET", f"/api/v1/{name}").json == []
    quote = venue.call("GET", "/api/v1/stockIndicativeQuote", {"symbol": "MU.US", "side": "Bid", "quantity": "1"})
    assert (quote.status, quote.json["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_paths_that_are_gone_are_not_found() -> None:
    venue = InProcess()
    for path in (f"/api/v1/markets/{SPOT}", "/wapi/v1/history/pnl", "/api/v1/openInterests"):
        assert venue.call("GET", path).status == 404


@pytest.mark.parametrize("state", list(MarketState))
def test_a_market_shows_which_orders_it_takes(state: MarketState) -> None:
    venue = InProcess()
    venue.world.simulation.engine.states[SPOT] = state
    shown = venue.call("GET", "/api/v1/market", {"symbol": SPOT}).json["orderBookState"]
    assert shown.lower() == state.value.replace("_", "")


def test_which_routes_count_as_historical_can_be_chosen() -> None:
    limits = LimitConfig(limits={STANDARD: 100, HISTORICAL: 1})
    chosen = BackpackConfig(historical_trades=True, historical_funding=True)
    usual, strict = (
        InProcess(SandboxConfig(makers=False, limits=limits, backpack=backpack))
        for backpack in (BackpackConfig(), chosen)
    )
    for venue, statuses in ((usual, [200, 200]), (strict, [200, 429])):
        trades = [venue.call("GET", "/api/v1/trades", {"symbol": SPOT}).status for _ in range(2)]
        assert trades == statuses
        venue.pass_time(60_000)
        assert [venue.call("GET", "/api/v1/fundingRates", {"symbol": PERP}).status for _ in range(2)] == statuses
