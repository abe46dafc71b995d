"""A thin client of the gateway, as any bot would write it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import connect


class Api:
    """The gateway as one client sees it."""

    def __init__(self, url: str, http: httpx.AsyncClient):
        self.url = url
        self.token = ""
        self._http = http

    @classmethod
    @asynccontextmanager
    async def log_in(cls, url: str, api_key: str, api_secret: str) -> AsyncIterator["Api"]:
        """Get a token and use it from then on."""
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as http:
            api = cls(url, http)
            token = await api.call("POST", "/v1/auth/token", {"api_key": api_key, "api_secret": api_secret})
            api.token = token["token"]
            http.headers["Authorization"] = f"Bearer {api.token}"
            yield api

    async def answer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """The whole answer, success or not."""
        return await self._http.request(method, path, json=body)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's `data`; raises `CallFailed` with the gateway's own words if there is none."""
        response = await self.answer(method, path, body)
        content = response.json()
        if not content["success"]:
            raise CallFailed(f"{method} {path}: {content['error']['code']}: {content['error']['message']}")
        return content["data"]

    def socket(self) -> connect:
        """A WebSocket to the gateway."""
        return connect(self.url.replace("http", "ws", 1) + "/v1/ws", proxy=None)


class CallFailed(Exception):
    """The gateway answered with an error."""
