"""Whose a signed request is, and that it counts once in the whole fleet: Redis remembers those that are fresh."""

import secrets
from collections.abc import Callable

from gateway.auth import signing
from gateway.auth.grants import Client
from gateway.auth.signing import SignatureRefused, Signed
from gateway.errors import StoreUnavailable
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_ACCEPT = Script.load("gateway.auth", "accept_signature.lua")


class Signatures:
    """Verifies signed requests; `open` gives it the store."""

    def __init__(self, find_client: Callable[[str], Client | None], redis_time_ms: Callable[[], int]):
        self._find_client = find_client
        self._redis_time_ms = redis_time_ms
        self._store: Store | None = None

    def open(self, store: Store) -> None:
        self._store = store

    async def verify(self, signed: Signed, method: str, target: bytes, body: bytes, *, may_repeat: bool) -> Client:
        """The client that signed the request, which is accepted with this.

        `may_repeat`: doing it twice does no harm, so that it passes without the store. Raises `SignatureRefused`, and
        `StoreUnavailable` if nobody can tell whether it was accepted before.
        """
        text = signing.message(signed.timestamp_ms, method, target, body)
        client = self._find_client(signed.client)
        key = client.signing_key if client else None
        signing.verify(key, signed.signature, text)
        assert client is not None  # noqa: S101 - nobody's key is None
        assert key is not None  # noqa: S101
        try:
            answer, now_ms = await self._accept(client, signing.digest(key, text), signed.timestamp_ms)
        except StoreUnavailable:
            if not may_repeat:
                raise
            now_ms = self._redis_time_ms()
            answer = b"stale" if abs(now_ms - signed.timestamp_ms) > signing.WINDOW_MS else b"accepted"
        if answer == b"stale":
            raise SignatureRefused(
                signing.TIMESTAMP,
                f"{signing.TIMESTAMP} is {signed.timestamp_ms - now_ms} ms from our time, and may be "
                f"{signing.WINDOW_MS}; GET /v1/system/time tells ours",
            )
        if answer == b"used":
            raise SignatureRefused(
                signing.SIGNATURE, "this very request was accepted before; sign it with a new timestamp"
            )
        return client

    async def _accept(self, client: Client, digest: str, timestamp_ms: int) -> tuple[bytes, int]:
        if self._store is None:
            raise StoreUnavailable("the store is not open yet", may_have_run=False)
        answer, now_ms = await self._store.run(
            _ACCEPT,
            [keys.signature(client.name, digest)],
            [secrets.token_hex(8), timestamp_ms, signing.WINDOW_MS, keys.SIGNATURE_TTL_MS],
        )
        return answer, int(now_ms)
