"""New secrets, and what the configuration keeps of them."""

import base64
import hashlib
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_client_secret() -> str:
    """256 random bits, with a prefix that secret scanners can look for."""
    return f"cgs_{secrets.token_urlsafe(32)}"


def secret_sha256(secret: str) -> str:
    """What the configuration holds of a client's secret: it opens nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_seed() -> str:
    """A key for `keys.tokens` or `keys.ids`: 32 random bytes, in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def new_signing_key() -> tuple[str, str]:
    """An ED25519 key pair to sign requests with: the private seed and the public key, each in base64."""
    key = Ed25519PrivateKey.generate()
    private, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    return base64.b64encode(private).decode(), base64.b64encode(public).decode()


def seed_bytes(text: str) -> bytes:
    """The 32 bytes of a seed written by `new_seed`.

    Raises `ValueError` if it is none; the message does not repeat it.
    """
    try:
        seed = base64.b64decode(text, validate=True)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise ValueError("must be 32 bytes in base64; `crossgate keys seed` makes one")
    return seed
