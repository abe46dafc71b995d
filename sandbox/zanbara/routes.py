"""Which path is whose: every route with the class it counts in and the permission it asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.zanbara.account_calls import AccountCalls
from sandbox.zanbara.account_ledger import AccountLedger
from sandbox.zanbara.calls import Call
from sandbox.zanbara.gate import Rights
from sandbox.zanbara.limits import RequestClass
from sandbox.zanbara.margin_settings import MarginSettings
from sandbox.zanbara.market_data import MarketData
from sandbox.zanbara.order_lists import OrderLists
from sandbox.zanbara.system import System
from sandbox.zanbara.trading import Trading
from sandbox.zanbara.transfers import Transfers

Handler = Callable[[Call], Any]
NAMED = "{}"  # stands for the last part of a path that names something

MARKET = Rights(RequestClass.MARKET)
SYSTEM = Rights(RequestClass.SYSTEM)
QUERY = Rights(RequestClass.QUERY, "read")
TRADE = Rights(RequestClass.TRADE, "trade", is_for_active=True)
BATCH = Rights(RequestClass.BATCH, "trade", is_for_active=True)
CANCEL = Rights(RequestClass.TRADE, "trade")
BATCH_CANCEL = Rights(RequestClass.BATCH, "trade")
WITHDRAW = Rights(RequestClass.TRADE, "withdraw", needs_signature=True, is_for_active=True)


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


@dataclass(frozen=True, slots=True)
class PrivateCalls:
    """Whoever answers private calls."""

    trading: Trading
    lists: OrderLists
    accounts: AccountCalls
    settings: MarginSettings
    transfers: Transfers
    ledger: AccountLedger


def private_routes(calls: PrivateCalls) -> dict[tuple[str, str], Route]:
    trading, accounts, settings, transfers = calls.trading, calls.accounts, calls.settings, calls.transfers
    queries: dict[str, Handler] = {
        "account/info": accounts.info,
        "account/balance": accounts.balance,
        "account/positions": accounts.positions,
        "account/deposit-address": transfers.deposit_address,
        "account/deposits": transfers.deposits,
        "account/withdrawals": transfers.withdrawals,
        "account/ledger": calls.ledger.entries,
        "position/list": accounts.positions,
        f"position/{NAMED}": accounts.position,
        "order/list": calls.lists.orders,
        f"order/{NAMED}": trading.order,
        "trade/history": calls.lists.fills,
    }
    trades: dict[str, Handler] = {
        "order/place": trading.place,
        "order/amend": trading.amend,
        "position/close": accounts.close,
        "position/set-leverage": settings.set_leverage,
        "position/set-margin-mode": settings.set_margin_mode,
        "position/add-margin": settings.add_margin,
    }
    batches: dict[str, Handler] = {
        "order/place-batch": trading.place_batch,
        "position/close-all": accounts.close_all,
    }
    cancels: dict[str, tuple[Rights, Handler]] = {
        "order/cancel": (CANCEL, trading.cancel),
        "order/cancel-batch": (BATCH_CANCEL, trading.cancel_batch),
        "order/cancel-all": (BATCH_CANCEL, trading.cancel_all),
    }
    return {
        **{("GET", f"/v1/{name}"): Route(QUERY, handler) for name, handler in queries.items()},
        **{("POST", f"/v1/{name}"): Route(TRADE, handler) for name, handler in trades.items()},
        **{("POST", f"/v1/{name}"): Route(BATCH, handler) for name, handler in batches.items()},
        **{("POST", f"/v1/{name}"): Route(rights, handler) for name, (rights, handler) in cancels.items()},
        ("DELETE", f"/v1/order/{NAMED}"): Route(CANCEL, trading.cancel_named),
        ("POST", "/v1/account/withdraw"): Route(WITHDRAW, transfers.withdraw),
    }


def system_routes(system: System, issue_token: Handler) -> dict[tuple[str, str], Route]:
    return {
        ("GET", "/v1/system/time"): Route(SYSTEM, lambda call: {"server_time": call.now_us // 1000}),
        ("GET", "/v1/system/status"): Route(SYSTEM, system.status),
        ("GET", "/v1/health"): Route(SYSTEM, system.health),
        ("POST", "/v1/auth/token"): Route(SYSTEM, issue_token),
    }
