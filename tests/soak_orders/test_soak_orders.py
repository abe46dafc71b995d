"""The soak of orders in little: a few hundred attempts under every fault. Thousands: `make soak-orders`."""

import logging

import pytest

from tests.soak_orders.bots import Pace
from tests.soak_orders.disturbances import Weather
from tests.soak_orders.run import Plan, run

QUICK = {"window_ms": 500, "clock_error_ms": 100, "history_lag_ms": 300, "claim_lease_ms": 1_500}
PLAN = Plan(
    seed=7,
    keys=45,
    most_s=60,
    pace=Pace(abreast=16, valid_ms=1_500),
    weather=Weather(every_s=(0.1, 0.4), link_s=0.8, kill_s=0.3, pause_s=1.0, skew_s=1.0, redis_s=0.3),
    orders=QUICK,
    windows_ms={"backpack": 500, "zanbara": 5_000},
    lag_ms=300,
    times=5,  # so few orders meet every fault
    floors_ms={"backpack": 60_000, "zanbara": 60_000},  # how soon is measured by the long one alone
)


@pytest.mark.timeout(150)
def test_what_bots_were_told_is_what_the_venues_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "asyncio")  # which complains of each connection that was reset
    ledger = run(PLAN, tell=lambda _: None)
    assert ledger.breaches == [], f"\n{ledger}"
    assert ledger.keys == PLAN.keys
    assert ledger.settled, "nothing was sent"
