"""Our own bearer tokens: EdDSA and nothing else, an hour at most, bound to the client's grants as they stand.

The first seed signs; all of them verify, so that a seed can be replaced without a gap.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.auth.grants import Client

_ALGORITHM = "EdDSA"
_TYPE = "crossgate+jwt"
_ISSUER = "crossgate"
_TOKEN_MAX_BYTES = 2048
_LIFETIME_MAX_S = 3_600
_CLAIMS = ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "gv"]


class TokenRefused(Exception):
    """The token opens nothing; the message says why in words that help its owner and nobody else."""


class Tokens:
    """Issues tokens and verifies them; a verified one is remembered until it expires."""

    def __init__(
        self,
        seeds: Sequence[bytes],
        *,
        audience: str,
        lifetime_s: int,
        find_client: Callable[[str], Client | None],
        remember_max: int = 10_000,
        time_s: Callable[[], float] = time.time,
    ):
        keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
        self._signing_kid = _kid(keys[0].public_key())
        self._signing_key = keys[0]
        self._public_keys = {_kid(key.public_key()): key.public_key() for key in keys}
        self._audience = audience
        self.lifetime_s = lifetime_s
        self._find_client = find_client
        self._remembered: dict[str, tuple[str, str, int]] = {}
        self._remember_max = remember_max
        self._time_s = time_s

    def issue(self, client: Client) -> str:
        now_s = int(self._time_s())
        claims = {
            "iss": _ISSUER,
            "aud": self._audience,
            "sub": client.name,
            "jti": secrets.token_hex(16),
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + self.lifetime_s,
            "gv": client.version,
        }
        return jwt.encode(claims, self._signing_key, _ALGORITHM, headers={"kid": self._signing_kid, "typ": _TYPE})

    def verify(self, token: str) -> Client:
        """The client a token speaks for, with its grants as they stand now.

        Raises `TokenRefused`.
        """
        known = self._remembered.get(token)
        if known is None:
            claims = self._decode(token)
            known = (claims["sub"], claims["gv"], claims["exp"])
            self._remember(token, known)
        name, version, expires_s = known
        if self._time_s() >= expires_s:
            self._remembered.pop(token, None)
            raise TokenRefused("the token has expired; get a new one from POST /v1/auth/token")
        client = self._find_client(name)
        if client is None or client.version != version:
            self._remembered.pop(token, None)
            raise TokenRefused("the client's grants have changed since the token was issued; get a new one")
        return client

    def _remember(self, token: str, known: tuple[str, str, int]) -> None:
        while len(self._remembered) >= self._remember_max:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[token] = known

    def _decode(self, token: str) -> dict[str, Any]:
        if not token:
            raise TokenRefused("the Authorization header must be `Bearer <token>`")
        if len(token) > _TOKEN_MAX_BYTES:
            raise TokenRefused("the token is not one of ours")
        try:
            header = jwt.get_unverified_header(token)
            key = self._public_keys.get(header.get("kid", ""))
            if key is None or header != {"alg": _ALGORITHM, "kid": header["kid"], "typ": _TYPE}:
                raise TokenRefused("the token is not one of ours")
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=_ISSUER,
                leeway=5,
                # The expiry is judged by `verify`, on the same clock for remembered tokens.
                options={"require": _CLAIMS, "verify_exp": False},
            )
        except (jwt.PyJWTError, UnicodeError, TypeError):
            raise TokenRefused("the token is not one of ours") from None
        if not all(isinstance(claims[name], str) for name in ("sub", "gv")):
            raise TokenRefused("the token is not one of ours")
        if not all(type(claims[name]) is int for name in ("iat", "nbf", "exp")):
            raise TokenRefused("the token is not one of ours")
        if claims["exp"] - claims["iat"] > _LIFETIME_MAX_S:
            raise TokenRefused("the token is not one of ours")
        return claims


def _kid(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
