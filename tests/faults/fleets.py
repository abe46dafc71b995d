"""The fleets of the tests of faults: replicas that conclude quickly, and what those tests ask of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.harness.fleet import Fleet, FleetOptions


def quick() -> FleetOptions:
    """Two replicas at both venues that wait for nothing longer than they must."""
    venue: dict[str, Any] = {"order_timeout_s": 0.8, "read_timeout_s": 1}
    return FleetOptions(
        settings={
            "orders": {"window_ms": 500, "clock_error_ms": 100, "history_lag_ms": 200, "claim_lease_ms": 1_000},
            "venues": {"backpack": venue, "zanbara": dict(venue)},
            "feeds": {"lease_ms": 800},
        }
    )


def orders_at(fleet: Fleet, venue: str = "backpack") -> list[str]:
    """The ids of all orders that the venue ever took from our account."""
    accounts = fleet.venues[venue].control.ask("GET", "ledger/orders")
    return [order["order_id"] for order in accounts.get("desk-a", {"orders": []})["orders"]]


def calls_of(fleet: Fleet, call: str, venue: str = "backpack") -> int:
    """How often the venue was asked this."""
    return int(fleet.venues[venue].control.ask("GET", "ledger/totals")["by_call"].get(call, 0))


@asynccontextmanager
async def socket_of(fleet: Fleet, token: str | None = None, replica: int = 0) -> AsyncIterator[ClientConnection]:
    """A client's socket, logged in with the token."""
    url = fleet.urls[replica].replace("http", "ws", 1) + "/v1/ws"
    async with connect(url, proxy=None, max_queue=None) as socket:
        if token is not None:
            await say(socket, op="auth", token=token)
            assert (await hear(socket))["type"] == "authenticated"
        yield socket


async def say(socket: ClientConnection, **members: Any) -> None:
    await socket.send(json.dumps(members))


async def hear(socket: ClientConnection, within_s: float = 10) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def hear_of(socket: ClientConnection, within_s: float = 15, **members: Any) -> dict[str, Any]:
    """The next message with these members."""
    async with asyncio.timeout(within_s):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if members.items() <= message.items():
                return message
