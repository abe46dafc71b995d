"""Builds Zanbara's requests: public, with a token, or signed as well. Pure; time is an argument.

Source: docs.zanbarax.com, "authentication" (`/api-zong-lan/authentication`): what is signed is exactly what is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import httpx

from adapters.contract import Call
from adapters.zanbara.signing import Headers, Key, signed_headers

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `{symbol}` in a path is filled in by `of`."""

    method: str
    path: str
    call: Call
    is_private: bool = False

    def of(self, venue_symbol: str) -> "Endpoint":
        return replace(self, path=self.path.format(symbol=quote(venue_symbol, safe="")))


class Requests:
    """Requests to one address."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._prefix = self._url.raw_path.rstrip(b"/")

    def read(self, endpoint: Endpoint, params: Params, token: str | None) -> httpx.Request:
        """A request that carries `params` in its query; a token is enough for reads, so they are not signed."""
        target = endpoint.path.encode()
        if params:
            target += b"?" + urlencode(params).encode()
        return self._build(endpoint.method, target, b"", [] if token is None else [_bearer(token)])

    def log_in(self, endpoint: Endpoint, body: bytes) -> httpx.Request:
        return self._build(endpoint.method, endpoint.path.encode(), body, [])

    def write(self, endpoint: Endpoint, body: bytes, key: Key, token: str, *, timestamp_ms: int) -> httpx.Request:
        """A signed request that carries `body` as it is; with another token, only the bearer differs."""
        target = endpoint.path.encode()
        signature = signed_headers(key, endpoint.method, target, body, timestamp_ms=timestamp_ms)
        return self._build(endpoint.method, target, body, [*signature, _bearer(token)])

    def _build(self, method: str, target: bytes, body: bytes, authentication: Headers) -> httpx.Request:
        """Built from its parts: letting httpx find out host and length costs four times as much."""
        url = self._url.copy_with(raw_path=self._prefix + target)
        # The user agent is for the venue's edge, which may take requests without one for a robot's.
        headers = [(b"Host", url.netloc), (b"User-Agent", b"crossgate"), (b"Accept", b"application/json")]
        if body:
            headers += [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
        return httpx.Request(method, url, headers=headers + authentication, stream=httpx.ByteStream(body))


def _bearer(token: str) -> tuple[bytes, bytes]:
    return b"Authorization", b"Bearer " + token.encode()
