"""Every key there is, and the check of who signed: signature, time, scope, address."""

import base64
from collections.abc import Sequence
from typing import Any

from nacl.signing import VerifyKey

from sandbox.backpack.errors import Problem, forbidden
from sandbox.backpack.keys import KeyPair, credentials, keys_of
from sandbox.backpack.signing import Parameters, Stamp, check_signature, check_time, read_stamp
from sandbox.config import AccountConfig
from sandbox.whitelist import allows


class Keyring:
    """Keys by their public half. `strict` accepts the documented signing string only."""

    def __init__(self, accounts: Sequence[AccountConfig], *, strict: bool) -> None:
        pairs = [pair for account in accounts for pair in keys_of(account)]
        self._pairs = {pair.public: pair for pair in pairs}
        self._verify_keys = {pair.public: VerifyKey(base64.b64decode(pair.public)) for pair in pairs}
        self.user_ids = {pair.account: pair.user_id for pair in pairs}
        self._strict = strict

    def owner(self, public_key: str) -> str | None:
        """Whose key this is, without any proof."""
        pair = self._pairs.get(public_key)
        return pair.account if pair else None

    def signer(
        self,
        stamp: Stamp,
        instruction: str,
        groups: Sequence[Parameters],
        *,
        scope: str,
        address: str,
        now_us: int,
    ) -> str:
        """The account whose key signed this; raises `Problem` if none did, too late, or without the right to."""
        pair = self._pairs.get(stamp.public_key)
        if pair is None:
            raise Problem(401, "UNAUTHORIZED", "Unauthorized")
        check_time(stamp, now_us // 1000)
        check_signature(stamp, self._verify_keys[pair.public], instruction, groups, strict=self._strict)
        _check_rights(pair, scope, address)
        return pair.account

    def subscriber(self, signature: Sequence[str], address: str, now_us: int) -> str:
        """The account that signed a subscription to private streams."""
        public_key, signed, timestamp, window = signature
        stamp = read_stamp(public_key, signed, timestamp, window)
        return self.signer(stamp, "subscribe", [{}], scope="read", address=address, now_us=now_us)

    def accounts(self) -> list[dict[str, Any]]:
        """Accounts with the credentials of their first key, and of all keys. Secrets included."""
        keys: dict[str, list[KeyPair]] = {}
        for pair in self._pairs.values():
            keys.setdefault(pair.account, []).append(pair)
        return [
            {
                "name": name,
                "credentials": credentials(own[0]),
                "public_key": own[0].public,
                "secret_key": own[0].secret,
                "user_id": own[0].user_id,
                "keys": [credentials(pair) | {"name": pair.name, "scopes": pair.scopes} for pair in own],
            }
            for name, own in keys.items()
        ]


def _check_rights(pair: KeyPair, scope: str, address: str) -> None:
    if scope not in pair.scopes:
        raise forbidden(f"API key has no {scope} permission")
    if pair.ip_whitelist and not allows(pair.ip_whitelist, address):
        raise forbidden("API key may not be used from this address")
