"""Backpack's request signature: ED25519 over the instruction and the sorted parameters. Pure; time is an argument.

Source: docs.backpack.exchange, "Authentication", "Signing requests".
"""

import base64
import binascii
from collections.abc import Mapping, Sequence

from nacl.signing import SigningKey

Scalar = str | int | bool
Params = Mapping[str, Scalar]
Headers = list[tuple[bytes, bytes]]

_SEED_BYTES = 32
CREDENTIAL_FIELDS = frozenset({"api_key", "api_secret"})


class Key:
    """One account's key pair; prints as nothing but its first characters of the public half."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        """Take `api_key` (public key) and `api_secret` (seed, or seed and public key together), both base64.

        Raises `ValueError` naming the field, never its value.
        """
        if missing := sorted(CREDENTIAL_FIELDS - credentials.keys()):
            raise ValueError(f"missing credential field {missing[0]}")
        public = _decode("api_key", credentials["api_key"], {_SEED_BYTES})
        secret = _decode("api_secret", credentials["api_secret"], {_SEED_BYTES, 2 * _SEED_BYTES})
        self._signing_key = SigningKey(secret[:_SEED_BYTES])
        derived = bytes(self._signing_key.verify_key)
        if public != derived or secret[_SEED_BYTES:] not in {b"", derived}:
            raise ValueError("api_key is not the public key that belongs to api_secret")
        self.public = base64.b64encode(public).decode()

    def __repr__(self) -> str:
        return f"Key({self.public[:4]}…)"

    def sign(self, text: str) -> str:
        return base64.b64encode(self._signing_key.sign(text.encode()).signature).decode()


def signing_text(instruction: str, params: Params | Sequence[Params], *, timestamp_ms: int, window_ms: int) -> str:
    """The text to sign: of one request, or of a batch in which every element repeats the instruction."""
    batch = [params] if isinstance(params, Mapping) else params
    parts = [part for element in batch for part in (f"instruction={instruction}", *_sorted_pairs(element))]
    return "&".join([*parts, f"timestamp={timestamp_ms}", f"window={window_ms}"])


def signed_headers(
    key: Key, instruction: str, params: Params | Sequence[Params], *, timestamp_ms: int, window_ms: int
) -> Headers:
    """The four headers that authenticate a request carrying exactly `params`, in its query or its JSON body."""
    text = signing_text(instruction, params, timestamp_ms=timestamp_ms, window_ms=window_ms)
    return [
        (b"X-API-Key", key.public.encode()),
        (b"X-Signature", key.sign(text).encode()),
        (b"X-Timestamp", b"%d" % timestamp_ms),
        (b"X-Window", b"%d" % window_ms),
    ]


def subscribe_signature(key: Key, *, timestamp_ms: int, window_ms: int) -> tuple[str, str, str, str]:
    """The `signature` member of a subscription to private streams; the streams' names are not signed."""
    text = signing_text("subscribe", {}, timestamp_ms=timestamp_ms, window_ms=window_ms)
    return key.public, key.sign(text), str(timestamp_ms), str(window_ms)


def _sorted_pairs(params: Params) -> list[str]:
    return [f"{name}={_text(params[name])}" for name in sorted(params)]


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _decode(field: str, value: str, sizes: set[int]) -> bytes:
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{field} is not base64") from None
    if len(decoded) not in sizes:
        raise ValueError(f"{field} has {len(decoded)} bytes, expected {' or '.join(map(str, sorted(sizes)))}")
    return decoded
