"""Everything a sandbox can be told, with defaults that suit a desk: frozen, plain data.

Environment, command line and file formats are for whoever starts it.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Counting(StrEnum):
    """How a venue might count requests against a limit; a strict judge applies every kind at once."""

    FIRST_REQUEST = "first_request"  # a fixed window that opens with the first request after the last one closed
    CLOCK = "clock"  # windows aligned to the clock
    ROLLING = "rolling"  # any window of one period, exactly
    BUCKET = "bucket"  # as many as the limit at once, refilled evenly over the period


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """Requests per period. `limits` maps a class of requests to how many of them one caller may make.

    Without `limits` or `counting` the venue's own hold; a class that `limits` leaves out has none.
    """

    period_ms: int = 60_000
    limits: dict[str, int] | None = None
    counting: tuple[Counting, ...] | None = None
    enforced: bool = True  # False: breaches are recorded and the request is served all the same

    @classmethod
    def strict(cls, period_ms: int = 60_000, limits: dict[str, int] | None = None) -> "LimitConfig":
        """Judge by every kind of counting at once."""
        return cls(period_ms=period_ms, limits=limits, counting=tuple(Counting))


@dataclass(frozen=True, slots=True)
class KeyConfig:
    """A further API key of an account; its credentials follow from the account's name and its own.

    `scopes` are of `read`, `trade` and `withdraw`; `ip_whitelist` holds addresses, ranges, networks (empty allows all).
    """

    name: str
    scopes: tuple[str, ...] = ("read", "trade")
    ip_whitelist: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """A simulated sub-account. The credentials of its first key follow from its name alone.

    `scopes` and `ip_whitelist` are the first key's. `vip_level`, `user_level`, `zanb_held` (which lowers fees) and
    `is_frozen` are for Zanbara; `address_book` lists where Backpack lets this account withdraw to without a second
    factor, which is nowhere by default.
    """

    name: str
    balances: dict[str, Decimal]
    leverage_limit: Decimal = Decimal(10)
    scopes: tuple[str, ...] = ("read", "trade")
    ip_whitelist: tuple[str, ...] = ()
    keys: tuple[KeyConfig, ...] = ()
    vip_level: int = 0
    user_level: str = "intermediate"
    zanb_held: Decimal = Decimal(0)
    is_frozen: bool = False
    address_book: tuple[str, ...] = ()


AMPLE = {"USDC": Decimal(1_000_000), "SOL": Decimal(10_000), "BTC": Decimal(100)}
LITTLE = {"USDC": Decimal(50), "SOL": Decimal("0.5")}

DEFAULT_ACCOUNTS = (
    AccountConfig("desk-a", AMPLE),
    AccountConfig("desk-b", AMPLE),
    AccountConfig("desk-poor", LITTLE),
)


def numbered_accounts(count: int) -> tuple[AccountConfig, ...]:
    """`acct-01` … : as many more accounts with ample balances."""
    return tuple(AccountConfig(f"acct-{number:02}", AMPLE) for number in range(1, count + 1))


@dataclass(frozen=True, slots=True)
class ZanbaraConfig:
    """What only the Zanbara face can be told.

    `environment` "testnet" means no request limits. `reject_replay` refuses a signature seen before,
    `require_signature` a private request without one, `strict_numbers` a JSON number where text belongs,
    `strict_key_environment` a key whose prefix is not the environment's. `halted` symbols take no orders.
    `enable_v1_1` brings batch placing and iceberg orders, `dynamic_leverage` the limits of user levels, position sizes
    and volatility. `mmr_rule` is `per_symbol`, or `half_initial` of the account's leverage.
    """

    environment: str = "production"
    jwt_secret: str = "zanbara-simulator-jwt-secret-0001"  # noqa: S105 - published, and protects a simulation
    token_lifetime_s: int = 3600
    max_skew_ms: int = 5000
    ws_heartbeat_timeout_ms: int = 60_000
    ws_max_subscriptions: int = 100
    require_signature: bool = False
    reject_replay: bool = False
    strict_numbers: bool = False
    strict_key_environment: bool = False
    halted: tuple[str, ...] = ()
    enable_v1_1: bool = True
    dynamic_leverage: bool = False
    mmr_rule: str = "per_symbol"
    liquidation_ratio: Decimal = Decimal("1.10")
    liquidation_fee_rate: Decimal = Decimal("0.005")
    max_open_orders: int = 200


@dataclass(frozen=True, slots=True)
class BackpackConfig:
    """What only the Backpack face can be told.

    Undocumented which routes count as historical: `historical_trades` and `historical_funding` add `/trades` and
    `/fundingRates`. `empty_cancels` answers cancels with 202 and no body, as the venue may. `close_grace_s` is how long
    a socket stays open after the venue has said goodbye.
    """

    historical_trades: bool = False
    historical_funding: bool = False
    empty_cancels: bool = False
    close_grace_s: float = 0.0


class ClockKind(StrEnum):
    """How the venue's time passes."""

    REAL = "real"
    SCALED = "scaled"  # `clock_rate` times as fast as real time
    STEPPED = "stepped"  # only when told


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """One simulated venue.

    `makers` off gives a book that only moves when users move it: empty, or with `book_levels` static levels a side.
    `book_heartbeat` lets an update id pass at every tick in which a book stands still, for clients that wait for some.
    `history_lag_ms` delays when finished orders and fills show in histories; `clock_skew_ms` sets the venue's clock
    ahead of ours; `strict_signatures` refuses the signing variants of third-party clients. `clock` says how time passes
    from `clock_start_ms` (none: now) on.
    """

    venue: str = "backpack"
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 7
    accounts: tuple[AccountConfig, ...] = DEFAULT_ACCOUNTS
    makers: bool = True
    book_levels: int = 0
    book_heartbeat: bool = False
    tick_ms: int = 100
    limits: LimitConfig = LimitConfig()
    strict_signatures: bool = False
    history_lag_ms: int = 0
    clock: ClockKind = ClockKind.REAL
    clock_rate: int = 1
    clock_start_ms: int | None = None
    clock_skew_ms: int = 0
    ping_interval_s: float = 60.0
    ping_timeout_s: float = 120.0
    ledger_size: int = 10_000
    backpack: BackpackConfig = BackpackConfig()
    zanbara: ZanbaraConfig = ZanbaraConfig()
