"""Zanbara's request signature: HMAC-SHA256 over time, method, target and body. Pure; time is an argument.

Source: docs.zanbarax.com, "authentication" (`/api-zong-lan/authentication`).
"""

import hashlib
import hmac
from collections.abc import Mapping

Headers = list[tuple[bytes, bytes]]

_PREFIXES = {"api_key": "pk_", "api_secret": "sk_"}
CREDENTIAL_FIELDS = frozenset(_PREFIXES)


class Key:
    """One account's API key; prints as nothing but the prefix that every key has."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        """Take `api_key` (`pk_…`) and `api_secret` (`sk_…`), of any length: the documentation contradicts itself there.

        Raises `ValueError` naming the field, never its value.
        """
        for field, prefix in _PREFIXES.items():
            value = credentials.get(field, "")
            if not value:
                raise ValueError(f"missing credential field {field}")
            if not value.startswith(prefix) or not value.isascii() or not value.isprintable() or " " in value:
                raise ValueError(f"{field} is not one of this venue's: they begin with {prefix}")
        self.public = credentials["api_key"]
        self.secret = credentials["api_secret"]

    def __repr__(self) -> str:
        return f"Key({self.public[:8]}…)"

    def sign(self, text: bytes) -> str:
        return hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()


def signed_headers(key: Key, method: str, target: bytes, body: bytes, *, timestamp_ms: int) -> Headers:
    """The three headers that sign a request; `target` is path and query exactly as sent, from `/v1` on.

    The venue accepts them while its clock is within 5 s of `timestamp_ms`, either way.
    """
    timestamp = b"%d" % timestamp_ms
    signature = key.sign(timestamp + method.encode() + target + body)
    return [
        (b"X-API-Key", key.public.encode()),
        (b"X-API-Timestamp", timestamp),
        (b"X-API-Signature", signature.encode()),
    ]
