"""The orders that bots wish for, each of a content of its own: a venue's ledger shows which is which. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.chaos.desk import SEATS

_TICK = Decimal("0.01")
_PRICES = 1_000
"""So many prices of each kind before quantities change, all within what the venues take."""

Content = tuple[str, Decimal, Decimal]
"""Time in force, price and quantity: enough to tell any two orders of one venue apart."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What becomes of such an order if all is well."""

    time_in_force: str
    lowest_price: str
    rests: bool = False


KINDS = (Kind("IOC", "160"), Kind("IOC", "130"), Kind("GTC", "120", rests=True))
"""Filled at once, expired at once, and resting until it is cancelled."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One order as a bot wants it, under its own id."""

    venue: str
    client_order_id: str
    content: Content
    rests: bool

    @property
    def account(self) -> str:
        return SEATS[self.venue].account

    def body(self) -> dict[str, Any]:
        time_in_force, price, quantity = self.content
        return {
            "account": self.account,
            "symbol": SEATS[self.venue].symbol,
            "side": "buy",
            "type": "limit",
            "price": format(price, "f"),
            "quantity": format(quantity, "f"),
            "time_in_force": time_in_force,
            "client_order_id": self.client_order_id,
        }


def content_of(order: Mapping[str, Any]) -> Content:
    """Of an order as the gateway or a venue's ledger shows it."""
    return order["time_in_force"], Decimal(order["price"]), Decimal(order["quantity"])


def wishes(run: str, count: int, venues: Sequence[str]) -> list[Wish]:
    """So many orders, at each venue in turn."""
    made = []
    for number in range(count):
        own = number // len(venues)
        kind, own = KINDS[own % len(KINDS)], own // len(KINDS)
        price = Decimal(kind.lowest_price) + _TICK * (own % _PRICES)
        content = (kind.time_in_force, price, Decimal("0.10") + _TICK * (own // _PRICES))
        made.append(Wish(venues[number % len(venues)], f"soak-{run}-{number}", content, kind.rests))
    return made
