"""Key pairs of the simulated sub-accounts, derived from their names: the same in every run, and worth nothing."""

import base64
import hashlib
from dataclasses import dataclass

from nacl.signing import SigningKey

from sandbox.config import AccountConfig

ACCOUNT_SCOPES = ("read", "trade")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`public` and `secret` in base64, the secret being the ED25519 seed; `user_id` is a number the venue shows.

    `scopes` say what the key may do: `read`, `trade`, `withdraw`. With an `ip_whitelist` it is only good from there.
    """

    account: str
    public: str
    secret: str
    user_id: int
    name: str = ""
    scopes: tuple[str, ...] = ACCOUNT_SCOPES
    ip_whitelist: tuple[str, ...] = ()


def key_pair(
    account: str,
    name: str = "",
    *,
    scopes: tuple[str, ...] = ACCOUNT_SCOPES,
    ip_whitelist: tuple[str, ...] = (),
) -> KeyPair:
    """An account's first key, or by its name a further one."""
    owner = _seed(f"sandbox account {account}")
    seed = _seed(f"sandbox account {account} key {name}") if name else owner
    return KeyPair(
        account=account,
        public=base64.b64encode(bytes(SigningKey(seed).verify_key)).decode(),
        secret=base64.b64encode(seed).decode(),
        user_id=1_900_000 + int.from_bytes(owner[:2], "big"),
        name=name,
        scopes=scopes,
        ip_whitelist=ip_whitelist,
    )


def keys_of(account: AccountConfig) -> list[KeyPair]:
    """All keys of an account, the first one first."""
    first = key_pair(account.name, scopes=account.scopes, ip_whitelist=account.ip_whitelist)
    further = [
        key_pair(account.name, key.name, scopes=key.scopes, ip_whitelist=key.ip_whitelist) for key in account.keys
    ]
    return [first, *further]


def credentials(pair: KeyPair) -> dict[str, str]:
    return {"api_key": pair.public, "api_secret": pair.secret}


def _seed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
