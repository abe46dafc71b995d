"""Every setting, its unit and its default; how the file is read is `config_file`'s.

One YAML file; every value can be overridden by the environment (`CROSSGATE_SERVER__PORT=9000`). Secrets never stand in
the file: it names the file or the variable that holds them.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.addresses import parse_entry
from gateway.numbers import GRAMMAR, parse_decimal
from gateway.public_key import public_key_bytes

ENV_PREFIX = "CROSSGATE_"
ENV_DELIMITER = "__"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Names of accounts, clients, desks, venues: they appear in URLs, logs and keys."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Milliseconds = Annotated[int, Field(ge=0, le=600_000)]
Port = Annotated[int, Field(ge=0, le=65535)]
Share = Annotated[float, Field(ge=0, lt=1)]
MaxShare = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[int, Field(ge=1, le=1000)]


def _check_entry(entry: str) -> str:
    parse_entry(entry)
    return entry


_AMOUNT_MAX = Decimal(10**11)
"""What a limit may be at most: in units of 10^-4 it is still exact where Redis' scripts compare it."""

Amount = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    Field(ge=0, le=_AMOUNT_MAX),
    WithJsonSchema({"type": "string", "pattern": GRAMMAR}),
]
"""A decimal, written as a string: YAML would make a float of it."""

AddressEntries = tuple[Annotated[str, AfterValidator(_check_entry)], ...]


def _check_public_key(text: str) -> str:
    public_key_bytes(text)
    return text


PublicKey = Annotated[str, AfterValidator(_check_public_key)]


class Scope(StrEnum):
    READ = "read"
    TRADE = "trade"
    CANCEL = "cancel"
    ADMIN = "admin"
    RISK = "risk"
    WITHDRAW = "withdraw"


class AccountAccess(StrEnum):
    """How much of a granted account a client sees."""

    OWN = "own"
    """Its own orders."""
    ACCOUNT = "account"
    """All of them."""


class OrphanPolicy(StrEnum):
    """What is done about orders at a venue that no record knows."""

    REPORT = "report"
    IGNORE = "ignore"
    ADOPT = "adopt"
    """They get a record, which whoever sees the whole account may cancel by."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(_Section):
    """Where a secret is kept: a file, or a variable of the environment."""

    file: Path | None = None
    env: Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    """A name in capitals: anything else might be the secret itself, which no message may repeat."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("give exactly one of `file` and `env`")
        return self

    def read(self) -> SecretStr:
        """The secret, without surrounding white space.

        Raises `ValueError` saying where it was looked for.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "")
            where = f"the environment variable {self.env}"
        else:
            assert self.file is not None  # noqa: S101 - the validator above
            where = f"the file {self.file}"
            try:
                value = self.file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{where} cannot be read: {type(error).__name__}") from None
        if not value.strip():
            raise ValueError(f"{where} is empty or not set")
        return SecretStr(value.strip())


class ServerSettings(_Section):
    host: str = "127.0.0.1"
    port: Port = 8080
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9090
    request_timeout_s: float = Field(default=10, gt=0, le=300)
    """How long a request's headers and body may take to arrive, and its answer to be read."""
    client_requests_per_s: int = Field(default=500, ge=1)
    """Requests a client (or, without a token, an address) may make of one replica."""
    drain_s: float = Field(default=5, ge=0, le=300)
    """How long a replica that was told to end still answers, so that balancers can notice."""


class RedisSettings(_Section):
    url: SecretStr | None = None
    """`redis://`, `rediss://` or `unix://`; it may hold a password, so it is treated as a secret."""
    embedded: bool = False
    """Start a private server of our own. Never for more than one replica: each would spend the whole limit."""
    data_dir: Path | None = None
    """Where an embedded server keeps its data; required for `serve`."""
    timeout_s: float = Field(default=0.5, gt=0, le=30)

    @model_validator(mode="after")
    def _one_server(self) -> Self:
        if self.embedded == (self.url is not None):
            raise ValueError(
                "say which Redis to use: set `url` (or the variable CROSSGATE_REDIS_URL), or `embedded: true` with a "
                "`data_dir`; the gateway never starts one by itself"
            )
        return self


class KeySettings(_Section):
    tokens: tuple[SecretSource, ...] = Field(min_length=1)
    """Seeds that sign our tokens: the first signs, all verify."""
    ids: SecretSource
    """Key that order ids and the venues' client ids derive from. It never changes."""
    seal: SecretSource | None = None
    """Key that venues' tokens are sealed with before they go to Redis; required where a venue has tokens."""


class AuthSettings(_Section):
    public: bool = True
    """Market data needs no token."""
    audience: str = "crossgate"
    token_lifetime_s: int = Field(default=3600, ge=10, le=3600)
    trusted_proxies: AddressEntries = ()
    """Addresses whose X-Forwarded-For is believed."""


class LimitOverride(_Section):
    limit: int = Field(ge=1)
    period_ms: int = Field(ge=10)


class OrderRate(_Section):
    count: int = Field(ge=0, le=10_000)
    period_ms: int = Field(ge=100, le=3_600_000)


class LimitSettings(_Section):
    """What orders may be at most; a limit that is left out does not limit."""

    max_quantity: Amount | None = None
    """Of one order, in base units."""
    max_notional: Amount | None = None
    """Of one order, in quote units."""
    max_open_orders: int | None = Field(default=None, ge=0, le=100_000)
    daily_notional: Amount | None = None
    """What was traded this UTC day and what may still trade, in quote units."""
    price_band: Annotated[Amount, Field(gt=0, le=1)] | None = None
    """How far from the market's price an order may buy above or sell below it: "0.05" is five percent."""
    order_rate: OrderRate | None = None
    allowed_symbols: frozenset[str] | None = None
    """The only markets it may trade, by our symbols or the venues'."""


class DeskConfig(_Section):
    limits: LimitSettings = LimitSettings()


class MarketConfig(_Section):
    limits: LimitSettings = LimitSettings()


def _named_desks(desks: Any) -> Any:
    """Desks without settings of their own may be a list of names."""
    if isinstance(desks, list) and all(isinstance(name, str) for name in desks):
        return {name: {} for name in desks}
    return desks


class VenueConfig(_Section):
    adapter: Name | None = None
    """Which adapter speaks to it; by default the one of the same name."""
    environment: Literal["production", "testnet", "sandbox"] = "production"
    rest_url: str | None = None
    ws_url: str | None = None
    read_timeout_s: float = Field(default=5, gt=0, le=60)
    order_timeout_s: float = Field(default=1.5, gt=0, le=60)
    limits: dict[str, LimitOverride] = {}
    foreign_budget: Share = 0
    """The part of its limits by address that is left to others behind the same address."""
    pace: dict[str, Annotated[int, Field(ge=2, le=100)]] = {}
    """By rule: into how many equal parts of its period the limit is spread."""
    markets: dict[str, MarketConfig] = {}
    """By symbol, ours or the venue's."""

    @model_validator(mode="after")
    def _both_urls(self) -> Self:
        if (self.rest_url is None) != (self.ws_url is None):
            raise ValueError("`rest_url` and `ws_url` belong together: give both or none")
        if self.environment == "sandbox" and self.rest_url is None:
            raise ValueError("a sandbox venue needs `rest_url` and `ws_url`")
        return self


Word = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
"""Something of a venue's or a chain's: printable ASCII without blanks."""


class AddressConfig(_Section):
    """One address that money may be withdrawn to."""

    asset: Word
    chain: Word
    """As the venue names it."""
    address: Word
    tag: Word | None = None


class WithdrawalConfig(_Section):
    addresses: dict[Name, AddressConfig] = Field(min_length=1)
    """By the name that requests use: an address itself is never taken from one."""


class AccountConfig(_Section):
    venue: Name
    credentials: dict[str, SecretSource] = {}
    vip_level: int = Field(default=0, ge=0)
    """Which of the venue's tiers it is in, where the venue has any: its limits grow with it."""
    foreign_budget: Share = 0
    """The part of its own limits that is left to others who use the same account."""
    limits: LimitSettings = LimitSettings()
    orphans: OrphanPolicy = OrphanPolicy.REPORT
    withdrawals: WithdrawalConfig | None = None
    """Where its money may be withdrawn to; without it nothing can be."""


class ProfileConfig(_Section):
    scopes: frozenset[Scope] | None = None
    max_wait_ms: Milliseconds | None = None
    weight: Weight | None = None
    max_share: MaxShare | None = None


class ClientConfig(_Section):
    desk: Name | None = None
    profile: Name | None = None
    scopes: frozenset[Scope] | None = None
    accounts: dict[Name, AccountAccess] = {}
    key_sha256: tuple[Sha256, ...] = Field(default=(), min_length=1)
    """SHA-256 of each secret that is good for this client; two while one replaces the other."""
    signing_key: PublicKey | None = None
    """ED25519 public key, in base64 or hex, of the key this client signs requests with."""
    sign_writes: bool = False
    """Whatever it changes must be signed."""
    ip_allow: AddressEntries = ()
    max_wait_ms: Milliseconds | None = None
    weight: Weight | None = None
    """Turns at a venue's budget that it gets for each turn of a client of weight 1."""
    max_share: MaxShare | None = None
    """The most of any limit that its calls, cancels apart, may have in use."""
    limits: LimitSettings = LimitSettings()

    @model_validator(mode="after")
    def _can_get_in(self) -> Self:
        if not self.key_sha256 and self.signing_key is None:
            raise ValueError("give `key_sha256`, a `signing_key`, or both: without either nobody can be this client")
        if self.sign_writes and self.signing_key is None:
            raise ValueError("`sign_writes` needs a `signing_key`; `crossgate keys signing` makes a pair")
        return self


class LimiterConfig(_Section):
    max_wait_ms: Milliseconds = 5_000
    hard_timeout_ms: int = Field(default=10_000, ge=100, le=120_000)
    reserve_share: float = Field(default=0.05, ge=0, lt=1)
    queue_max: int = Field(default=8_192, ge=1)
    assume_unspent: bool = False
    """Take an empty Redis at start to mean that nothing was spent. Only where the venue starts with us: a sandbox."""


class OrderSettings(_Section):
    window_ms: int = Field(default=2_000, ge=100, le=60_000)
    """How long a venue may still accept an order after its send time."""
    clock_error_ms: int = Field(default=1_000, ge=0, le=60_000)
    history_lag_ms: int = Field(default=3_000, ge=0, le=600_000)
    """How far a venue's histories may lag behind its engine."""
    withdrawal_lag_ms: int = Field(default=600_000, ge=0, le=86_400_000)
    """How much later than it was sent a withdrawal may first show in a venue's list."""
    valid_for_ms: int = Field(default=10_000, ge=100, le=60_000)
    """How long an order may wait to be sent, if its client does not say."""
    claim_lease_ms: int = Field(default=10_000, ge=1_000, le=120_000)
    """After how long without a word a replica is taken to have died over an order."""
    answer_lease_ms: int = Field(default=3_000, ge=500, le=120_000)
    """How long after its send an order without an answer is looked for by others; at most `claim_lease_ms`."""
    client_order_id_required: bool = True
    look_back_ms: int = Field(default=3_600_000, ge=1_000, le=7 * 24 * 3_600_000)
    """After a loss of the store: how far back the venue's histories are looked through for orders."""
    assume_none_sent: bool = False
    """Take an empty Redis at start to mean that no order was sent. Only where the venue starts with us: a sandbox."""
    stuck_after_ms: int = Field(default=30_000, ge=1_000, le=3_600_000)
    """After how long of looking an unknown order up in vain its market is held, and people are told."""
    full_record_ms: int = Field(default=900_000, ge=0, le=86_400_000)
    """How long after its end an order's record stays whole."""
    keep_finished_ms: int = Field(default=7 * 24 * 3_600_000, ge=60_000, le=30 * 24 * 3_600_000)
    """How long a finished order can be asked for, and its client_order_id stands for it."""

    @property
    def sent_lease_ms(self) -> int:
        """How long an order that was sent is left to whoever sent it."""
        return min(self.answer_lease_ms, self.claim_lease_ms)


class FeedConfig(_Section):
    lease_ms: int = Field(default=2_000, ge=300, le=60_000)
    """A venue's streams are taken over this long after their owner died."""
    linger_ms: int = Field(default=5_000, ge=0, le=600_000)
    """A topic is kept this long after its last reader left."""


class ArchiveConfig(_Section):
    directory: Path | None = None
    """Where journals are copied to; every replica must find the same files there. None: they are not."""
    rotate_bytes: int = Field(default=64 * 2**20, ge=4_096, le=2**30)
    rotate_s: int = Field(default=86_400, ge=1, le=31 * 86_400)
    """A file is sealed when it is this large, or this old."""


class LogSettings(_Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "console"] = "json"


class TelemetrySettings(_Section):
    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s@?#]+$")
    """Where traces go, as OTLP over HTTP: `http://collector:4318/v1/traces`. None: there are none."""
    sample_ratio: float = Field(default=0.01, ge=0, le=1)
    """The part of the requests that is traced, of those whose caller has not decided."""
    commit: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    """Of what source this is; an image says it of itself."""


class Settings(BaseSettings):
    """The whole configuration; `config_file.load` reads it."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
    )

    server: ServerSettings = ServerSettings()
    redis: RedisSettings
    keys: KeySettings
    auth: AuthSettings = AuthSettings()
    venues: dict[Name, VenueConfig] = Field(min_length=1)
    accounts: dict[Name, AccountConfig] = {}
    desks: Annotated[dict[Name, DeskConfig], BeforeValidator(_named_desks)] = {}
    profiles: dict[Name, ProfileConfig] = {}
    clients: dict[Name, ClientConfig] = {}
    limiter: LimiterConfig = LimiterConfig()
    orders: OrderSettings = OrderSettings()
    feeds: FeedConfig = FeedConfig()
    archive: ArchiveConfig = ArchiveConfig()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as keyword arguments."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        problems = list(self._dangling())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _dangling(self) -> Iterator[str]:
        for name, account in self.accounts.items():
            if account.venue not in self.venues:
                yield f"accounts.{name}.venue: there is no venue {account.venue!r}"
        for name, client in self.clients.items():
            if client.desk is not None and client.desk not in self.desks:
                yield f"clients.{name}.desk: there is no desk {client.desk!r}"
            if client.profile is not None and client.profile not in self.profiles:
                yield f"clients.{name}.profile: there is no profile {client.profile!r}"
            for account_name in client.accounts:
                if account_name not in self.accounts:
                    yield f"clients.{name}.accounts: there is no account {account_name!r}"
