"""What the tests of Backpack's face do on a venue in this process: orders, prices, keys."""

import base64
from decimal import Decimal
from typing import Any

from nacl.signing import SigningKey

from sandbox.backpack.keys import KeyPair
from tests.sandbox.backpack_schema.in_process import Exchange, InProcess

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"


def limit(side: str, price: str, quantity: str = "1", symbol: str = SPOT, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "orderType": "Limit", "price": price, "quantity": quantity} | more


def market(side: str, quantity: str | None = None, symbol: str = SPOT, **more: Any) -> dict[str, Any]:
    order = {"symbol": symbol, "side": side, "orderType": "Market"} | more
    return order if quantity is None else order | {"quantity": quantity}


def place(venue: InProcess, order: dict[str, Any], desk: str = "desk-a") -> dict[str, Any]:
    """An order that is accepted."""
    answer = venue.call("POST", "/api/v1/order", order, desk=desk)
    assert answer.status == 200, answer.response.body
    placed: dict[str, Any] = answer.json
    return placed


def refused(answer: Exchange) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.json["message"]


def history(venue: InProcess, name: str, desk: str = "desk-a", **asked: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = venue.call("GET", f"/wapi/v1/history/{name}", asked, desk=desk).json
    return rows


def pin_mark(venue: InProcess, price: str, symbol: str = PERP) -> None:
    """Hold the mark, with all consequences."""
    simulation = venue.world.simulation
    simulation.engine.prices.pin_mark(symbol, Decimal(price))
    simulation.follow_prices(venue.clock.now_us())


def pin_index(venue: InProcess, price: str, symbol: str = PERP) -> None:
    simulation = venue.world.simulation
    simulation.engine.prices.pin_index(symbol, Decimal(price))
    simulation.follow_prices(venue.clock.now_us())


def use_key(venue: InProcess, pair: KeyPair) -> str:
    """The name under which requests are signed with a further key."""
    name = f"{pair.account} {pair.name}"
    venue.keys[name] = (pair.public, SigningKey(base64.b64decode(pair.secret)))
    return name
