"""Backpack's rate limits as data, and which call costs what.

The support site's developer FAQ ("rate limits") gives 2000 requests a minute and sub-account, and 30 a minute for
"historical" routes, without listing those. Every route that answers for a range of time is counted as one. Public
requests carry no account, so they can only be counted by address. A batch is one request.
"""

from collections.abc import Mapping

from adapters.common.rules import overridden
from adapters.contract import Call, CallKind, LimitRule, Limits, LimitScope

_MINUTE_MS = 60_000

_RULES = (
    LimitRule("account", LimitScope.ACCOUNT, 2000, _MINUTE_MS),
    LimitRule("account_historical", LimitScope.ACCOUNT, 30, _MINUTE_MS),
    LimitRule("ip", LimitScope.IP, 2000, _MINUTE_MS),
    LimitRule("ip_historical", LimitScope.IP, 30, _MINUTE_MS),
)

_DEBITS = {
    "account": (("account", 1),),
    "account_historical": (("account", 1), ("account_historical", 1)),
    "public": (("ip", 1),),
    "public_historical": (("ip", 1), ("ip_historical", 1)),
}

SERVER_TIME = Call("server_time", CallKind.MARKET_READ, "public")
MARKETS = Call("markets", CallKind.MARKET_READ, "public")
TICKER = Call("ticker", CallKind.MARKET_READ, "public")
ORDER_BOOK = Call("order_book", CallKind.MARKET_READ, "public")
TRADES = Call("trades", CallKind.MARKET_READ, "public_historical")
PLACE = Call("place", CallKind.ORDER, "account")
CANCEL = Call("cancel", CallKind.CANCEL, "account")
PLACE_BATCH = Call("place_batch", CallKind.ORDER, "account")
CANCEL_ALL = Call("cancel_all", CallKind.CANCEL, "account")
ORDER = Call("order", CallKind.ACCOUNT_READ, "account")
OPEN_ORDERS = Call("open_orders", CallKind.ACCOUNT_READ, "account")
ORDER_HISTORY = Call("order_history", CallKind.ACCOUNT_READ, "account_historical")
FILLS = Call("fills", CallKind.ACCOUNT_READ, "account_historical")
BALANCES = Call("balances", CallKind.ACCOUNT_READ, "account")
POSITIONS = Call("positions", CallKind.ACCOUNT_READ, "account")
WITHDRAW = Call("withdraw", CallKind.ORDER, "account")
WITHDRAWALS = Call("withdrawals", CallKind.ACCOUNT_READ, "account_historical")
DEPOSITS = Call("deposits", CallKind.ACCOUNT_READ, "account_historical")
LEDGER = Call("ledger", CallKind.ACCOUNT_READ, "account_historical")

_CALLS = (
    *(SERVER_TIME, MARKETS, TICKER, ORDER_BOOK, TRADES, PLACE, CANCEL, PLACE_BATCH, CANCEL_ALL),
    *(ORDER, OPEN_ORDERS, ORDER_HISTORY, FILLS, BALANCES, POSITIONS),
    *(WITHDRAW, WITHDRAWALS, DEPOSITS, LEDGER),
)


def limits_with(overrides: Mapping[str, tuple[int, int]]) -> Limits:
    """The rules, some replaced by `{name: (limit, period_ms)}`; raises `ValueError` for a name that is not one."""
    return Limits(rules=overridden(_RULES, overrides, of="backpack"), debits=_DEBITS, calls=_CALLS)
