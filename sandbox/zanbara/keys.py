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
    """An account's first key."""
    seed = f"sandbox account {config.name}"
    return _derived(config, config.name, seed, config.scopes, config.ip_whitelist)


def keys_of(config: AccountConfig) -> list[ApiKey]:
    """All keys of an account, the first one first."""
    further = [
        _derived(config, f"{config.name}#{key.name}", f"sandbox account {config.name} key {key.name}",
                 key.scopes, key.ip_whitelist)
        for key in config.keys
    ]  # fmt: skip
    return [api_key(config), *further]


def _derived(
    config: AccountConfig, name: str, seed: str, scopes: tuple[str, ...], ip_whitelist: tuple[str, ...]
) -> ApiKey:
    owner = hashlib.sha256(f"sandbox account {config.name}".encode()).digest()
    return ApiKey(
        name=name,
        account=config.name,
        user_id=f"usr_{2000 + int.from_bytes(owner[:4], 'big') % 1_000_000}",
        api_key="pk_test_" + hashlib.sha256(f"{seed} key".encode()).hexdigest()[:32],
        api_secret="sk_test_" + hashlib.sha256(f"{seed} secret".encode()).hexdigest(),
        scopes=scopes,
        vip_level=config.vip_level,
        ip_whitelist=ip_whitelist,
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
