"""The tour, step by step. Each step shows something and checks that it is true."""

import json
import secrets
import time
from collections.abc import Awaitable, Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.api import Api

VENUE = "backpack"
SYMBOL = "SOL-USDC"
STREAM_SECONDS = 3.0


class TourFailed(Exception):
    """Something the tour promised was not true."""


class Tour:
    """Trades on one venue with one account."""

    def __init__(self, api: Api, account: str, console: Console):
        self._api = api
        self._account = account
        self._console = console
        self._run = secrets.token_hex(3)
        self._market: dict[str, Any] = {}
        self._resting: dict[str, Any] = {}

    async def run(self) -> None:
        """Take every step; raises at the first that fails."""
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("Markets", self._markets),
            (f"The book of {SYMBOL}, streaming for {STREAM_SECONDS:.0f} s", self._stream),
            ("Balances before", self._balances),
            ("A resting order", self._rest),
            ("An aggressive order, and what it filled", self._take),
            ("The same client_order_id again", self._repeat),
            ("A cancel", self._cancel),
            ("Balances after", self._balances),
            ("The budget spent", self._budget),
        ]
        for number, (title, step) in enumerate(steps, 1):
            self._console.print(f"\n[bold]{number}. {title}[/bold]")
            await step()

    async def _markets(self) -> None:
        markets = await self._api.call("GET", f"/v1/markets?venue={VENUE}&limit=100")
        table = Table("symbol", "type", "tick", "step", "minimum", "status")
        for market in markets["items"]:
            table.add_row(
                market["symbol"], market["type"], market["tick_size"], market["step_size"], market["min_quantity"],
                market["status"],
            )  # fmt: skip
            if market["symbol"] == SYMBOL:
                self._market = market
        self._console.print(table)
        _check(bool(self._market), f"{VENUE} has no {SYMBOL}")

    async def _stream(self) -> None:
        book = Book()
        async with self._api.socket() as socket:
            await socket.send(json.dumps({"op": "subscribe", "channel": "orderbook", "venue": VENUE, "symbol": SYMBOL}))
            shown_at, started_at = 0.0, time.monotonic()
            while (now := time.monotonic()) - started_at < STREAM_SECONDS:
                book.receive(json.loads(await socket.recv()))
                if book.is_whole and now - shown_at > 0.5:
                    shown_at = now
                    bid, ask = book.best()
                    self._console.print(f"   {bid} × {ask}   after {book.updates} updates, seq {book.seq}")
        _check(book.is_whole, "the stream brought no book")
        _check(book.updates >= 3, f"the book hardly moved: {book.updates} updates in {STREAM_SECONDS} s")

    async def _balances(self) -> None:
        balances = await self._api.call("GET", f"/v1/accounts/{self._account}/balances")
        held = [f"{one['asset']} {one['total']}" for one in balances["items"] if Decimal(one["total"])]
        self._console.print("   " + ", ".join(held))
        _check(bool(held), "the account holds nothing")

    async def _rest(self) -> None:
        bid, _ = await self._touch()
        self._resting = await self._place("rest", "buy", self._on_grid(bid * Decimal("0.97"), ROUND_FLOOR), "1")
        self._show(self._resting)
        _check(self._resting["status"] == "pending", f"it should rest, but is {self._resting['status']}")

    async def _take(self) -> None:
        _, ask = await self._touch()
        order = await self._place("take", "buy", self._on_grid(ask * Decimal("1.005"), ROUND_CEILING), "0.5", "IOC")
        self._show(order)
        filled = Decimal(order["filled_quantity"])
        self._console.print(f"   filled {filled} at {order['average_price']}")
        _check(filled > 0, "nothing was filled")

    async def _repeat(self) -> None:
        first = self._resting
        body = self._body("rest", "buy", first["price"], first["quantity"])
        response = await self._api.answer("POST", "/v1/orders", body)
        again = response.json()["data"]
        self._console.print(f"   HTTP {response.status_code}: the same order {again['venue_order_id']}, none new")
        _check(response.status_code == 200, f"expected 200, got {response.status_code}")
        _check(again["order_id"] == first["order_id"], "another order was placed")
        mine = await self._api.call(
            "GET", f"/v1/orders?account={self._account}&client_order_id={first['client_order_id']}"
        )
        _check(len(mine["items"]) == 1, "the order exists twice")

    async def _cancel(self) -> None:
        order = await self._api.call("DELETE", f"/v1/orders/{self._resting['order_id']}")
        self._show(order)
        _check(order["status"] == "cancelled", f"it should be cancelled, but is {order['status']}")

    async def _budget(self) -> None:
        rules = await self._api.call("GET", f"/v1/accounts/{self._account}/rate-limits")
        for rule in rules:
            self._console.print(
                f"   {rule['rule']}: {rule['used']} of {rule['limit']} in {rule['period_ms'] // 1000} s in use"
            )
        _check(any(rule["used"] for rule in rules), "no budget was spent, which cannot be")

    async def _touch(self) -> tuple[Decimal, Decimal]:
        book = await self._api.call("GET", f"/v1/venues/{VENUE}/markets/{SYMBOL}/orderbook?depth=1")
        return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])

    async def _place(
        self, name: str, side: str, price: str, quantity: str, time_in_force: str = "GTC"
    ) -> dict[str, Any]:
        body = self._body(name, side, price, quantity, time_in_force)
        order: dict[str, Any] = await self._api.call("POST", "/v1/orders", body)
        return order

    def _body(self, name: str, side: str, price: str, quantity: str, time_in_force: str = "GTC") -> dict[str, Any]:
        return {
            "account": self._account,
            "symbol": SYMBOL,
            "side": side,
            "type": "limit",
            "price": price,
            "quantity": quantity,
            "time_in_force": time_in_force,
            "client_order_id": f"tour-{self._run}-{name}",
        }

    def _on_grid(self, price: Decimal, rounding: str) -> str:
        tick = Decimal(self._market["tick_size"])
        return format((price / tick).to_integral_value(rounding) * tick, "f")

    def _show(self, order: dict[str, Any]) -> None:
        what = f"{order['side']} {order['quantity']} {order['symbol']} at {order['price']}"
        self._console.print(f"   {what}: [bold]{order['status']}[/bold]")
        self._console.print(f"   ours {order['client_order_id']}, the venue's {order['venue_order_id']}")


class Book:
    """A book kept from the gateway's stream: a snapshot, then changes, each `seq` one above the last."""

    def __init__(self) -> None:
        self.is_whole = False
        self.updates = 0
        self.seq = 0
        self._sides: dict[str, dict[Decimal, str]] = {"bids": {}, "asks": {}}

    def receive(self, message: dict[str, Any]) -> None:
        """Take one message of the stream; raises if it does not follow the one before."""
        if message.get("channel") != "orderbook" or "seq" not in message:
            return
        if message["type"] == "update":
            _check(message["seq"] == self.seq + 1, f"seq {message['seq']} came after {self.seq}")
            self.updates += 1
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


def _check(is_true: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_true:
        raise TourFailed(otherwise)
