"""Which path is whose: every route with the class it counts in and the permission it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.zanbara.account_calls import AccountCalls
from sandbox.zanbara.account_ledger import AccountLedger
from sandbox.zanbara.calls import Call
from sandbox.zanbara.gate import Rights
from sandbox.zanbara.limits import RequestClass
from sandbox.zanbara.market_data import MarketData
from sandbox.zanbara.order_lists import OrderLists
from sandbox.zanbara.trading import Trading

Handler = Callable[[Call], Any]
NAMED = "{}"  # stands for the last part of a path that names something

MARKET = Rights(RequestClass.MARKET)
SYSTEM = Rights(RequestClass.SYSTEM)
QUERY = Rights(RequestClass.QUERY, "read")
TRADE = Rights(RequestClass.TRADE, "trade")
BATCH = Rights(RequestClass.BATCH, "trade")


@dataclass(frozen=True, slots=True)
class Route:
    rights: Rights
    handler: Handler


class Routes:
    """Finds the route of a request; a path that is spelled out goes before one that names something."""

    def __init__(self, routes: dict[tuple[str, str], Route]) -> None:
        self._routes = routes

    def find(self, method: str, path: str) -> tuple[Route, str] | None:
        """The route and what its path names."""
        route = self._routes.get((method, path))
        if route is not None:
            return route, ""
        start, _, named = path.rpartition("/")
        route = self._routes.get((method, f"{start}/{NAMED}"))
        return (route, named) if route is not None and named else None


def market_routes(data: MarketData) -> dict[tuple[str, str], Route]:
    handlers: dict[str, Handler] = {
        "symbols": data.symbols,
        f"ticker/{NAMED}": data.ticker,
        f"orderbook/{NAMED}": data.orderbook,
        f"trades/{NAMED}": data.trades,
        f"klines/{NAMED}": data.klines,
        f"funding-rate/{NAMED}": data.funding_rate,
    }
    return {("GET", f"/v1/market/{name}"): Route(MARKET, handler) for name, handler in handlers.items()}


def private_routes(
    trading: Trading, lists: OrderLists, accounts: AccountCalls, ledger: AccountLedger
) -> dict[tuple[str, str], Route]:
    queries: dict[str, Handler] = {
        "account/info": accounts.info,
        "account/balance": accounts.balance,
        "account/positions": accounts.positions,
        "account/ledger": ledger.entries,
        "position/list": accounts.positions,
        f"position/{NAMED}": accounts.position,
        "order/list": lists.orders,
        f"order/{NAMED}": trading.order,
        "trade/history": lists.fills,
    }
    trades: dict[str, Handler] = {
        "order/place": trading.place,
        "order/cancel": trading.cancel,
        "order/amend": trading.amend,
        "position/close": accounts.close,
        "position/set-leverage": accounts.set_leverage,
        "position/set-margin-mode": accounts.set_margin_mode,
        "position/add-margin": accounts.add_margin,
    }
    batches: dict[str, Handler] = {
        "order/place-batch": trading.place_batch,
        "order/cancel-batch": trading.cancel_batch,
        "order/cancel-all": trading.cancel_all,
        "position/close-all": accounts.close_all,
    }
    return {
        **{("GET", f"/v1/{name}"): Route(QUERY, handler) for name, handler in queries.items()},
        **{("POST", f"/v1/{name}"): Route(TRADE, handler) for name, handler in trades.items()},
        ("DELETE", f"/v1/order/{NAMED}"): Route(TRADE, trading.cancel_named),
        **{("POST", f"/v1/{name}"): Route(BATCH, handler) for name, handler in batches.items()},
    }
