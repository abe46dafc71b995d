"""The venues' tokens: one for each account, shared by all replicas, sealed before it goes to Redis.

Three layers: the value in this process; one login under way per account in this process; a lease in Redis, so that the
whole fleet logs in once. Who does not get the lease waits for the token of who did; if that one dies, the lease lapses
and the next one logs in. A token is replaced only by a newer one, by its generation.
"""

import asyncio
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import structlog
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from adapters.contract import Clock, FetchToken, Token
from adapters.models import AccountName, VenueName
from gateway.errors import StoreUnavailable
from gateway.store import keys, metrics
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_STORE = Script.load("gateway.store", "store_token.lua")
_RELEASE = Script.load("gateway.store", "release.lua")

LEASE_MS = 5_000
"""How long one replica may take to log in before another tries."""
_LOOK_EVERY_S = 0.05
_MARGIN_US = 10_000_000
"""A token that ends within this is not used any more, since its request may wait for the limiter; for tokens that live
for less than 100 s, a tenth of their life."""
_RENEW_FROM, _RENEW_UNTIL = 0.80, 0.90
"""The part of its life after which a token is renewed: spread, so that many accounts do not log in together."""


@dataclass(frozen=True, slots=True)
class _Kept:
    token: Token
    generation: int


class TokenVault:
    """Makes the caches of all accounts; `open` gives them their store."""

    def __init__(self, seal: bytes):
        self._box = SecretBox(seal)
        self._store: Store | None = None

    def open(self, store: Store) -> None:
        self._store = store

    @property
    def store(self) -> Store:
        assert self._store is not None, "opened at start"  # noqa: S101
        return self._store

    def cache(self, venue: VenueName, account: AccountName, clock: Clock) -> "AccountTokens":
        return AccountTokens(self, venue, account, clock)

    def seal(self, token: Token) -> bytes:
        return self._box.encrypt(msgspec.json.encode(token))

    def unseal(self, sealed: bytes) -> Token | None:
        """The token; None if it was not sealed by us, which counts as having none."""
        try:
            return msgspec.json.decode(self._box.decrypt(sealed), type=Token)
        except (CryptoError, msgspec.MsgspecError):
            return None


class AccountTokens:
    """One account's token; fulfils `adapters.contract.TokenCache`."""

    def __init__(self, vault: TokenVault, venue: VenueName, account: AccountName, clock: Clock):
        self._vault = vault
        self._venue = venue
        self._account = account
        self._clock = clock
        self._kept: _Kept | None = None
        self._refused_generation = 0
        self._refreshing: asyncio.Task[_Kept] | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether `get` answers at once, without a login or a look at the store."""
        return self._kept is not None and self._is_good(self._kept)

    @property
    def left_s(self) -> float:
        """How long the token is good for; 0 while there is none."""
        return 0.0 if self._kept is None else max(0.0, (self._kept.token.expires_us - self._now_us()) / 1e6)

    async def get(self, fetch: FetchToken) -> str:
        """A token good for now; logs in if nobody has. Raises what `fetch` raises."""
        kept = self._kept
        if kept is None or not self._is_good(kept):
            kept = await self._refresh(fetch, renew=False)
        return kept.token.value

    async def refused(self, token: str) -> None:
        """The venue refused `token`; nobody who fetches one after this gets it again."""
        kept = self._kept
        if kept is not None and kept.token.value == token:
            self._refused_generation = kept.generation
            self._kept = None
            metrics.TOKENS_REFUSED.labels(self._venue).inc()
            _log.warning("token_refused_by_venue", venue=self._venue, account=self._account)

    async def renew(self, fetch: FetchToken) -> None:
        """Fetch a newer token if the present one is old enough, whoever in the fleet is first. Raises as `get`."""
        await self._refresh(fetch, renew=True)

    def renew_in_s(self) -> float:
        """How long until `renew` is worth calling: 0 while there is no token."""
        if self._kept is None:
            return 0.0
        return max(0.0, (self._renew_at_us(self._kept.token) - self._now_us()) / 1e6)

    async def _refresh(self, fetch: FetchToken, *, renew: bool) -> _Kept:
        """One login for all who wait in this process; a caller that leaves does not end it."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._shared(fetch, renew=renew))
        return await asyncio.shield(self._refreshing)

    async def _shared(self, fetch: FetchToken, *, renew: bool) -> _Kept:
        try:
            self._kept = await self._with_fleet(fetch, renew=renew)
        except StoreUnavailable:
            # Older tokens stay good beside newer ones, so a replica alone may use its own.
            if self._kept is not None and self._is_good(self._kept):
                return self._kept
            self._kept = _Kept(await self._log_in(fetch), self._refused_generation + 1)
        return self._kept

    async def _with_fleet(self, fetch: FetchToken, *, renew: bool) -> _Kept:
        mark = secrets.token_hex(8)
        while True:
            kept = await self._read()
            if kept is not None and self._is_good(kept) and not (renew and self._is_due(kept)):
                return kept
            if not await self._take_lease(mark):
                if kept is not None and self._is_good(kept):
                    return kept  # somebody is renewing it, and this one still does
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            try:
                # Between reading and taking the lease somebody may have finished.
                again = await self._read()
                if again is not None and (kept is None or again.generation > kept.generation) and self._is_good(again):
                    return again
                return await self._keep(await self._log_in(fetch), above=again)
            finally:
                with suppress(StoreUnavailable):  # it lapses by itself
                    await self._vault.store.run(_RELEASE, [keys.token_lease(self._venue, self._account)], [mark])

    async def _log_in(self, fetch: FetchToken) -> Token:
        try:
            token = await fetch()
        except Exception:  # whatever it is, it goes on to whoever asked
            metrics.TOKENS_FAILED.labels(self._venue).inc()
            raise
        metrics.TOKENS_FETCHED.labels(self._venue).inc()
        _log.info("token_fetched", venue=self._venue, account=self._account)
        return token

    async def _take_lease(self, mark: str) -> bool:
        key = keys.token_lease(self._venue, self._account)
        return bool(await self._vault.store.command("SET", key, mark, "NX", "PX", LEASE_MS))

    async def _read(self) -> _Kept | None:
        fields = await self._vault.store.command("HGETALL", keys.token(self._venue, self._account))
        if not fields:
            return None
        token, generation = self._vault.unseal(fields.get(b"sealed", b"")), fields.get(b"generation", b"")
        return _Kept(token, int(generation)) if token is not None and generation.isdigit() else None

    async def _keep(self, token: Token, *, above: _Kept | None) -> _Kept:
        generation = max(above.generation if above else 0, self._refused_generation) + 1
        keep_ms = max(1, (token.expires_us - self._now_us()) // 1_000)
        kept = await self._vault.store.run(
            _STORE,
            [keys.token(self._venue, self._account)],
            [generation, self._vault.seal(token), token.expires_us, keep_ms],
        )
        if kept > generation and (newer := await self._read()) is not None:
            return newer
        return _Kept(token, generation)

    def _is_good(self, kept: _Kept) -> bool:
        margin_us = min(_MARGIN_US, kept.token.lifetime_us // 10)
        return kept.generation > self._refused_generation and kept.token.expires_us - margin_us > self._now_us()

    def _is_due(self, kept: _Kept) -> bool:
        return self._now_us() >= self._renew_at_us(kept.token)

    def _renew_at_us(self, token: Token) -> int:
        """The same moment on every replica, another for every account."""
        spread = int.from_bytes(hashlib.sha256(f"{self._venue}/{self._account}".encode()).digest()[:4]) / 2**32
        part = _RENEW_FROM + spread * (_RENEW_UNTIL - _RENEW_FROM)
        return token.expires_us - round(token.lifetime_us * (1 - part))

    def _now_us(self) -> int:
        return self._clock.venue_time_ms() * 1_000
