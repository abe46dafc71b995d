"""Tokens: issued for a key and its secret, good until they expire, several at a time.

There is no refresh: a new one is asked for in the same way. `expire_all` ends tokens early, for tests of just that.
Source: docs.zanbarax.com/api-zong-lan/authentication
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from jwt.types import Options

from sandbox.config import ZanbaraConfig
from sandbox.zanbara.errors import unauthenticated
from sandbox.zanbara.keys import ApiKey

ALGORITHM = "HS256"
ISSUER = "zanbara"
MOST_REMEMBERED = 10_000
TIMES_BY_OUR_OWN_CLOCK: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says once its signature is found good."""

    api_key: str
    user_id: str
    expires_s: int
    number: int


class ExpiredToken(Exception):
    """A token that was good once."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("token expired")
        self.claims = claims


class Tokens:
    """Issues and verifies. Times are the venue's, whatever the machine's clock says."""

    def __init__(self, config: ZanbaraConfig) -> None:
        self._secret = config.jwt_secret
        self.lifetime_s = config.token_lifetime_s
        self._next_number = 1
        self._known: dict[str, Claims] = {}
        self._since_expiry: Counter[str] = Counter()
        self._ended: dict[str, int] = {}  # by user, the highest number that no longer counts

    def issue(self, key: ApiKey, now_us: int) -> str:
        issued_s = now_us // 1_000_000
        claims = {
            "iss": ISSUER,
            "sub": key.user_id,
            "api_key": key.api_key,
            "env": key.environment,
            "scopes": list(key.scopes),
            "iat": issued_s,
            "exp": issued_s + self.lifetime_s,
            "jti": f"tok_{self._next_number:016}",
        }
        self._next_number += 1
        self._since_expiry[key.user_id] += 1
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def verify(self, token: str, now_us: int) -> Claims:
        """What a good token says; raises `ExpiredToken`, or `Problem` for one that never was good."""
        claims = self._read(token)
        if not self.is_good(claims, now_us):
            raise ExpiredToken(claims)
        return claims

    def is_good(self, claims: Claims, now_us: int) -> bool:
        return claims.expires_s * 1_000_000 > now_us and claims.number > self._ended.get(claims.user_id, -1)

    def expire_all(self, user_ids: list[str]) -> int:
        """End every token issued so far to these users, and say how many that were since the last time."""
        for user_id in user_ids:
            self._ended[user_id] = self._next_number - 1
        return sum(self._since_expiry.pop(user_id, 0) for user_id in user_ids)

    def _read(self, token: str) -> Claims:
        """What the token says; read once and remembered, for a text's signature does not change."""
        known = self._known.get(token)
        if known is not None:
            return known
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        claims = self._known[token] = self._decoded(token)
        return claims

    def _decoded(self, token: str) -> Claims:
        try:
            payload = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], issuer=ISSUER, options=TIMES_BY_OUR_OWN_CLOCK
            )
            return _claims(payload)
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError) as exc:
            raise unauthenticated() from exc


def _claims(payload: Mapping[str, object]) -> Claims:
    expires_s, number = payload["exp"], str(payload["jti"]).removeprefix("tok_")
    if not isinstance(expires_s, int):
        raise TypeError("exp")
    return Claims(str(payload["api_key"]), str(payload["sub"]), expires_s, int(number))


def bearer(header: str | None) -> str:
    """The token in an Authorization header; raises `Problem` if there is none."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated()
    return token.strip()
