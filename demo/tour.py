"""The tour, step by step, on one account of each venue. Each step shows something and checks that it is true.

The bot is the same on every venue: only the account's name differs.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.api import Api
from demo.book import Book

SYMBOL = "SOL-USDC-PERP"
STREAM_SECONDS = 3.0


class TourFailed(Exception):
    """Something the tour promised was not true."""


@dataclass(slots=True)
class Desk:
    """One account of ours, and what the tour did on it."""

    account: str
    venue: str = ""
    market: Mapping[str, Any] = field(default_factory=dict)
    resting: Mapping[str, Any] = field(default_factory=dict)
    taken: Mapping[str, Any] = field(default_factory=dict)


class Tour:
    """Trades on every venue, side by side."""

    def __init__(self, api: Api, accounts: Sequence[str], console: Console):
        self._api = api
        self._desks = [Desk(account) for account in accounts]
        self._console = console
        self._run = secrets.token_hex(3)

    async def run(self) -> None:
        """Take every step; raises at the first that fails."""
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("Markets", self._markets),
            (f"Best bid and offer of {SYMBOL}, across venues", self._best),
            (f"The book of {SYMBOL}, streaming for {STREAM_SECONDS:.0f} s", self._stream),
            ("Balances before", self._balances),
            ("A resting order", self._rest),
            ("An aggressive order, and what it filled", self._take),
            ("The fills, as the account's own stream tells them", self._fills),
            ("The same client_order_id again", self._repeat),
            ("A cancel", self._cancel),
            ("Positions and balances after", self._after),
            ("The budget spent", self._budget),
        ]
        for number, (title, step) in enumerate(steps, 1):
            self._console.print(f"\n[bold]{number}. {title}[/bold]")
            await step()

    async def _markets(self) -> None:
        markets = (await self._api.call("GET", "/v1/markets?limit=100"))["items"]
        table = Table("venue", "symbol", "type", "tick", "step", "minimum", "status")
        for one in markets:
            table.add_row(
                one["venue"], one["symbol"], one["type"], one["tick_size"], one["step_size"], one["min_quantity"],
                one["status"],
            )  # fmt: skip
        self._console.print(table)
        for desk in self._desks:
            desk.venue = (await self._api.call("GET", f"/v1/accounts/{desk.account}"))["venue"]
            found = [one for one in markets if (one["venue"], one["symbol"]) == (desk.venue, SYMBOL)]
            _check(len(found) == 1, f"{desk.venue} has no {SYMBOL}")
            desk.market = found[0]

    async def _best(self) -> None:
        best = await self._api.call("GET", f"/v1/best/{SYMBOL}")
        for leg in best["legs"]:
            _check(leg["excluded"] is None, f"{leg['venue']} does not count: {leg['excluded']}")
            self._console.print(f"   {leg['venue']}: {leg['bid'][0]} × {leg['ask'][0]}, {leg['meta']['age_ms']} ms old")
        bid, ask = best["bid"], best["ask"]
        self._console.print(f"   best: {bid['price']} ({bid['venue']}) × {ask['price']} ({ask['venue']})")

    async def _stream(self) -> None:
        books = {desk.venue: Book() for desk in self._desks}
        async with self._api.socket() as socket:
            for venue in books:
                wish = {"op": "subscribe", "channel": "orderbook", "venue": venue, "symbol": SYMBOL}
                await socket.send(json.dumps(wish))
            shown_at = ends_at = time.monotonic()
            ends_at += STREAM_SECONDS
            while (now := time.monotonic()) < ends_at:
                message = json.loads(await socket.recv())
                if message.get("venue") in books:
                    books[message["venue"]].receive(message)
                if now - shown_at > 0.5 and all(book.is_whole for book in books.values()):
                    shown_at = now
                    tops = [f"{venue} {bid} × {ask}" for venue, book in books.items() for bid, ask in [book.best()]]
                    self._console.print("   " + "   ".join(tops))
        for venue, book in books.items():
            self._console.print(f"   {venue}: {book.updates} updates, none missed")
            _check(book.is_whole, f"the stream of {venue} brought no book")
            _check(not book.missed, f"{venue}: seq {book.missed} was missed")
            _check(book.updates >= 3, f"the book of {venue} hardly moved: {book.updates} updates")

    async def _balances(self) -> None:
        for desk in self._desks:
            balances = await self._api.call("GET", f"/v1/accounts/{desk.account}/balances")
            held = [f"{one['asset']} {one['total']}" for one in balances["items"] if Decimal(one["total"])]
            self._console.print(f"   {desk.account}: " + ", ".join(held))
            _check(bool(held), f"{desk.account} holds nothing")

    async def _rest(self) -> None:
        for desk in self._desks:
            bid, _ = await self._touch(desk)
            price = _on_grid(bid * Decimal("0.97"), desk, ROUND_FLOOR)
            desk.resting = await self._place(desk, self._body(desk, "rest", price, "1"))
            _check(desk.resting["status"] == "pending", f"it should rest, but is {desk.resting['status']}")

    async def _take(self) -> None:
        for desk in self._desks:
            _, ask = await self._touch(desk)
            price = _on_grid(ask * Decimal("1.005"), desk, ROUND_CEILING)
            desk.taken = await self._place(desk, self._body(desk, "take", price, "0.5", "IOC"))
            filled = Decimal(desk.taken["filled_quantity"])
            self._console.print(f"   filled {filled} at {desk.taken['average_price']}")
            _check(filled > 0, "nothing was filled")

    async def _fills(self) -> None:
        async with self._api.socket() as socket:
            await socket.send(json.dumps({"op": "auth", "token": self._api.token}))
            for desk in self._desks:
                # From the beginning of the account's journal: nothing that happened before we asked is missed.
                wish = {"op": "subscribe", "channel": "fills", "account": desk.account, "after": "0-0"}
                await socket.send(json.dumps(wish))
            waiting = {desk.taken["order_id"]: desk for desk in self._desks}
            async with asyncio.timeout(10):
                while waiting:
                    message = json.loads(await socket.recv())
                    fill = message.get("data")
                    if not fill or fill["order_id"] not in waiting:
                        continue
                    desk = waiting.pop(fill["order_id"])
                    what = f"{fill['side']} {fill['quantity']} at {fill['price']}, {fill['liquidity']}"
                    self._console.print(f"   {desk.account}: {what}, fee {fill['fee']} {fill['fee_asset']}")

    async def _repeat(self) -> None:
        for desk in self._desks:
            first = desk.resting
            body = self._body(desk, "rest", first["price"], first["quantity"])
            response = await self._api.answer("POST", "/v1/orders", body)
            again = response.json()["data"]
            same = f"the same order {again['venue_order_id']}, none new"
            self._console.print(f"   {desk.account}: HTTP {response.status_code}: {same}")
            _check(response.status_code == 200, f"expected 200, got {response.status_code}")
            _check(again["order_id"] == first["order_id"], "another order was placed")
            path = f"/v1/orders?account={desk.account}&client_order_id={first['client_order_id']}"
            _check(len((await self._api.call("GET", path))["items"]) == 1, "the order exists twice")

    async def _cancel(self) -> None:
        for desk in self._desks:
            order = await self._api.call("DELETE", f"/v1/orders/{desk.resting['order_id']}")
            self._show(desk, order)
            _check(order["status"] == "cancelled", f"it should be cancelled, but is {order['status']}")

    async def _after(self) -> None:
        for desk in self._desks:
            positions = await self._api.call("GET", f"/v1/accounts/{desk.account}/positions")
            for one in positions["items"]:
                self._console.print(
                    f"   {desk.account}: {one['side']} {one['quantity']} {one['symbol']} from {one['entry_price']}"
                )
            _check(any(one["symbol"] == SYMBOL for one in positions["items"]), "the fill left no position")
        await self._balances()

    async def _budget(self) -> None:
        for desk in self._desks:
            rules = await self._api.call("GET", f"/v1/accounts/{desk.account}/rate-limits")
            for rule in rules:
                if rule["used"]:
                    spent = f"{rule['used']} of {rule['limit']} in {rule['period_ms'] // 1000} s"
                    self._console.print(f"   {desk.venue} {rule['rule']}: {spent} in use")
            _check(any(rule["used"] for rule in rules), "no budget was spent, which cannot be")

    async def _touch(self, desk: Desk) -> tuple[Decimal, Decimal]:
        book = await self._api.call("GET", f"/v1/venues/{desk.venue}/markets/{SYMBOL}/orderbook?depth=1")
        return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])

    async def _place(self, desk: Desk, body: Mapping[str, Any]) -> Mapping[str, Any]:
        order: Mapping[str, Any] = await self._api.call("POST", "/v1/orders", body)
        self._show(desk, order)
        return order

    def _body(self, desk: Desk, name: str, price: str, quantity: str, time_in_force: str = "GTC") -> dict[str, Any]:
        return {
            "account": desk.account,
            "symbol": SYMBOL,
            "side": "buy",
            "type": "limit",
            "price": price,
            "quantity": quantity,
            "time_in_force": time_in_force,
            "client_order_id": f"tour-{self._run}-{name}",
        }

    def _show(self, desk: Desk, order: Mapping[str, Any]) -> None:
        what = f"{order['side']} {order['quantity']} {order['symbol']} at {order['price']}"
        self._console.print(f"   {desk.account}: {what}: [bold]{order['status']}[/bold]")
        self._console.print(f"      ours {order['client_order_id']}, the venue's {order['venue_order_id']}")


def _on_grid(price: Decimal, desk: Desk, rounding: str) -> str:
    tick = Decimal(desk.market["tick_size"])
    return format((price / tick).to_integral_value(rounding) * tick, "f")


def _check(is_true: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_true:
        raise TourFailed(otherwise)
