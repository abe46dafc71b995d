"""A simulated venue in a process of its own; only its addresses and credentials are known to whoever tests with it."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from adapters.contract import Endpoints


@dataclass(frozen=True, slots=True)
class Sandbox:
    endpoints: Endpoints
    credentials: dict[str, dict[str, str]]
    """By the account's name."""

    async def spoil(self, **rule: Any) -> None:
        """Add a fault rule."""
        await self.post("/sim/faults", rule)

    async def post(self, path: str, body: dict[str, Any]) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.post(self.endpoints.rest_url + path, json=body)).raise_for_status()

    async def ledger(self) -> Any:
        """What really happened there."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.endpoints.rest_url}/sim/ledger")).json()

    async def until(self, condition: Callable[[Any], bool]) -> None:
        """Wait until the ledger says so."""
        async with asyncio.timeout(5):
            while not condition(await self.ledger()):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.02)


@contextlib.contextmanager
def running_sandbox(venue: str, *arguments: str) -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "sandbox", "--venue", venue, "--port", "0", "--with-parent", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        accounts = httpx.get(f"{ready['url']}/sim/accounts", trust_env=False).json()["accounts"]
        credentials = {account["name"]: account["credentials"] for account in accounts}
        yield Sandbox(Endpoints(ready["url"], ready["ws_url"]), credentials)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
