"""Key pairs of the simulated sub-accounts, derived from their names: the same in every run, and worth nothing."""

import base64
import hashlib
from dataclasses import dataclass

from nacl.signing import SigningKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`public` and `secret` in base64, the secret being the ED25519 seed; `user_id` is a number the venue shows."""

    account: str
    public: str
    secret: str
    user_id: int


def key_pair(account: str) -> KeyPair:
    seed = hashlib.sha256(f"sandbox account {account}".encode()).digest()
    public = bytes(SigningKey(seed).verify_key)
    return KeyPair(
        account=account,
        public=base64.b64encode(public).decode(),
        secret=base64.b64encode(seed).decode(),
        user_id=1_900_000 + int.from_bytes(seed[:2], "big"),
    )
