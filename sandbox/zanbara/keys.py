"""API keys of the simulated accounts, derived from their names: the same in every run, and worth nothing.

One more user, `usr_1001`, holds the two published key pairs that example signatures are made with.
"""

import hashlib
from dataclasses import dataclass

from sandbox.config import AccountConfig

EXAMPLE_USER = "usr_1001"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key pair. `name` is whom its requests count as: its account, or for a further key account and number."""

    name: str
    account: str
    user_id: str
    api_key: str
    api_secret: str
    scopes: tuple[str, ...]
    vip_level: int = 0
    ip_whitelist: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        return self.api_key.split("_")[1]


def api_key(config: AccountConfig) -> ApiKey:
    seed = f"sandbox account {config.name}"
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
    return ApiKey(
        name=config.name,
        account=config.name,
        user_id=f"usr_{2000 + number % 1_000_000}",
        api_key="pk_test_" + hashlib.sha256(f"{seed} key".encode()).hexdigest()[:32],
        api_secret="sk_test_" + hashlib.sha256(f"{seed} secret".encode()).hexdigest(),
        scopes=("read", "trade"),
        vip_level=config.vip_level,
        ip_whitelist=config.ip_whitelist,
    )


def example_keys() -> tuple[ApiKey, ApiKey]:
    """One that may trade and one that may withdraw, both of one user."""
    forward, backward = "0123456789abcdef", "fedcba9876543210"
    trading = ApiKey(
        name=EXAMPLE_USER,
        account=EXAMPLE_USER,
        user_id=EXAMPLE_USER,
        api_key="pk_test_00112233445566778899aabbccddeeff",
        api_secret=f"sk_test_{forward * 4}",
        scopes=("read", "trade"),
    )
    withdrawing = ApiKey(
        name=f"{EXAMPLE_USER}#2",
        account=EXAMPLE_USER,
        user_id=EXAMPLE_USER,
        api_key="pk_test_ffeeddccbbaa99887766554433221100",
        api_secret=f"sk_test_{backward * 4}",
        scopes=("read", "withdraw"),
    )
    return trading, withdrawing
