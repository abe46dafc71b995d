"""What the settings say of the venues' budgets, as the limiter takes it."""

from collections.abc import Iterator, Mapping

from adapters.contract import Venue
from adapters.models import AccountName, VenueName
from gateway.accounts import EGRESS
from gateway.config_file import ConfigError
from gateway.limiter import AccountTerms, LimiterSettings
from gateway.limiter.rules import Rulebook
from gateway.settings import Settings

LOG_IN = "log_in"
"""What adapters name the call that fetches a token."""


def check_budgets(settings: Settings, venues: Mapping[VenueName, Venue]) -> None:
    """Raises `ConfigError`, naming the venue, where settings do not fit its limits."""
    problems = []
    for name, venue in venues.items():
        try:
            Rulebook(name, venue.limits, limiter_settings(settings, name))
        except ValueError as error:
            problems.append(f"venues.{error}")
    if problems:
        raise ConfigError(problems)


def crowded(settings: Settings, venues: Mapping[VenueName, Venue]) -> Iterator[str]:
    """What of our own calls does not fit at once, in words: logins of many accounts behind one address."""
    for name, venue in venues.items():
        log_in = next((call for call in venue.limits.calls if call.name == LOG_IN), None)
        accounts = sum(account.venue == name for account in settings.accounts.values())
        if log_in is None or not accounts:
            continue
        route = Rulebook(name, venue.limits, limiter_settings(settings, name)).route(log_in.cost_class, None, EGRESS)
        for rule, units in zip(route.rules, route.units, strict=True):
            if accounts * units > rule.limit:
                rounds = -(-accounts * units // rule.limit) - 1
                yield (
                    f"venues.{name}: {accounts} accounts log in by the limit {rule.name}, {rule.limit} in "
                    f"{rule.period_us // 1_000_000} s: after a first start the last is ready "
                    f"{rounds * rule.period_us // 1_000_000} s later"
                )


def limiter_settings(settings: Settings, venue: VenueName) -> LimiterSettings:
    """How the budget of one venue is kept."""
    config, of_venue = settings.limiter, settings.venues[venue]
    return LimiterSettings(
        hard_timeout_s=config.hard_timeout_ms / 1000,
        max_wait_s=config.max_wait_ms / 1000,
        reserve_share=config.reserve_share,
        queue_max=config.queue_max,
        assume_unspent=config.assume_unspent,
        accounts=account_terms(settings, venue),
        foreign_budget=of_venue.foreign_budget,
        pace=of_venue.pace,
    )


def account_terms(settings: Settings, venue: VenueName) -> dict[AccountName, AccountTerms]:
    """What the venue grants its accounts, and what of that is ours."""
    return {
        AccountName(name): AccountTerms(tier=account.vip_level, foreign_budget=account.foreign_budget)
        for name, account in settings.accounts.items()
        if account.venue == venue
    }
