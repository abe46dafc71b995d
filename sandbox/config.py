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
class AccountConfig:
    """A simulated sub-account. Its credentials follow from its name alone.

    `vip_level` and `ip_whitelist` (addresses, ranges, networks; empty allows all) are for venues that have them.
    """

    name: str
    balances: dict[str, Decimal]
    leverage_limit: Decimal = Decimal(10)
    vip_level: int = 0
    ip_whitelist: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """One simulated venue.

    `makers` off gives a book that only moves when users move it: empty, or with `book_levels` static levels a side.
    `history_lag_ms` delays when finished orders and fills show in histories; `clock_skew_ms` sets the venue's clock
    ahead of ours; `strict_signatures` refuses the signing variants of third-party clients.
    """

    venue: str = "backpack"
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 7
    accounts: tuple[AccountConfig, ...] = DEFAULT_ACCOUNTS
    makers: bool = True
    book_levels: int = 0
    tick_ms: int = 100
    limits: LimitConfig = LimitConfig()
    strict_signatures: bool = False
    history_lag_ms: int = 0
    clock_skew_ms: int = 0
    ping_interval_s: float = 60.0
    ping_timeout_s: float = 120.0
    ledger_size: int = 10_000
    zanbara: ZanbaraConfig = ZanbaraConfig()
