"""Signed requests: what is signed, and whether a signature is good. Pure; that it counts once is `signatures`' part.

Signed is `timestamp + method + path + body`: the timestamp as its header has it, the path with its query as it was
sent, the body's bytes as they came. Nothing separates the parts, so a body must be a JSON object and a path hold no
brace: then no other request has the same text.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY, TIMESTAMP, SIGNATURE = "X-API-Key", "X-API-Timestamp", "X-API-Signature"

WINDOW_MS = 5_000
"""How far a timestamp may be from our time, either way."""

_SIGNATURE_BYTES = 64
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,14}")


class SignatureRefused(Exception):
    """The request is not signed as it should be; `part` is the header that is wrong."""

    def __init__(self, part: str, message: str):
        super().__init__(message)
        self.part = part


@dataclass(frozen=True, slots=True)
class Signed:
    """What the headers of a signed request say."""

    client: str
    timestamp_ms: int
    signature: bytes = field(repr=False)


def read_headers(keys: Sequence[str], timestamps: Sequence[str], signatures: Sequence[str]) -> Signed:
    """The three headers, each given as often as it was sent.

    Raises `SignatureRefused`.
    """
    for name, values in ((KEY, keys), (TIMESTAMP, timestamps), (SIGNATURE, signatures)):
        if len(values) != 1:
            raise SignatureRefused(name, f"a signed request needs {name} exactly once")
    if not _TIMESTAMP.fullmatch(timestamps[0]):
        raise SignatureRefused(TIMESTAMP, f"{TIMESTAMP} must be whole milliseconds since 1970")
    try:
        signature = base64.b64decode(signatures[0], validate=True)
    except ValueError:
        signature = b""
    if len(signature) != _SIGNATURE_BYTES:
        raise SignatureRefused(SIGNATURE, f"{SIGNATURE} must be an ED25519 signature, 64 bytes in base64")
    return Signed(keys[0], int(timestamps[0]), signature)


def message(timestamp_ms: int, method: str, target: bytes, body: bytes) -> bytes:
    """What is signed; `target` is the path with its query, as sent.

    Raises `SignatureRefused` for a request whose text could be another's.
    """
    if b"{" in target or (body and not body.startswith(b"{")):
        raise SignatureRefused(SIGNATURE, "a signed body must begin with `{`, and a signed path hold none")
    return b"".join((b"%d" % timestamp_ms, method.encode(), target, body))


def verify(key: bytes | None, signature: bytes, text: bytes) -> None:
    """Raise `SignatureRefused` unless the signature is good; None, for a client without a key, costs as much."""
    try:
        Ed25519PublicKey.from_public_bytes(key or _NOBODYS_KEY).verify(signature, text)
    except InvalidSignature:
        is_good = False
    else:
        is_good = key is not None
    if not is_good:
        # Whether the client exists, or has a key, is nobody's business who cannot sign for it.
        raise SignatureRefused(
            SIGNATURE,
            "the signature does not fit: it must be over timestamp, method, path with query and body, exactly as sent, "
            f"with the key whose public half is the signing_key of the client in {KEY}",
        )


def digest(key: bytes, text: bytes) -> str:
    """What a signed request is remembered by: one text may have several good signatures."""
    return hashlib.sha256(key + text).hexdigest()


_NOBODYS_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""The public key of the first test vector of RFC 8032."""
