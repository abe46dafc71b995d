"""Settings of budgets that a venue's limits do not allow are refused by name, before anything runs."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.models import AccountName, VenueName
from adapters.zanbara.limits import limits_of
from gateway.budgets import account_terms, check_budgets, crowded, limiter_settings
from gateway.config_file import ConfigError
from gateway.limiter import AccountTerms
from gateway.settings import Settings
from tests.gateway.orders.exchange import Exchange

SIM = VenueName("sim")


def settings(venue: dict[str, Any] | None = None, **account: Any) -> Settings:
    values: dict[str, Any] = {
        "redis": {"url": "redis://127.0.0.1"},
        "keys": {"tokens": [{"env": "TOKENS"}], "ids": {"env": "IDS"}},
        "venues": {SIM: venue or {}, "elsewhere": {}},
        "accounts": {"main": {"venue": SIM, **account}, "other": {"venue": "elsewhere"}},
    }
    return Settings(**values)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (settings({"pace": {"nothing": 4}}), "venues.sim: pace: there is no rule 'nothing'"),
        (settings(vip_level=1), "venues.sim: account main is in tier 1 of 0"),
    ],
)
def test_what_the_venue_has_not_is_named(given: Settings, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_budgets(given, {SIM: Exchange(SIM).venue()})
    assert caught.value.problems == [problem]


def test_a_venues_budget_has_the_terms_of_its_own_accounts() -> None:
    given = settings({"pace": {"ip": 4}, "foreign_budget": 0.25}, foreign_budget=0.5)
    check_budgets(given, {SIM: Exchange(SIM).venue()})
    assert account_terms(given, SIM) == {AccountName("main"): AccountTerms(foreign_budget=0.5)}
    assert (limiter_settings(given, SIM).pace, limiter_settings(given, SIM).foreign_budget) == ({"ip": 4}, 0.25)


@pytest.mark.parametrize(("accounts", "wait_s"), [(20, None), (40, 60), (41, 120)])
def test_more_accounts_than_can_log_in_at_once_are_noted(accounts: int, wait_s: int | None) -> None:
    venue = replace(Exchange(SIM).venue(), limits=limits_of("production", {}))
    given = settings().model_dump() | {"accounts": {f"a{number}": {"venue": SIM} for number in range(accounts)}}
    notes = list(crowded(Settings(**given), {SIM: venue}))
    assert notes == [] if wait_s is None else notes[0].endswith(f"the last is ready {wait_s} s later")
