"""Waits for what a client can only see by asking again."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is true, not for ever."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - what HTTP shows cannot set an event
            await asyncio.sleep(0.05)
