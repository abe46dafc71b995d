"""Builds Backpack's signed requests. Pure; time is an argument.

Source: docs.backpack.exchange, "Authentication": what is signed is exactly what is sent.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import msgspec

from adapters.backpack.signing import Key, Params, Scalar, signed_headers
from adapters.contract import Call, SendTime

BodyParams = dict[str, Scalar] | list[dict[str, Scalar]]

_body_params = msgspec.json.Decoder(BodyParams)


def body_params(body: bytes) -> BodyParams:
    """What a body says, as its signature must say it: a flat JSON object, or in a batch a list of them.

    Raises `msgspec.DecodeError` if it is neither.
    """
    params: BodyParams = _body_params.decode(body)
    return params


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route; `instruction` is what its signature is bound to, None for public ones."""

    method: str
    path: str
    call: Call
    instruction: str | None = None


class Requests:
    """Requests to one address, signed with one key (or, without, not at all)."""

    def __init__(self, url: str, key: Key | None) -> None:
        self._url = httpx.URL(url)
        self._prefix = self._url.raw_path.rstrip(b"/")
        self._key = key
        self._urls: dict[str, httpx.URL] = {}

    def read(self, endpoint: Endpoint, params: Params, when: SendTime) -> httpx.Request:
        """A request that carries `params` in its query."""
        url = self._url_of(endpoint.path)
        if params:
            url = url.copy_with(query=urlencode(params).encode())
        return self._build(endpoint, url, params, when, b"")

    def write(self, endpoint: Endpoint, body: bytes, params: BodyParams, when: SendTime) -> httpx.Request:
        """A request that carries `body` as it is; `params` is what it says, from `body_params`."""
        return self._build(endpoint, self._url_of(endpoint.path), params, when, body)

    def _build(
        self, endpoint: Endpoint, url: httpx.URL, params: Params | BodyParams, when: SendTime, body: bytes
    ) -> httpx.Request:
        """Built from its parts: letting httpx find out host and length costs four times as much."""
        # The user agent is for the venue's edge, which may take requests without one for a robot's.
        headers = [(b"Host", url.netloc), (b"User-Agent", b"crossgate"), (b"Accept", b"application/json")]
        if body:
            headers += [
                (b"Content-Type", b"application/json; charset=utf-8"),
                (b"Content-Length", b"%d" % len(body)),
            ]
        if endpoint.instruction is not None and self._key is not None:
            headers += signed_headers(
                self._key, endpoint.instruction, params, timestamp_ms=when.timestamp_ms, window_ms=when.window_ms
            )
        return httpx.Request(endpoint.method, url, headers=headers, stream=httpx.ByteStream(body))

    def _url_of(self, path: str) -> httpx.URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._url.copy_with(raw_path=self._prefix + path.encode())
        return url
