"""Opening venues and accounts from the settings: secrets read, adapters found, credentials checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.contract import Clock, Endpoints, Venue, VenueAccount, VenueSettings
from adapters.models import AccountName, VenueName
from adapters.registry import FACTORIES
from gateway.auth.secrets import seed_bytes
from gateway.config_file import ConfigError
from gateway.settings import AccountConfig, AddressConfig, OrphanPolicy, SecretSource, Settings
from gateway.store.tokens import AccountTokens, TokenVault
from gateway.venue_calls import VenueCalls


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """One account at its venue, and where its token is kept."""

    venue: Venue
    at_venue: VenueAccount
    tokens: AccountTokens
    orphans: OrphanPolicy
    destinations: Mapping[str, AddressConfig]


OpenedAccounts = Mapping[AccountName, OpenedAccount]


class Secrets:
    """All secrets the settings point at, read once. Raises `ConfigError` with all that cannot be read."""

    def __init__(self, settings: Settings):
        self._problems: list[str] = []
        self.token_seeds = [
            self._seed(f"keys.tokens.{number}", source) for number, source in enumerate(settings.keys.tokens)
        ]
        self.ids = self._seed("keys.ids", settings.keys.ids)
        # Without one nothing is ever sealed: `open_accounts` refuses venues that would need it.
        self.seal = bytes(32) if settings.keys.seal is None else self._seed("keys.seal", settings.keys.seal)
        self.credentials = {
            name: {
                field: self._read(f"accounts.{name}.credentials.{field}", source)
                for field, source in account.credentials.items()
            }
            for name, account in settings.accounts.items()
        }
        if self._problems:
            raise ConfigError(self._problems)

    def _read(self, key: str, source: SecretSource) -> str:
        try:
            return source.read().get_secret_value()
        except ValueError as error:
            self._problems.append(f"{key}: {error}")
            return ""

    def _seed(self, key: str, source: SecretSource) -> bytes:
        try:
            return seed_bytes(source.read().get_secret_value())
        except ValueError as error:
            self._problems.append(f"{key}: {error}")
            return bytes(32)


def open_venues(settings: Settings, calls: VenueCalls, clocks: Mapping[VenueName, Clock]) -> dict[VenueName, Venue]:
    """Build every venue's adapter. Raises `ConfigError`."""
    opened: dict[VenueName, Venue] = {}
    for name, config in settings.venues.items():
        adapter = config.adapter or name
        factory = FACTORIES.get(adapter)
        if factory is None:
            there_are = ", ".join(sorted(FACTORIES))
            raise ConfigError([f"venues.{name}.adapter: there is no adapter {adapter!r}; there are {there_are}"])
        endpoints = None
        if config.rest_url is not None and config.ws_url is not None:
            endpoints = Endpoints(config.rest_url, config.ws_url)
        venue_settings = VenueSettings(
            name=VenueName(name),
            endpoints=endpoints,
            # A sandbox is the production venue's twin: the same rules, at other addresses.
            environment="production" if config.environment == "sandbox" else config.environment,
            read_timeout_s=config.read_timeout_s,
            order_timeout_s=config.order_timeout_s,
            limits={rule: (limit.limit, limit.period_ms) for rule, limit in config.limits.items()},
        )
        try:
            opened[VenueName(name)] = factory(
                venue_settings, transport=calls.transport(VenueName(name)), clock=clocks[VenueName(name)]
            )
        except ValueError as error:
            raise ConfigError([f"venues.{name}: {error}"]) from None
    return opened


def open_accounts(
    settings: Settings,
    secrets_read: Secrets,
    opened: Mapping[VenueName, Venue],
    *,
    calls: VenueCalls,
    vault: TokenVault,
    clocks: Mapping[VenueName, Clock],
) -> OpenedAccounts:
    """Open every account with its credentials. Raises `ConfigError`; no credential is ever in its message."""
    opened_accounts: dict[AccountName, OpenedAccount] = {}
    for name, config in settings.accounts.items():
        venue = opened[VenueName(config.venue)]
        credentials = secrets_read.credentials[name]
        if credentials.keys() != venue.credential_fields:
            needed = ", ".join(sorted(venue.credential_fields))
            raise ConfigError([f"accounts.{name}.credentials: {venue.name} needs exactly {needed}"])
        tokens = vault.cache(venue.name, AccountName(name), clocks[venue.name])
        try:
            at_venue = venue.open_account(
                AccountName(name), credentials, calls.transport(venue.name, AccountName(name)), tokens
            )
        except ValueError as error:
            raise ConfigError([f"accounts.{name}.credentials: {error}"]) from None
        if at_venue.log_in is not None and settings.keys.seal is None:
            raise ConfigError([f"keys.seal: is required, since {venue.name} has tokens that are kept in Redis"])
        opened_accounts[AccountName(name)] = OpenedAccount(
            venue, at_venue, tokens, config.orphans, _destinations(config)
        )
    return opened_accounts


def _destinations(config: AccountConfig) -> Mapping[str, AddressConfig]:
    return {} if config.withdrawals is None else config.withdrawals.addresses
