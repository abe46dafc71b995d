"""Clients that follow books over WebSocket through whatever happens, and come back when they are cut off."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException

from tests.chaos.book_watch import BookWatch
from tests.chaos.desk import SEATS
from tests.chaos.violations import Verdict

COME_BACK_S = 0.1
GIVE_UP_S = 2.0


class Reader:
    """One client at one replica, subscribed to the book of every venue."""

    def __init__(self, number: int, url: str, venues: Sequence[str], verdict: Verdict) -> None:
        self._url = url.replace("http", "ws", 1) + "/v1/ws"
        self.watches: Mapping[str, BookWatch] = {
            venue: BookWatch(f"reader {number} of {venue}", verdict) for venue in venues
        }

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            with suppress(OSError, TimeoutError, EOFError, WebSocketException, InvalidHandshake, InvalidMessage):
                await self._follow()
            await asyncio.sleep(COME_BACK_S)

    async def _follow(self) -> None:
        async with connect(
            self._url, proxy=None, max_queue=None, open_timeout=GIVE_UP_S, ping_interval=1, ping_timeout=GIVE_UP_S
        ) as socket:
            for venue, watch in self.watches.items():
                watch.connected()
                wish = {"op": "subscribe", "channel": "orderbook", "venue": venue, "symbol": SEATS[venue].symbol}
                await socket.send(json.dumps(wish))
            async for text in socket:
                message: dict[str, Any] = json.loads(text)
                if "seq" in message and message.get("channel") == "orderbook":
                    self.watches[message["venue"]].take(message)

    def is_sound(self) -> bool:
        """Whether every book is to be trusted at this moment."""
        return all(watch.book is not None for watch in self.watches.values())
