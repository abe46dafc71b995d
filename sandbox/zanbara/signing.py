"""Request signatures: HMAC-SHA256 of timestamp, method, path and body, in hex, keyed by the whole secret.

The path is the request target to the letter, query included; the body is the bytes as they came. A request without any
of the three headers is unsigned; one of them obliges to all.
Source: docs.zanbarax.com/api-zong-lan/authentication
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping

from sandbox.face import Request
from sandbox.zanbara.errors import Problem

API_KEY, SIGNATURE, TIMESTAMP = "x-api-key", "x-api-signature", "x-api-timestamp"


def signature(secret: str, timestamp: str, method: str, target: str, body: bytes) -> str:
    message = f"{timestamp}{method}{target}".encode("latin-1") + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_signed(headers: Mapping[str, str]) -> bool:
    return any(name in headers for name in (API_KEY, SIGNATURE, TIMESTAMP))


class Signatures:
    """Judges signed requests; with `reject_replay` it remembers what it has seen while that could still pass."""

    def __init__(self, *, max_skew_ms: int, reject_replay: bool) -> None:
        self._max_skew_ms = max_skew_ms
        self._reject_replay = reject_replay
        self._seen: dict[str, None] = {}
        self._seen_until: deque[tuple[int, str]] = deque()

    def check(self, request: Request, api_key: str, secret: str) -> None:
        """Raises `Problem` unless all three headers are there, in time, and right."""
        headers = request.headers
        given, timestamp = headers.get(SIGNATURE), headers.get(TIMESTAMP)
        if given is None or timestamp is None or headers.get(API_KEY) != api_key:
            raise _wrong("incomplete headers or another key")
        now_ms = request.arrived_us // 1000
        if not (timestamp.isascii() and timestamp.isdigit()) or abs(now_ms - int(timestamp[:20])) > self._max_skew_ms:
            raise _wrong(f"timestamp not within {self._max_skew_ms} ms of server time")
        expected = signature(secret, timestamp, request.method, request.target, request.body)
        if not hmac.compare_digest(expected.encode(), given.lower().encode()):
            raise _wrong("signature does not match the request")
        if self._reject_replay:
            self._check_replay(expected, int(timestamp), now_ms)

    def _check_replay(self, expected: str, timestamp_ms: int, now_ms: int) -> None:
        while self._seen_until and self._seen_until[0][0] < now_ms:
            del self._seen[self._seen_until.popleft()[1]]
        if expected in self._seen:
            raise _wrong("signature was used before")
        self._seen[expected] = None
        self._seen_until.append((max(now_ms, timestamp_ms) + 2 * self._max_skew_ms, expected))


def _wrong(why: str) -> Problem:
    return Problem("INVALID_SIGNATURE", f"Request signature verification failed: {why}")
