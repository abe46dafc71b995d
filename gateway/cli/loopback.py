"""HTTP to processes of our own on this machine, for commands and tests that start them."""

from functools import cache
from typing import Any

import httpx


@cache
def _client() -> httpx.Client:
    """One for all, since each would load the system's certificates; it keeps no connections, for processes end."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def ask(method: str, url: str, *, timeout_s: float = 5.0, **request: Any) -> httpx.Response:
    """One request, as `httpx.request`."""
    return _client().request(method, url, timeout=timeout_s, **request)
