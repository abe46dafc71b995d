"""A book kept from the gateway's stream. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


class Book:
    """A snapshot, then changes, each `seq` one above the last."""

    def __init__(self) -> None:
        self.is_whole = False
        self.updates = 0
        self.seq = 0
        self.missed: int | None = None
        """The first `seq` that did not come, if any."""
        self._sides: dict[str, dict[Decimal, str]] = {"bids": {}, "asks": {}}

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take one message of the stream."""
        if message.get("channel") != "orderbook" or "seq" not in message:
            return
        if message["type"] == "update":
            self.updates += 1
            if message["seq"] != self.seq + 1:
                self.missed = self.seq + 1
        else:  # a snapshot begins anew; a status says that the book cannot be trusted until the next one
            self._sides = {"bids": {}, "asks": {}}
            self.is_whole = message["type"] == "snapshot"
        self.seq = message["seq"]
        for side, levels in self._sides.items():
            for price, quantity in (message["data"] or {}).get(side, []):
                if Decimal(quantity):
                    levels[Decimal(price)] = quantity
                else:
                    levels.pop(Decimal(price), None)

    def best(self) -> tuple[Decimal, Decimal]:
        """Best bid and best ask."""
        return max(self._sides["bids"]), min(self._sides["asks"])
