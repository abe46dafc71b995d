"""A tiny bot: one quote on each side of a market, through Crossgate, each placed once whatever happens on the way."""

import time
from decimal import Decimal
from typing import Any

import httpx

SETTLED_WITHIN_S = 20


class Bot:
    """Quotes one market of one account."""

    def __init__(self, url: str, token: str, account: str, symbol: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False
        )
        self._account = account
        self._symbol = symbol
        venue = self._data(self._http.get(f"/v1/accounts/{account}"))["venue"]
        self._market = f"/v1/venues/{venue}/markets/{symbol}"

    def close(self) -> None:
        self._http.close()

    def prices(self, distance: Decimal = Decimal(1)) -> tuple[Decimal, Decimal]:
        """Where to quote: this far from the best bid and the best ask."""
        book = self._data(self._http.get(f"{self._market}/orderbook", params={"depth": 1}))
        return Decimal(book["bids"][0][0]) - distance, Decimal(book["asks"][0][0]) + distance

    def quote(self, name: str, bid: Decimal, ask: Decimal) -> list[dict[str, Any]]:
        """Place a bid and an ask. `name` makes them ours: asking again for the same changes nothing."""
        return [self._place("buy", bid, f"{name}-buy"), self._place("sell", ask, f"{name}-sell")]

    def cancel_all(self) -> None:
        for order in self.open_orders():
            self._data(self._http.delete(f"/v1/orders/{order['order_id']}"))

    def open_orders(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._data(
            self._http.get("/v1/orders", params={"account": self._account, "status": "open"})
        )["items"]
        return items

    def _place(self, side: str, price: Decimal, client_order_id: str) -> dict[str, Any]:
        order = {
            "account": self._account,
            "symbol": self._symbol,
            "side": side,
            "type": "post_only",
            "price": format(price, "f"),
            "quantity": "0.1",
            "client_order_id": client_order_id,
        }
        return self._settled(self._data(self._http.post("/v1/orders", json=order)))

    def _settled(self, order: dict[str, Any]) -> dict[str, Any]:
        """Wait until the gateway knows what became of an order whose answer was lost."""
        give_up = time.monotonic() + SETTLED_WITHIN_S
        while order["status"] == "unknown" and time.monotonic() < give_up:
            time.sleep(0.1)
            order = self._data(self._http.get(f"/v1/orders/{order['order_id']}"))
        return order

    def _data(self, answer: httpx.Response) -> Any:
        body = answer.json()
        if not body["success"]:
            raise Refused(body["error"]["code"])
        return body["data"]


class Refused(Exception):
    """The gateway said no; the message is its code."""
