"""ED25519 public keys as the configuration names them. Pure."""

import base64

from nacl.bindings import crypto_core_ed25519_is_valid_point

KEY_BYTES = 32


def public_key_bytes(text: str) -> bytes:
    """The key, from base64 or hex.

    Raises `ValueError` if it is none, or one under which anybody could sign; the message does not repeat it.
    """
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES or not crypto_core_ed25519_is_valid_point(key):
        raise ValueError("must be an ED25519 public key in base64 or hex; `crossgate keys signing` makes a pair")
    return key
